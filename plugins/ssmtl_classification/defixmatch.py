"""DeFixMatch: FixMatch whose bias is taken off again, on the labelled images."""

from collections.abc import Mapping
from typing import Annotated

from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from ssmtl import Batch, Logits, Output, TaskPredictor, View
from ssmtl_classification.distributions import Distributions, cross_entropy, log_probabilities, probabilities
from ssmtl_classification.weak_to_strong import WeakToStrong


class DeFixMatch(WeakToStrong):
    """FixMatch's loss on the unlabelled images, minus the same loss on the labelled images without their labels.

    Schmutz, Humbert and Mattei, "Don't fear the unlabelled: safe semi-supervised learning via debiasing", ICLR 2023:
    what is taken off makes the risk unbiased, whatever the pseudo-labels are worth. Its λ is the weight in the recipe,
    and 1/2 in the paper, whose labelled loss is the mean of those of the weak and of the strong view: two entries
    `cross_entropy` of weight 0.5, one with `augment: strong`. Multi-label: each label, absent or present.

    :param threshold: smallest confidence of a pseudo-label that counts; 0.95 as in FixMatch.
    :param weak, strong: names of the task's augmentations.
    """

    def __init__(
        self,
        output: Output,
        /,
        *,
        threshold: Annotated[float, Field(ge=0, le=1)] = 0.95,
        weak: str = "weak",
        strong: str = "strong",
    ) -> None:
        super().__init__(output, weak, strong)
        self.threshold = threshold
        self.pairs = {self.strong: self.weak, View("labeled", strong): View("labeled", weak)}
        self.views = frozenset({*self.pairs, *self.pairs.values()})

    def weights(self, guess: Distributions) -> Bool[Tensor, "rows variables"]:
        return guess.amax(-1) >= self.threshold

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        guesses = {
            strong: probabilities(self.output, predict(batch.images[weak], training=True))
            for strong, weak in self.pairs.items()
        }
        return batch.keep(guesses, guesses)

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        unlabeled, labeled = (self._fixmatch(batch.targets[view], outputs[view]) for view in self.pairs)
        return unlabeled - labeled

    def _fixmatch(self, guess: Distributions, strong: Logits) -> Float[Tensor, ""]:
        logs = log_probabilities(self.output, strong)
        return (self.weights(guess) * cross_entropy(self.target(guess), logs)).mean()
