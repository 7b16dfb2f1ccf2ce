"""A run, or several as an ensemble, into one file, which is tried before it is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ssmtl.atomic_file import replacing
from ssmtl.errors import RunError, nearest, warn
from ssmtl.exports.facts import facts_of
from ssmtl.exports.model_card import model_card
from ssmtl.exports.onnx_file import check_onnx, onnx_file, onnx_outputs
from ssmtl.exports.parity import largest_difference, said, trial_images
from ssmtl.exports.program import program_of
from ssmtl.exports.torch_file import torch_file, torch_outputs
from ssmtl.inference.model import Model
from ssmtl.output_file import check_output
from ssmtl.runs.folder import RunFolder

Format = Literal["onnx", "torch"]

SUFFIX: dict[Format, str] = {"onnx": ".onnx", "torch": ".pt2"}


@dataclass(frozen=True)
class ExportedFile:
    """:param path: of the file. :param card: of the model card, in Markdown. :param outputs: their names, in order.

    :param difference: the largest between its outputs and the network's, on a few images.
    """

    path: Path
    card: Path
    format: Format
    outputs: tuple[str, ...]
    difference: float


@dataclass(frozen=True)
class ExportJob:
    """:param out: None: named after the recipe, in the current folder. :param opset: of ONNX; None: the usual one."""

    out: Path | None = None
    format: Format = "onnx"
    maps: bool = False
    opset: int | None = None

    def check(self, runs: Sequence[RunFolder]) -> "tuple[Path, Path, int]":
        """File, card and version of ONNX's operations; what can be known before anything is loaded.

        :raises RunError: if it cannot be done.
        """
        if self.format not in get_args(Format):
            raise RunError(
                f"there is no format '{self.format}'; expected onnx or torch ({nearest(self.format, SUFFIX)})"
            )
        if not isinstance(self.maps, bool):
            raise RunError(f"maps: {self.maps!r}; expected True or False")
        if self.opset is not None and not isinstance(self.opset, int):
            raise RunError(f"--opset {self.opset!r}: expected a whole number")
        if self.opset is not None and self.format != "onnx":
            raise RunError("--opset is a version of ONNX's operations; expected it with --format onnx alone")
        opset = check_onnx(self.opset) if self.format == "onnx" else 0
        name = runs[0].read_recipe().validated().name
        path = self.out if self.out is not None else Path(_as_name(name) + SUFFIX[self.format])
        if path.suffix != SUFFIX[self.format]:
            raise RunError(f"--out {path}: expected a name that ends in {SUFFIX[self.format]}")
        card = path.with_name(path.name + ".md")
        for one in (path, card):
            for run in runs:
                run.check_not_own(one)
            if one.exists() or one.is_symlink():
                raise RunError(f"{one} is already there; remove it, or give another --out")
        check_output(path, "--out", makes_folders=True)
        return path, card, opset


def export_model(model: Model, runs: Sequence[RunFolder], job: ExportJob) -> ExportedFile:
    """:param model: of these runs, on the CPU.

    :raises PluginError: naming the component that cannot be exported.
    :raises RunError: if the network cannot be exported, or the file does not say what the network says.
    """
    path, card, opset = job.check(runs)
    program, module = program_of(model, job.maps)
    example = {name: values.shape[1:] for name, values in said(module, trial_images(model)[0]).items()}
    results = [run.read_results() for run in runs]
    facts = facts_of(model, results, {name: tuple(shape) for name, shape in example.items()})
    names = tuple(example)
    if job.format == "onnx":
        content, outputs = onnx_file(program, names, facts, opset), onnx_outputs
    else:
        content, outputs = torch_file(program, facts), torch_outputs
    try:
        difference = largest_difference(model, module, lambda images: outputs(content, images))
    except RunError as error:
        raise RunError(f"{error}; --format torch may agree better") if job.format == "onnx" else error from None
    if job.maps and set(names) == set(model.tasks):
        warn("--maps: no bridge of this network gives its head maps; the file has none")
    text = model_card(runs, results, facts, job.format, path.name, difference, model.decides)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(card) as second, replacing(path) as first:
        first.write(content)
        second.write(text.encode("utf-8", "backslashreplace"))
    return ExportedFile(path, card, job.format, names, difference)


def _as_name(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "_-" else "-" for letter in text).strip("-") or "model"
