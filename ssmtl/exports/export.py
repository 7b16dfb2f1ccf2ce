"""A run, or several as an ensemble, into one file, which is tried before it is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ssmtl.atomic_file import replacing
from ssmtl.errors import RunError, nearest
from ssmtl.exports.facts import facts_of
from ssmtl.exports.model_card import model_card
from ssmtl.exports.onnx_file import check_onnx, onnx_file, onnx_outputs
from ssmtl.exports.program import program_of
from ssmtl.exports.torch_file import torch_file, torch_outputs
from ssmtl.inference.model import Model
from ssmtl.runs.folder import RunFolder

Format = Literal["onnx", "torch"]

SUFFIX: dict[Format, str] = {"onnx": ".onnx", "torch": ".pt2"}

LARGEST_DIFFERENCE = 1e-4
"""Between a file's outputs and the network's; a file that differs more is not written."""

CONSTANT = 0.25
"""A grey that has no structure at all, where normalisation divides by next to nothing."""

CONSTANTS = 2
"""How many such images are tried, after the others."""


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
        if not path.parent.is_dir():
            raise RunError(f"--out {path}: there is no folder {path.parent}")
        return path, card, opset


def export_model(model: Model, runs: Sequence[RunFolder], job: ExportJob) -> ExportedFile:
    """:param model: of these runs, on the CPU.

    :raises PluginError: naming the component that cannot be exported.
    :raises RunError: if the network cannot be exported, or the file does not say what the network says.
    """
    path, card, opset = job.check(runs)
    program, module = program_of(model, job.maps)
    example = {name: values.shape[1:] for name, values in _said(module, _images(model)[0]).items()}
    results = [run.read_results() for run in runs]
    facts = facts_of(model, results, {name: tuple(shape) for name, shape in example.items()})
    names = tuple(example)
    if job.format == "onnx":
        content, outputs = onnx_file(program, names, facts, opset), onnx_outputs
    else:
        content, outputs = torch_file(program, facts), torch_outputs
    difference = _difference(model, module, lambda images: outputs(content, images))
    text = model_card(runs, results, facts, job.format, path.name, difference)
    with replacing(card) as second, replacing(path) as first:
        first.write(content)
        second.write(text.encode("utf-8", "backslashreplace"))
    return ExportedFile(path, card, job.format, names, difference)


def _images(model: Model) -> list[Tensor]:
    """Batches of 1, 2, 3 and 7 random images, the same each time, and constant ones."""
    random = torch.Generator().manual_seed(0)
    shape = model.shape
    return [
        *(torch.rand(rows, *shape, generator=random) for rows in (1, 2, 3, 7)),
        torch.full((CONSTANTS, *shape), CONSTANT),
    ]


def _said(module: nn.Module, images: Tensor) -> dict[str, Tensor]:
    with torch.no_grad():
        said: dict[str, Tensor] = module(images)
    return said


def _difference(model: Model, module: nn.Module, exported: Callable[[Tensor], dict[str, Tensor]]) -> float:
    """The largest of all images; of a map, the median of the images with structure: a gradient jumps where two pixels
    are equally large, so that the last digit decides, in PyTorch too.

    :raises RunError: if it is too large.
    """
    off: dict[str, list[float]] = {}
    for images in _images(model):
        before, after = _said(module, images), exported(images)
        for name, values in before.items():
            if after[name].shape != values.shape:
                raise RunError(f"the exported '{name}' has the shape {after[name].shape}, expected {values.shape}")
            off.setdefault(name, []).extend((values - after[name]).abs().flatten(1).amax(1).tolist())
    found = {
        name: max(values) if name in model.tasks else sorted(values[:-CONSTANTS])[(len(values) - CONSTANTS) // 2]
        for name, values in off.items()
    }
    for name, value in found.items():
        if not value <= LARGEST_DIFFERENCE:
            raise RunError(
                f"the exported '{name}' differs from PyTorch's by {value:.1e}, expected at most "
                f"{LARGEST_DIFFERENCE:.0e}; nothing was written"
            )
    return max(found.values())


def _as_name(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "_-" else "-" for letter in text).strip("-") or "model"
