"""UDA's training signal annealing: labelled images that are already right do not count yet."""

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor

from ssmtl import Batch, Kind, Logits, Output, Strategy, View
from ssmtl_classification.distributions import known_labels, log_probabilities, shape_of


class AnnealedCrossEntropy(Strategy):
    """Cross-entropy over the labelled rows whose label's probability is below η(t), which grows to 1.

    Xie et al., "Unsupervised Data Augmentation for Consistency Training", NeurIPS 2020, training signal annealing:
    η(t) = α(t) (1 − 1/K) + 1/K for K classes, with α = t/T (linear), 1 − exp(−5 t/T) (log) or exp(5 (t/T − 1)) (exp).
    It replaces `cross_entropy` in a recipe. Multi-label: each known label is a variable of two classes. With several
    processes the mean is over each one's rows.

    :param schedule: α; `exp` suits few labels, says the paper. :param augment: of the labelled images.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"multiclass", "multilabel"})
    replaces: ClassVar[frozenset[str]] = frozenset({"cross_entropy"})

    def __init__(
        self, output: Output, /, *, schedule: Literal["linear", "log", "exp"] = "linear", augment: str = "weak"
    ) -> None:
        super().__init__()
        self.output, self.schedule = output, schedule
        self.view = View("labeled", augment)
        self.views = frozenset({self.view})

    def threshold(self, progress: float) -> float:
        """η, from 1/K to 1. :param progress: t/T."""
        released = {"linear": progress, "log": 1 - math.exp(-5 * progress), "exp": math.exp(5 * (progress - 1))}
        least = 1 / shape_of(self.output)[1]
        return released[self.schedule] * (1 - least) + least

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        labels, known = known_labels(self.output, batch.targets[self.view])
        logs = log_probabilities(self.output, outputs[self.view])
        likely = logs.gather(-1, labels[..., None])[..., 0]
        counts = known & (likely.detach().exp() < self.threshold(progress))
        return -(likely * counts).sum() / counts.sum().clamp(min=1)
