"""Pseudo-label: the most probable class is the target."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from ssmtl import Batch, Kind, Logits, Output, Strategy, View, pseudo_label_quality
from ssmtl_classification.distributions import cross_entropy, hard, log_probabilities


class PseudoLabel(Strategy):
    """Cross-entropy of unlabelled images against what the network itself finds most probable.

    Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks", ICML 2013
    workshop on challenges in representation learning: the second term of equation (15), without its coefficient α(t),
    which is the weight in the recipe; a ramp there, up to 3 in the paper. Multi-label: each label is present or absent,
    whichever is more probable; masks likewise, pixel by pixel. Here one image is seen once, so that the pseudo-label
    and the prediction that learns from it are the same.

    :param threshold: a pseudo-label counts if its probability is at least this; 0, all of them, in the paper, and 0.95
        in later comparisons. :param augment: of the unlabelled images.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"multiclass", "multilabel", "masks"})
    takes_exclusive: ClassVar[bool] = True

    def __init__(
        self, output: Output, /, *, threshold: Annotated[float, Field(ge=0, le=1)] = 0.0, augment: str = "weak"
    ) -> None:
        super().__init__()
        self.output, self.threshold = output, threshold
        self.view = View("unlabeled", augment)
        self.views = frozenset({self.view})

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        logs = log_probabilities(self.output, outputs[self.view])
        guess = logs.detach().exp()
        return (cross_entropy(hard(guess), logs) * (guess.amax(-1) >= self.threshold)).mean()

    def diagnose(
        self, batch: Batch, outputs: Mapping[View, Logits], truth: Mapping[View, Tensor]
    ) -> Mapping[str, Tensor]:
        confidence, pseudo = log_probabilities(self.output, outputs[self.view]).exp().max(-1)
        counts = confidence >= self.threshold
        numbers = {"mask_rate": counts.float().mean()}
        if self.output.kind == "multiclass" and self.view in truth:
            numbers |= pseudo_label_quality(pseudo[:, 0], counts[:, 0], truth[self.view], self.output.classes)
        return numbers
