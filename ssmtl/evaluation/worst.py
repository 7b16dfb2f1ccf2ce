"""The test images on which a task does worst."""

import torch
from jaxtyping import Float
from torch import Tensor

from ssmtl.contracts.head import Kind
from ssmtl.evaluation.predict import Predictions, is_known

WORST = 8
"""Images of each evaluation set that are kept, the worst first."""

LEAST = 1e-7
"""A probability below this counts as this much, so that a loss stays finite."""


def severity(kind: Kind, predictions: Predictions) -> Float[Tensor, " rows"]:
    """How wrong each image's prediction is: its cross-entropy, or 1 − Dice. NaN if nothing about it is known.

    Multi-class: −log of the probability of the true class. Multi-label: the mean over labels of the binary
    cross-entropy. Masks: 1 − 2|A∩B| / (|A|+|B|) at probability 0.5, 0 if both are empty; the mean over the
    structures that are known. Numbers: the mean absolute error.
    """
    probabilities, targets = predictions.probabilities, predictions.targets
    if kind == "masks":
        predicted, reference = (probabilities > 0.5).flatten(2), (targets > 0.5).flatten(2)
        total = predicted.sum(2) + reference.sum(2)
        known = is_known(targets)
        missed = (1 - 2 * (predicted & reference).sum(2) / total).where(total > 0, 0.0)
        return missed.mean(1) if known.all() else missed.where(known, torch.nan).nanmean(1)
    if kind == "numbers":
        return (probabilities - targets).abs().nanmean(1)
    likely = probabilities.clamp(LEAST, 1 - LEAST)
    if kind == "multilabel":
        known = (targets == 0) | (targets == 1)
        loss = -torch.where(targets > 0.5, likely, 1 - likely).log()
        return loss.where(known, torch.nan).nanmean(1)
    known = (targets >= 0) & (targets < probabilities.shape[1])
    chosen = likely.gather(1, targets.clamp(0, probabilities.shape[1] - 1)[:, None])[:, 0]
    return -chosen.log().where(known, torch.nan)


def worst_places(severities: Float[Tensor, " rows"]) -> list[int]:
    """The rows of the `WORST` largest values, the largest first; ties in the order of rows; none that are NaN."""
    order = torch.argsort(severities.nan_to_num(nan=-1.0), descending=True, stable=True)
    return [int(place) for place in order if not severities[place].isnan()][:WORST]
