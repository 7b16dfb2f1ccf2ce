"""The form that FixMatch and its successors share: what a weak view shows teaches a strong view of the same image."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from ssmtl import Batch, Kind, Logits, Output, Strategy, TaskPredictor, View, pseudo_label_quality
from ssmtl_classification.distributions import Distributions, cross_entropy, hard, log_probabilities, probabilities


class WeakToStrong(Strategy):
    """The mean over all rows of weight · H(target, strong view), both from the weak view's prediction.

    Multi-label outputs: each label is a distribution over absent and present, with a weight of its own.

    :param weak, strong: names of the task's augmentations.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"multiclass", "multilabel"})

    def __init__(self, output: Output, weak: str, strong: str) -> None:
        super().__init__()
        self.output = output
        self.weak, self.strong = View("unlabeled", weak), View("unlabeled", strong)
        self.views = frozenset({self.weak, self.strong})

    @abstractmethod
    def weights(self, guess: Distributions) -> Float[Tensor, "rows variables"]:
        """How much each counts. :param guess: the weak view's probabilities."""

    def target(self, guess: Distributions) -> Distributions:
        """What the strong view should predict: the most probable outcome, unless a method says otherwise."""
        return hard(guess)

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        guess = probabilities(self.output, predict(batch.images[self.weak], training=True))
        return batch.keep({self.strong}, {self.strong: guess})

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        return self.consistency(batch, outputs)

    def consistency(self, batch: Batch, outputs: Mapping[View, Logits]) -> Float[Tensor, ""]:
        """The loss of the unlabelled rows."""
        guess, logs = batch.targets[self.strong], log_probabilities(self.output, outputs[self.strong])
        return (self.weights(guess) * cross_entropy(self.target(guess), logs)).mean()

    def diagnose(
        self, batch: Batch, outputs: Mapping[View, Logits], truth: Mapping[View, Tensor]
    ) -> Mapping[str, Tensor]:
        """`mask_rate`, the mean weight; and how often the pseudo-labels that count are right."""
        guess = batch.targets[self.strong]
        weights = self.weights(guess).float()
        numbers = {"mask_rate": weights.mean()}
        if self.output.kind == "multiclass" and self.strong in truth:
            pseudo, used = guess[:, 0].argmax(-1), weights[:, 0] > 0
            numbers |= pseudo_label_quality(pseudo, used, truth[self.strong], self.output.classes)
        return numbers
