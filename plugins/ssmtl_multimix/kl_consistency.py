"""Consistency between the masks of labelled and unlabelled images."""

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ssmtl import Batch, Kind, Logits, Output, Strategy, View


class KLConsistency(Strategy):
    """KL(ŝ_l ‖ ŝ_u) between the predicted masks of labelled and of unlabelled images.

    Haque, Imran, Wang and Terzopoulos, "Generalized Multi-Task Learning from Substantially Unlabeled Multi-Source
    Medical Image Data", MELBA 2021,
    the second term of equation (2): the divergence of two Bernoulli variables for
    each pixel, averaged over pixels, structures and rows; gradients flow through both sides.

    :param augment: the task's augmentation of the images.
    :param pairing: `as_printed` compares labelled row i with unlabelled row i, though they show different people
        (the paper's text); with unequal batches, only the rows that both have. `foreground_rate` compares the batch
        means of the foreground maps: how often each pixel is inside, over the labelled and over the unlabelled rows.
    :param distribution: `bernoulli`, a structure's foreground against its background; or `softmax` over the channels,
        as in the authors' public script, where the softmax of the single channel is 1 and the divergence 0.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"masks"})

    def __init__(
        self,
        _output: Output,
        /,
        *,
        augment: str = "weak",
        pairing: Literal["as_printed", "foreground_rate"] = "as_printed",
        distribution: Literal["bernoulli", "softmax"] = "bernoulli",
    ) -> None:
        super().__init__()
        self.labeled, self.unlabeled = View("labeled", augment), View("unlabeled", augment)
        self.views = frozenset({self.labeled, self.unlabeled})
        self.pairing = pairing
        self.distribution = distribution

    def by_rows(self, batch: Batch) -> bool:
        """Rows are compared pairwise, if there are as many of one kind as of the other."""
        paired = self.pairing == "as_printed" or self.distribution == "softmax"
        return paired and len(batch.images[self.labeled]) == len(batch.images[self.unlabeled])

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        labeled, unlabeled = outputs[self.labeled], outputs[self.unlabeled]
        rows = min(len(labeled), len(unlabeled))
        if self.distribution == "softmax":
            log_p, log_q = labeled[:rows].log_softmax(1), unlabeled[:rows].log_softmax(1)
            return (log_p.exp() * (log_p - log_q)).mean()
        if self.pairing == "as_printed":
            return bernoulli_kl(*_logs(labeled[:rows]), *_logs(unlabeled[:rows])).mean()
        return bernoulli_kl(*_mean_logs(labeled), *_mean_logs(unlabeled)).mean()


def bernoulli_kl(
    log_p: Float[Tensor, "..."],
    log_not_p: Float[Tensor, "..."],
    log_q: Float[Tensor, "..."],
    log_not_q: Float[Tensor, "..."],
) -> Float[Tensor, "..."]:
    """p log(p / q) + (1 − p) log((1 − p) / (1 − q)) from logarithms, so that no probability rounds to 0 or 1."""
    return log_p.exp() * (log_p - log_q) + log_not_p.exp() * (log_not_p - log_not_q)


def _logs(logits: Tensor) -> tuple[Tensor, Tensor]:
    return F.logsigmoid(logits), F.logsigmoid(-logits)


def _mean_logs(logits: Tensor) -> tuple[Tensor, Tensor]:
    rows = math.log(len(logits))
    return F.logsigmoid(logits).logsumexp(0) - rows, F.logsigmoid(-logits).logsumexp(0) - rows
