"""The model: one encoder pass over the rows of all tasks, and the frozen predictor that bridges consult."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ssmtl.contracts.backbone import Backbone, Pyramid
from ssmtl.contracts.bridge import Bridge, FrozenPredictor, Guide
from ssmtl.contracts.head import Head, Output
from ssmtl.contracts.shapes import Features, Images, Logits
from ssmtl.model.domain_norm import rows_of
from ssmtl.model.frozen_task import FrozenTask, TaskGuide
from ssmtl.model.mode import mode
from ssmtl.model.task_modules import TaskModules


class MultiTaskModel(nn.Module):
    """A shared backbone, and a head with an optional bridge for each task.

    :param normalize: by task, mean and std, one value per channel: its images in [0, 1] become (x − mean) / std before
        the backbone.
    :ivar begun: whether the heads were told what is known of their tasks.
    """

    def __init__(
        self,
        backbone: Backbone,
        heads: Mapping[str, Head],
        bridges: Mapping[str, Bridge],
        normalize: Mapping[str, tuple[list[float], list[float]]],
    ) -> None:
        super().__init__()
        self.begun = False
        self.backbone = backbone
        self.domain_rows = rows_of(backbone)
        self.heads = TaskModules(heads)
        self.bridges = TaskModules(bridges)
        for task, (mean, std) in normalize.items():
            self.register_buffer(f"mean_{task}", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
            self.register_buffer(f"std_{task}", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Mapping[str, Images]) -> dict[str, Logits]:
        """Logits by task for the rows of each task; the rows of all tasks are encoded in one pass."""
        return {task: decoded.logits for task, decoded in self.decoded(images).items()}

    def decoded(self, images: Mapping[str, Images]) -> "dict[str, NetworkOutput]":
        """As `forward`, with the features of each task's rows."""
        encoded = self._encode({task: self.shown(task, rows) for task, rows in images.items()})
        result, start = {}, 0
        for task, rows in images.items():
            own = slice(start, start + len(rows))
            result[task] = self.decode(task, rows, tuple(level[own] for level in encoded))
            start = own.stop
        return result

    @contextmanager
    def with_dropout(self) -> Iterator[None]:
        """Training mode for a while; statistics such as those of batch normalisation are put back afterwards."""
        buffers = [(buffer, buffer.clone()) for buffer in self.buffers()]
        with mode(self, training=True):
            yield
        for buffer, before in buffers:
            buffer.copy_(before)

    def logits(self, task: str, images: Images) -> Logits:
        """Logits of one task for its own images, in the modules' current mode."""
        return self.head(task, self.features_of(task, images, images_of=task))

    def predictor(self, task: str, images_of: str | None = None) -> FrozenPredictor:
        """The task's frozen predictor: evaluation mode, float32, differentiable in the images.

        No gradient of its logits reaches a parameter, whatever a bridge does with them.

        :param images_of: the task whose images it is shown, if not its own: normalisation goes with the images.
        """
        return FrozenTask(self, task, images_of or task)

    def bridge_maps(self, task: str, images: Images) -> Mapping[str, Tensor]:
        """By name, the maps that the task's bridge adds to the features of these images; empty without a bridge."""
        if task not in self.bridges:
            return {}
        bridge, encoded = self._bridge(task), self.encode_for(task, images)
        return bridge.maps(images, encoded, self._guides(task, images, encoded, task))

    def output(self, task: str) -> Output:
        """What the task's logits mean."""
        return self.head_of(task).output

    def features_of(self, task: str, images: Images, images_of: str) -> Features:
        """The features that one task's head reads. :param images_of: the task whose images they are."""
        return self._bridged(task, images, self.encode_for(task, images, images_of), images_of)

    def encode_for(self, task: str, images: Images, images_of: str | None = None) -> Features:
        """The backbone's features of images as one task looks at them.

        :param images_of: the task whose images they are, if not its own.
        """
        return self._encode({images_of or task: self.shown(task, images, images_of)})

    def looks(self, task: str) -> bool:
        """Whether the task's bridge shows the backbone something else than the image."""
        return task in self.bridges and type(self._bridge(task)).look is not Bridge.look

    def shown(self, task: str, images: Images, images_of: str | None = None) -> Images:
        """What the backbone is shown for one task in the place of these images, in [0, 1]; most often they themselves.

        :param images_of: the task whose images they are, if not its own.
        """
        if not self.looks(task):
            return images
        bridge = self._bridge(task)
        return bridge.look(images, {name: FrozenTask(self, name, images_of or task) for name in bridge.reads})

    @property
    def device_type(self) -> str:
        """Such as 'cpu'."""
        return next(self.parameters()).device.type

    def _normalized(self, task: str, images: Images) -> Images:
        return (images - self.get_buffer(f"mean_{task}")) / self.get_buffer(f"std_{task}")

    def _encode(self, images: Mapping[str, Tensor]) -> Features:
        if self.domain_rows is not None:
            self.domain_rows.tell((task, rows.shape[0]) for task, rows in images.items())
        features: Features = self.backbone(torch.cat([self._normalized(task, rows) for task, rows in images.items()]))
        return features

    def domain_of(self, task: str) -> str | None:
        """The source whose statistics the backbone takes for a task's images; None: they have no own."""
        return None if self.domain_rows is None else self.domain_rows.domains[task]

    def decode(self, task: str, images: Images, encoded: Features, images_of: str | None = None) -> "NetworkOutput":
        """One task's bridge and head, on features of some rows.

        :param images: of the rows, in [0, 1]. :param images_of: the task whose images they are, if not its own.
        """
        bridged = self._bridged(task, images, encoded, images_of or task)
        return NetworkOutput(encoded, bridged, self.head(task, bridged))

    def _bridged(self, task: str, images: Images, encoded: Features, images_of: str) -> Features:
        if task in self.bridges:
            encoded = self._bridge(task)(images, encoded, self._guides(task, images, encoded, images_of))
        return encoded

    def head_of(self, task: str) -> Head:
        """The module itself."""
        head = self.heads[task]
        assert isinstance(head, Head)
        return head

    def head(self, task: str, features: Features) -> Logits:
        """One task's head alone. :param features: as its bridge, if there is one, gives them."""
        logits: Logits = self.heads[task](features)
        return logits

    def pyramid_of(self, task: str) -> Pyramid:
        """Of the features that the task's head reads."""
        return self._bridge(task).pyramid if task in self.bridges else self.backbone.pyramid

    def _bridge(self, task: str) -> Bridge:
        bridge = self.bridges[task]
        assert isinstance(bridge, Bridge)
        return bridge

    def _guides(self, task: str, images: Images, encoded: Features, images_of: str) -> dict[str, Guide]:
        bridge = self._bridge(task)
        names = bridge.reads | bridge.learns_from
        return {name: TaskGuide(self, name, images_of, task, images, encoded) for name in names}


@dataclass(frozen=True)
class NetworkOutput:
    """What the network says of some rows of one task.

    :param encoded: the backbone's features. :param bridged: those that the head reads. :param logits: the head's.
    """

    encoded: Features
    bridged: Features
    logits: Logits
