"""The Π-model: two views of an image get the same prediction."""

from collections.abc import Mapping
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from ssmtl import Batch, Kind, Logits, Output, Strategy, View


class PiModel(Strategy):
    """The mean squared difference of the probabilities for two augmentations of each unlabelled image.

    Laine and Aila, "Temporal Ensembling for Semi-Supervised Learning", ICLR 2017, algorithm 1, second term: gradients
    flow through both sides. Its coefficient w(t) is the weight in the recipe, where a ramp is linear; the paper's is a
    Gaussian over the first 80 epochs, up to 100 · M/N with M of N images labelled. The paper compares the labelled
    images too; here they take part if the unlabelled pool includes them, as by default. Multi-label: each label's
    probability. Not for masks: the views' pixels do not lie on each other (`mean_teacher` takes masks).

    :param augment: of both views, each drawn by itself.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"multiclass", "multilabel"})

    def __init__(self, output: Output, /, *, augment: str = "weak") -> None:
        super().__init__()
        self.output = output
        self.one, self.other = View("unlabeled", augment), View("unlabeled", augment, 1)
        self.views = frozenset({self.one, self.other})

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        one, other = (self.output.probabilities(outputs[view]) for view in (self.one, self.other))
        return (one - other).square().mean()
