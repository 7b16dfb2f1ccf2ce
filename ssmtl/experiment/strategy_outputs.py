"""The engine's side of `Outputs`: slices of one pass, and what is computed from them on request."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from torch import Tensor

from ssmtl.contracts.outputs import Outputs
from ssmtl.contracts.shapes import Features, Images, Logits
from ssmtl.contracts.view import View
from ssmtl.errors import nearest
from ssmtl.model.multi_task_model import MultiTaskModel, NetworkOutput

Autocast = Callable[[], AbstractContextManager[Any]]


class StrategyOutputs(Outputs):
    """:param images: of all rows of the task in this pass. :param places: of the strategy's views among them.

    :param autocast: the context in which the network computes.
    """

    def __init__(
        self,
        model: MultiTaskModel,
        task: str,
        images: Images,
        decoded: NetworkOutput,
        places: Mapping[View, slice],
        autocast: Autocast,
    ) -> None:
        self._model, self._task, self._images, self._decoded, self._places = model, task, images, decoded, places
        self._autocast = autocast
        self._logits: dict[View, Tensor] = {}
        self.kept: dict[View, Tensor] = {}

    def __getitem__(self, view: View) -> Logits:
        if view not in self._logits:
            self._logits[view] = self._decoded.logits[self._places[view]].float()
        return self._logits[view]

    def __iter__(self) -> Iterator[View]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def features(self, view: View, *, bridged: bool = True) -> Features:
        """As in the contract."""
        if view not in self._places:
            raise ValueError(f"features of {view}: this strategy's views are {', '.join(map(str, self._places))}")
        levels = self._decoded.bridged if bridged else self._decoded.encoded
        return tuple(level[self._places[view]] for level in levels)

    def decode(self, features: Features) -> Logits:
        """As in the contract."""
        self._model.pyramid_of(self._task).check(features)
        with self._autocast():
            return self._model.head(self._task, features).float()

    def keep(self, view: View, rows: Tensor) -> None:
        """As in the contract."""
        if view in self._places:
            raise ValueError(f"{view} has logits already; what is kept for after_step needs a view of its own")
        self.kept[view] = rows

    def of(self, task: str, view: View) -> Logits:
        """As in the contract."""
        if task not in self._model.heads:
            raise ValueError(f"there is no task '{task}' ({nearest(task, self._model.heads.keys())})")
        encoded = self.features(view, bridged=False)
        with self._autocast():
            return self._model.decode(task, self._images[self._places[view]], encoded, self._task).logits.float()
