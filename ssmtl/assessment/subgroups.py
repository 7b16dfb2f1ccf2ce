"""Each metric on the images of one group alone, such as those of women."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from ssmtl.contracts.metric import Metric
from ssmtl.evaluation.predict import Predictions
from ssmtl.evaluation.score import Scores
from ssmtl.runs.files import Subgroup

UNKNOWN = "unknown"


def subgroups(scores: Scores, kept: Predictions, groups: Sequence[Mapping[str, str]]) -> dict[str, dict[str, Subgroup]]:
    """By column and value, in the order of the alphabet. No column without two values.

    :param kept: probabilities and targets; without rows for masks, of which only values per image are shown.
    :param groups: of each image.
    """
    found: dict[str, dict[str, Subgroup]] = {}
    for column in sorted({name for one in groups for name in one}):
        values = np.array([one.get(column) or UNKNOWN for one in groups])
        if len(set(values)) > 1:
            found[column] = {
                str(value): _subgroup(scores, kept, np.flatnonzero(values == value)) for value in np.unique(values)
            }
    return found


def _subgroup(scores: Scores, kept: Predictions, places: np.ndarray) -> Subgroup:
    chosen = {name: float(one[places].double().mean()) for name, one in scores.per_image.items()}
    whole = whole_values(scores, kept, places)
    patients = {kept.patients[place] for place in places}
    both = {**whole, **chosen}
    values = {name: both[name] for name in scores.values if name in both}
    return Subgroup(images=len(places), patients=len(patients), values=values)


def whole_metrics(scores: Scores) -> list[Metric]:
    """Those with values that are of all images together."""
    names = [name for name in scores.values if name not in scores.per_image]
    return list({id(scores.metrics[name]): scores.metrics[name] for name in names}.values())


def whole_values(scores: Scores, kept: Predictions, places: np.ndarray) -> dict[str, float]:
    """The values of all images together, on the rows of these places; none if no predictions are kept.

    What a metric warns of, it has said of the whole set.
    """
    if not len(kept.probabilities):
        return {}
    rows = torch.from_numpy(places)
    found: dict[str, float] = {}
    for metric in whole_metrics(scores):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            values = metric(kept.probabilities[rows].clone(), kept.targets[rows].clone())
        found |= {name: float(value) for name, value in values.items() if not value.ndim}
    return found
