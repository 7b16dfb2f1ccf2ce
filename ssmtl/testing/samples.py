"""Small images, targets and random streams to try components with; the same in every call."""

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ssmtl.contracts.head import Kind, Output
from ssmtl.contracts.random_stream import RandomStream
from ssmtl.contracts.shapes import Images, Logits, Masks, Size, sides
from ssmtl.contracts.view import View

KINDS: tuple[Kind, ...] = ("multiclass", "multilabel", "masks", "numbers", "none")

OUTPUTS = (
    Output("multiclass", ("a", "b")),
    Output("multiclass", ("a", "b", "c")),
    Output("multilabel", ("a",)),
    Output("multilabel", ("a", "b", "c")),
    Output("masks", ("a",)),
    Output("masks", ("a", "b")),
    Output("masks", ("a", "b"), exclusive=True),
    Output("numbers", ("a",)),
    Output("numbers", ("a", "b")),
)
"""The outputs that a strategy or a metric may meet."""

NOTHING = Output("none", ())
"""Another one that a strategy may meet: of a task without labels."""


def generator(seed: int) -> torch.Generator:
    """A seeded generator on the CPU."""
    return torch.Generator().manual_seed(seed)


def images(rows: int, size: Size = 32, channels: int = 1, seed: int = 0) -> Images:
    """Smooth random images in [0, 1]."""
    coarse = torch.rand(rows, channels, 5, 5, generator=generator(seed))
    return F.interpolate(coarse, size=sides(size), mode="bilinear").clamp(0, 1)


def masks(rows: int, structures: int, size: Size = 32, seed: int = 0) -> Masks:
    """Random blobs, 0 or 1; the first row's are empty."""
    blobs = (images(rows, size, structures, seed + 1) > 0.5).float()
    blobs[0] = 0
    return blobs


def targets(output: Output, rows: int, size: Size = 32, seed: int = 0) -> Tensor:
    """Labels or masks, as a labelled view has them; every class occurs if there are as many rows."""
    if output.kind == "masks":
        return masks(rows, len(output.classes), size, seed)
    if output.kind == "numbers":
        return torch.randn(rows, len(output.classes), generator=generator(seed))
    classes = (torch.arange(rows) + seed) % len(output.classes)
    if output.kind == "multiclass":
        return classes
    return torch.cat(
        [F.one_hot(classes, len(output.classes))[:-1], torch.zeros(1, len(output.classes), dtype=torch.int64)]
    ).float()


def logits(output: Output, rows: int, size: Size = 32, seed: int = 0, scale: float = 2.0) -> Logits:
    """Random logits of the output's shape."""
    pixels = sides(size) if output.kind == "masks" else ()
    return torch.randn(rows, len(output.classes), *pixels, generator=generator(seed)) * scale


def stream(rows: int, context: str = "sample", first: int = 0) -> RandomStream:
    """The random stream of `rows` samples."""
    return RandomStream.of(np.arange(first, first + rows, dtype=np.uint64), 0, context)


def truth(output: Output, views: Iterable[View], rows: Mapping[str, int]) -> dict[View, Tensor]:
    """Classes of the unlabelled rows, the first unknown; nothing for masks, as in training."""
    if output.kind in ("masks", "none"):
        return {}
    classes = {view: targets(output, rows[view.pool]) for view in views if view.pool == "unlabeled"}
    if output.kind == "multiclass":
        for indices in classes.values():
            indices[0] = -1
    return classes


class SamplePredictor:
    """A `TaskPredictor` whose logits are a fixed function of the images, whatever `weights` and `training`."""

    def __init__(self, output: Output, scale: float = 8.0) -> None:
        self.output = output
        self.scale = scale

    def __call__(
        self,
        images: Images,
        *,
        weights: Literal["student", "ema"] = "student",
        training: bool = False,
        differentiable: bool = False,
    ) -> Logits:
        assert weights in ("student", "ema"), f"predict was asked for the weights '{weights}'"
        assert isinstance(training, bool), f"predict was given training={training!r}"
        with torch.set_grad_enabled(differentiable):
            return self._logits(images)

    def _logits(self, images: Images) -> Logits:
        centre = images.mean(1) - 0.5
        channels = [self.scale * centre * (-1) ** index * (index + 1) for index in range(len(self.output.classes))]
        pixels = torch.stack(channels, dim=1)
        return pixels if self.output.kind == "masks" else 10 * pixels.mean((2, 3))


def mirrored(masks: Tensor) -> Tensor:
    """How a view's augmentation moves masks: `Batch.moves`."""
    return masks.flip(-1)
