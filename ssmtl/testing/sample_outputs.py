"""What a strategy is given, made up: facts of its task, and outputs for its batch."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from ssmtl.contracts.head import Output
from ssmtl.contracts.outputs import Outputs
from ssmtl.contracts.shapes import Features, Logits
from ssmtl.contracts.task_facts import TaskFacts
from ssmtl.contracts.view import View
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.model.single_task_network import SingleTaskNetwork
from ssmtl.testing.sample_model import SampleBackbone, sample_head
from ssmtl.testing.samples import generator

OTHER = Output("multiclass", ("a", "b", "c"))
"""Of every other task."""


class Others(dict[str, Output]):
    """The outputs of a sample's tasks, which may be called anything."""

    def __missing__(self, task: str) -> Output:
        return OTHER


class SampleOutputs(Outputs):
    """`Outputs` with the given logits; features are leaves, and the head on them is a fixed projection."""

    def __init__(self, logits: Mapping[View, Logits]) -> None:
        self._logits = logits
        example = next(iter(logits.values()))
        names = tuple("abcdefgh"[: example.shape[1]])
        self._output = Output("masks" if example.ndim == 4 else "multilabel", names)
        self._features: dict[tuple[View, bool], Features] = {}
        self.kept: dict[View, Tensor] = {}

    @property
    def given(self) -> dict[View, list[Tensor]]:
        """By view, the features that were asked for."""
        given: dict[View, list[Tensor]] = {}
        for (view, _), levels in self._features.items():
            given.setdefault(view, []).extend(levels)
        return given

    def __getitem__(self, view: View) -> Logits:
        return self._logits[view]

    def __iter__(self) -> Iterator[View]:
        return iter(self._logits)

    def __len__(self) -> int:
        return len(self._logits)

    def features(self, view: View, *, bridged: bool = True) -> Features:
        """Random numbers of the shapes that `SampleBackbone` gives for images of the logits' size."""
        logits = self._logits[view]
        frame = logits.shape[-2:] if self._output.kind == "masks" else (16, 16)
        pyramid = SampleBackbone().pyramid
        shapes = [
            (len(logits), channels, *(side // stride for side in frame))
            for channels, stride in zip(pyramid.channels, pyramid.strides, strict=True)
        ]
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

    def twice(self) -> "SampleOutputs":
        """Those of every row, and then of every row again."""

        def both(rows: Tensor) -> Tensor:
            return torch.cat([rows, rows])

        own = SampleOutputs({view: both(logits) for view, logits in self._logits.items()})
        for place, levels in self._features.items():
            own._features[place] = tuple(both(level) for level in levels)
        return own

    def decode(self, features: Features) -> Logits:
        """A fixed projection of the finest level."""
        return self._projected(features[0], self._output)

    def keep(self, view: View, rows: Tensor) -> None:
        """For whoever asks."""
        assert view not in self._logits, f"{view} has logits already; what is kept needs a view of its own"
        self.kept[view] = rows.detach()

    def of(self, task: str, view: View) -> Logits:
        """Likewise."""
        return self._projected(self.features(view, bridged=False)[0], OTHER)

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
    classes = len(output.classes)
    counts = None if kind in ("masks", "numbers") else torch.full((classes,), images["labeled"] // (classes + 1))
    known = None if counts is None else torch.full_like(counts, images["labeled"])

    def network() -> nn.Module:
        head, backbone = sample_head(kind, pyramid, output.classes), SampleBackbone(plain=True)
        return SingleTaskNetwork(MultiTaskModel(backbone, {"task": head}, {}, {"task": ([0.5], [0.25])}), "task")

    return TaskFacts(
        "task",
        Others(task=output),
        pyramid,
        images,
        counts,
        100,
        lambda: sample_head(kind, pyramid, output.classes),
        network,
        known,
        (torch.zeros(classes), torch.full((classes,), 2.0)) if kind == "numbers" else None,
    )
