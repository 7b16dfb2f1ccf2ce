"""A task as other tasks' bridges see it: a frozen predictor, and its own features with gradient."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.func import functional_call

from ssmtl.contracts.bridge import Bridge
from ssmtl.contracts.head import Output
from ssmtl.contracts.shapes import Features, Images, Logits
from ssmtl.model.mode import mode

if TYPE_CHECKING:
    from ssmtl.model.multi_task_model import MultiTaskModel


@dataclass(frozen=True)
class FrozenTask:
    """See `ssmtl.contracts.bridge.FrozenPredictor`. :param images_of: the task whose normalisation images need."""

    model: "MultiTaskModel"
    task: str
    images_of: str

    @property
    def output(self) -> Output:
        """What its logits mean."""
        return self.model.output(self.task)

    def __call__(self, images: Images) -> Logits:
        """Images in [0, 1] to logits."""
        return self.decode(self.features(images))

    def features(self, images: Images) -> Features:
        """Images in [0, 1] to the features that the head reads."""
        features: Features = self._frozen("features", images.float())
        return features

    def decode(self, features: Features) -> Logits:
        """Such features to logits."""
        self.model.pyramid_of(self.task).check(features)
        logits: Logits = self._frozen("decode", tuple(level.float() for level in features))
        return logits

    def _frozen(self, what: str, given: Any) -> Any:
        module = _Method(self.model)
        constants = {f"model.{name}": weight.detach() for name, weight in self.model.named_parameters()}
        device = self.model.device_type
        with mode(self.model, training=False), torch.autocast(device, enabled=False):
            return functional_call(module, constants, (what, self.task, given, self.images_of))


@dataclass(frozen=True)
class TaskGuide(FrozenTask):
    """See `ssmtl.contracts.bridge.Guide`.

    :param reader: the task whose bridge asks. :param images, encoded: of the rows that it is given.
    """

    reader: str
    images: Images
    encoded: Features

    def own_features(self) -> Features:
        """The task's own features of those rows, with gradient."""
        reader = self.model.bridges[self.reader]
        assert isinstance(reader, Bridge)
        if self.task not in reader.learns_from:
            raise ValueError(f"the bridge of '{self.reader}' does not name '{self.task}' in learns_from")
        if self.task not in self.model.bridges:
            return self.encoded
        bridge = self.model.bridges[self.task]
        assert isinstance(bridge, Bridge)
        return bridge.own_features(self.images, self.encoded)


class _Method(nn.Module):
    """Part of a model's computation as a module's forward pass, as `functional_call` needs it."""

    def __init__(self, model: "MultiTaskModel") -> None:
        super().__init__()
        self.model = model

    def forward(self, what: str, task: str, given: Any, images_of: str) -> Any:
        if what == "decode":
            return self.model.head(task, given)
        return self.model.features_of(task, given, images_of)
