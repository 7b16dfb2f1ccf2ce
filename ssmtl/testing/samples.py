"""Small images, targets, random streams and models to try components with; the same in every call."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssmtl.builtins.pooled_linear import PooledLinear
from ssmtl.contracts.backbone import Backbone, Pyramid
from ssmtl.contracts.head import Head, Kind, Output
from ssmtl.contracts.outputs import Outputs
from ssmtl.contracts.random_stream import RandomStream
from ssmtl.contracts.shapes import Features, Images, Logits, Masks
from ssmtl.contracts.task_facts import TaskFacts
from ssmtl.contracts.view import View
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.model.single_task_network import SingleTaskNetwork

KINDS: tuple[Kind, ...] = ("multiclass", "multilabel", "masks")

OUTPUTS = (
    Output("multiclass", ("a", "b")),
    Output("multiclass", ("a", "b", "c")),
    Output("multilabel", ("a",)),
    Output("multilabel", ("a", "b", "c")),
    Output("masks", ("a",)),
    Output("masks", ("a", "b")),
)
"""The outputs that a strategy or a metric may meet."""


def generator(seed: int) -> torch.Generator:
    """A seeded generator on the CPU."""
    return torch.Generator().manual_seed(seed)


def images(rows: int, size: int = 32, channels: int = 1, seed: int = 0) -> Images:
    """Smooth random images in [0, 1]."""
    coarse = torch.rand(rows, channels, 5, 5, generator=generator(seed))
    return F.interpolate(coarse, size=(size, size), mode="bilinear").clamp(0, 1)


def masks(rows: int, structures: int, size: int = 32, seed: int = 0) -> Masks:
    """Random blobs, 0 or 1; the first row's are empty."""
    blobs = (images(rows, size, structures, seed + 1) > 0.5).float()
    blobs[0] = 0
    return blobs


def targets(output: Output, rows: int, size: int = 32, seed: int = 0) -> Tensor:
    """Labels or masks, as a labelled view has them; every class occurs if there are as many rows."""
    if output.kind == "masks":
        return masks(rows, len(output.classes), size, seed)
    classes = (torch.arange(rows) + seed) % len(output.classes)
    if output.kind == "multiclass":
        return classes
    return torch.cat(
        [F.one_hot(classes, len(output.classes))[:-1], torch.zeros(1, len(output.classes), dtype=torch.int64)]
    ).float()


def logits(output: Output, rows: int, size: int = 32, seed: int = 0, scale: float = 2.0) -> Logits:
    """Random logits of the output's shape."""
    pixels = (size, size) if output.kind == "masks" else ()
    return torch.randn(rows, len(output.classes), *pixels, generator=generator(seed)) * scale


def stream(rows: int, context: str = "sample", first: int = 0) -> RandomStream:
    """The random stream of `rows` samples."""
    return RandomStream.of(np.arange(first, first + rows, dtype=np.uint64), 0, context)


def truth(output: Output, views: Iterable[View], rows: Mapping[str, int]) -> dict[View, Tensor]:
    """Classes of the unlabelled rows, the first unknown; nothing for masks, as in training."""
    if output.kind == "masks":
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


class SampleOutputs(Outputs):
    """`Outputs` with the given logits; features are leaves, and the head on them is a fixed projection."""

    def __init__(self, logits: Mapping[View, Logits]) -> None:
        self._logits = logits
        example = next(iter(logits.values()))
        names = tuple("abcdefgh"[: example.shape[1]])
        self._output = Output("masks" if example.ndim == 4 else "multilabel", names)
        self._features: dict[tuple[View, bool], Features] = {}
        self.asked: set[View] = set()

    def __getitem__(self, view: View) -> Logits:
        return self._logits[view]

    def __iter__(self) -> Iterator[View]:
        return iter(self._logits)

    def __len__(self) -> int:
        return len(self._logits)

    def features(self, view: View, *, bridged: bool = True) -> Features:
        """Two levels of random numbers, the first at the logits' size."""
        self.asked.add(view)
        rows, size = len(self._logits[view]), self._logits[view].shape[-1] if self._output.kind == "masks" else 16
        shapes = [(rows, 4, size, size), (rows, 6, size // 2, size // 2)]
        if (view, bridged) not in self._features:
            levels = (torch.randn(*shape, generator=generator(seed)) for seed, shape in enumerate(shapes))
            self._features[view, bridged] = tuple(level.requires_grad_() for level in levels)
        return self._features[view, bridged]

    def part(self, number: int, of: int) -> "SampleOutputs":
        """Those of some of the rows."""

        def some(rows: Tensor) -> Tensor:
            return rows[number * len(rows) // of : (number + 1) * len(rows) // of]

        own = SampleOutputs({view: some(logits) for view, logits in self._logits.items()})
        for place, levels in self._features.items():
            own._features[place] = tuple(some(level) for level in levels)
        return own

    def decode(self, features: Features) -> Logits:
        """A fixed projection of the finest level."""
        return self._projected(features[0], self._output)

    def of(self, task: str, view: View) -> Logits:
        """Likewise."""
        return self._projected(self.features(view, bridged=False)[0], self.output_of(task))

    def output_of(self, task: str) -> Output:
        """Every other task has three exclusive classes."""
        return Output("multiclass", ("a", "b", "c"))

    @staticmethod
    def _projected(level: Tensor, output: Output) -> Logits:
        classes = len(output.classes)
        weights = torch.randn(classes, level.shape[1], generator=generator(7))
        pixels = torch.einsum("kc,rchw->rkhw", weights, level)
        return pixels if output.kind == "masks" else pixels.mean((2, 3))


def facts(output: Output, images: Mapping[str, int]) -> TaskFacts:
    """Of a task with so many images in each pool. :param images: by pool."""
    kind = output.kind
    pyramid = SampleBackbone().pyramid
    counts = None if kind == "masks" else torch.full((len(output.classes),), images["labeled"])

    def network() -> nn.Module:
        head, backbone = _sample_head(kind, pyramid, output.classes), SampleBackbone(plain=True)
        return SingleTaskNetwork(MultiTaskModel(backbone, {"task": head}, {}, {"task": ([0.5], [0.25])}), "task")

    return TaskFacts(
        "task", ("task", "another task"), output, pyramid, images, counts, 100,
        lambda: _sample_head(kind, pyramid, output.classes), network,
    )  # fmt: skip


class SampleBackbone(Backbone):
    """Five narrow levels with batch norm and dropout, so that disturbing its statistics or flags is noticed.

    :param plain: without both.
    """

    def __init__(self, image_channels: int = 1, *, plain: bool = False) -> None:
        super().__init__()
        self.pyramid = Pyramid((4, 4, 6, 6, 8), (1, 2, 4, 8, 16), image_channels)
        inputs = (image_channels, *self.pyramid.channels[:-1])
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 3, padding=1),
                nn.Identity() if plain else nn.BatchNorm2d(after),
                nn.GELU(),
                nn.Dropout(0.0 if plain else 0.2),
            )
            for before, after in zip(inputs, self.pyramid.channels, strict=True)
        )

    def forward(self, images: Images) -> Features:
        levels, features = [], images
        for number, block in enumerate(self.blocks):
            features = block(F.avg_pool2d(features, 2) if number else features)
            levels.append(features)
        return tuple(levels)


class SampleMasks(Head):
    """A convolution on the finest level."""

    def __init__(self, pyramid: Pyramid, classes: tuple[str, ...] = ("a",)) -> None:
        super().__init__()
        self.output = Output("masks", classes)
        self.last = nn.Conv2d(pyramid.channels[0], len(classes), 1)

    def forward(self, features: Features) -> Logits:
        pixels: Tensor = self.last(features[0])
        return pixels


def sample_model(tasks: Iterable[str], kind: Kind, image_channels: int = 1) -> MultiTaskModel:
    """A model with one head of `kind` per task, and no bridges."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone = SampleBackbone(image_channels)
        heads = {task: _sample_head(kind, backbone.pyramid) for task in tasks}
    return MultiTaskModel(backbone, heads, {}, {task: ([0.5], [0.25]) for task in heads})


def _sample_head(kind: Kind, pyramid: Pyramid, classes: tuple[str, ...] | None = None) -> Head:
    if kind == "masks":
        return SampleMasks(pyramid, classes or ("a",))
    return PooledLinear(pyramid, classes=classes or ("a", "b", "c"), multilabel=kind == "multilabel")
