"""A program as an ONNX file; needs the extra `onnx`."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from ssmtl.errors import RunError, first_line
from ssmtl.exports.quiet import quiet

OLDEST, USUAL_OPSET, NEWEST = 18, 20, 23
"""Versions of ONNX's operations: what PyTorch's exporter writes; its own choice is the one in the middle."""


def check_onnx(opset: int | None) -> int:
    """The version of ONNX's operations to write.

    :raises RunError: without the extra, or if the installed packages do not know the version.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401 - the file is tried before it is written
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise RunError(f"--format onnx needs onnx and onnxruntime: pip install 'ssmtl[onnx]' ({error})") from error
    newest = min(NEWEST, onnx.defs.onnx_opset_version())
    wanted = USUAL_OPSET if opset is None else opset
    if not OLDEST <= wanted <= newest:
        raise RunError(
            f"--opset {wanted}: PyTorch {torch.__version__} and onnx {onnx.__version__} write {OLDEST} to {newest}"
        )
    return wanted


def onnx_file(program: ExportedProgram, outputs: Sequence[str], facts: Mapping[str, Any], opset: int) -> bytes:
    """:param outputs: their names, in order. :param facts: each becomes one of the file's `metadata_props`, as JSON.

    :raises RunError: if an operation has no counterpart, or the file would be larger than 2 GB.
    """
    with quiet():
        try:
            made = torch.onnx.export(
                program,
                dynamo=True,
                verbose=False,
                external_data=False,
                opset_version=opset,
                input_names=["images"],
                output_names=list(outputs),
            )
            assert made is not None
            model = made.model
            _clean(model)
            for name, fact in facts.items():
                model.metadata_props[name] = fact if isinstance(fact, str) else json.dumps(fact)
            proto = made.model_proto
            content: bytes = proto.SerializeToString()
        except Exception as error:
            raise RunError(f"the network cannot be written as ONNX: {_reason(error)}") from error
    written = next(one.version for one in proto.opset_import if one.domain == "")
    if written != opset:
        raise RunError(f"--opset {opset}: this network needs operations of version {written}")
    return content


def onnx_outputs(content: bytes, images: Tensor) -> dict[str, Tensor]:
    """What onnxruntime says of images: by name."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]
    values = session.run(names, {"images": images.numpy()})
    return {name: torch.from_numpy(value) for name, value in zip(names, values, strict=True)}


def _clean(model: Any) -> None:
    """The batch gets its name; where the code lies on this machine goes."""
    symbol = str(model.graph.inputs[0].shape[0])
    values = [*model.graph.inputs, *model.graph.initializers.values()]
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        values += node.outputs
    for value in values:
        value.metadata_props.clear()
        for place, size in enumerate(value.shape or ()):
            if symbol in re.findall(r"\w+", str(size)):  # a size that is not known has no name, and gets none
                value.shape[place] = re.sub(rf"\b{re.escape(symbol)}\b", "batch", str(size))
    for function in model.functions.values():
        for node in function.all_nodes():
            node.metadata_props.clear()


def _reason(error: BaseException) -> str:
    """The innermost cause: the exporter wraps it in advice to its own developers."""
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)
