"""The model: one encoder pass over the rows of all tasks, and the frozen predictor that bridges consult."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ssmtl.backbone import Backbone
from ssmtl.bridge import Bridge, Predict
from ssmtl.head import Head, Output
from ssmtl.shapes import Features, Images, Logits


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Dropout off and statistics fixed; each submodule's previous flag comes back, also after an error."""
    flags = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in flags:
            part.training = training


class MultiTaskModel(nn.Module):
    """A shared backbone, and a head with an optional bridge for each task.

    :param mean, std: images in [0, 1] are normalised as (x − mean) / std before the backbone; one value a channel.
    """

    def __init__(
        self,
        backbone: Backbone,
        heads: Mapping[str, Head],
        bridges: Mapping[str, Bridge],
        mean: list[float],
        std: list[float],
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ModuleDict(heads)
        self.bridges = nn.ModuleDict(bridges)
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Mapping[str, Images]) -> dict[str, Logits]:
        """Logits by task for the rows of each task; the rows of all tasks are encoded in one pass."""
        encoded = self._encode(torch.cat(list(images.values())))
        logits, start = {}, 0
        for task, rows in images.items():
            part = tuple(level[start : start + len(rows)] for level in encoded)
            logits[task] = self._decode(task, rows, part)
            start += len(rows)
        return logits

    def logits(self, task: str, images: Images) -> Logits:
        """Logits of one task, in the mode that the modules are in."""
        return self._decode(task, images, self._encode(images))

    def predictor(self, task: str) -> Predict:
        """The task's frozen predictor: evaluation mode, float32, differentiable in the images.

        It leaves parameter gradients alone as long as it is differentiated with `torch.autograd.grad`.
        """
        return _FrozenPredictor(self, task)

    def output(self, task: str) -> Output:
        """What the task's logits mean."""
        head = self.heads[task]
        assert isinstance(head, Head)
        return head.output

    def _encode(self, images: Images) -> Features:
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        features: Features = self.backbone((images - mean) / std)
        return features

    def _decode(self, task: str, images: Images, features: Features) -> Logits:
        if task in self.bridges:
            bridge = self.bridges[task]
            assert isinstance(bridge, Bridge)
            predict = {name: self.predictor(name) for name in bridge.reads}
            features = bridge(images, features, predict)
        logits: Tensor = self.heads[task](features)
        return logits


@dataclass(frozen=True)
class _FrozenPredictor:
    model: MultiTaskModel
    task: str

    @property
    def output(self) -> Output:
        return self.model.output(self.task)

    def __call__(self, images: Images) -> Logits:
        with evaluation_mode(self.model), torch.autocast(images.device.type, enabled=False):
            return self.model.logits(self.task, images.float())
