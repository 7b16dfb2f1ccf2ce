"""What a strategy gets back for its batch: logits by view, and if it asks, features and other tasks' outputs."""

from abc import abstractmethod
from collections.abc import Mapping

from torch import Tensor

from ssmtl.contracts.shapes import Features, Logits
from ssmtl.contracts.view import View


class Outputs(Mapping[View, Logits]):
    """By view, the logits of the strategy's own task: float32, row-aligned with the batch, with gradient.

    Nothing else is computed unless it is asked for.
    """

    @abstractmethod
    def features(self, view: View, *, bridged: bool = True) -> Features:
        """The view's feature pyramid, with gradient.

        :param bridged: as the head reads it; else as the backbone gives it, before the task's bridge.
        """

    @abstractmethod
    def decode(self, features: Features) -> Logits:
        """The task's head on other features, with gradient: such as perturbed ones.

        :param features: of the shapes that `features(view)` has, for any number of rows.
        """

    @abstractmethod
    def keep(self, view: View, rows: Tensor) -> None:
        """Keep something of each row, such as an embedding, for `after_step`: it is among the logits there.

        :param view: a name for it, none of the batch's views. :param rows: one for each row of one of those.
        """

    @abstractmethod
    def of(self, task: str, view: View) -> Logits:
        """What another task's head, with its bridge, says of the view's rows, with gradient, float32."""
