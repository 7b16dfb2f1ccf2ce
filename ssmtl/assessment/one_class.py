"""One class of a classification task against the rest, as figures and tables of labels read it."""

from dataclasses import dataclass, replace

import numpy as np

from ssmtl.calibration.temperature import tempered
from ssmtl.contracts.head import Kind
from ssmtl.evaluation.stored_predictions import StoredPredictions

THRESHOLD = 0.5
"""A label of a multi-label task is predicted if its probability is above this."""


@dataclass(frozen=True)
class OneClass:
    """The images for which it is known whether they have the class.

    :param ids: of the images. :param patients: of each image; empty if the run does not say.
    :param score: the class's probability. :param positive: whether the image has the class.
    :param predicted: whether the class was predicted: multi-class: it is the most probable one; multi-label: its
        probability is above 0.5.
    """

    ids: tuple[str, ...]
    patients: tuple[str, ...]
    score: np.ndarray
    positive: np.ndarray
    predicted: np.ndarray


def is_multilabel(item: StoredPredictions) -> bool:
    """Whether an image can have several labels, or none."""
    return item["targets"].ndim == 2


def one_class(item: StoredPredictions, index: int) -> OneClass:
    """Images with an unknown target (negative, or neither 0 nor 1) or an undefined probability are left out."""
    score, targets = item["probabilities"][:, index].astype(float), item["targets"]
    several = is_multilabel(item)
    known = np.isin(targets[:, index], (0, 1)) if several else targets >= 0
    known = known & np.isfinite(score)
    positive = targets[:, index] == 1 if several else targets == index
    predicted = score > THRESHOLD if several else item["probabilities"].argmax(1) == index
    patients = item["patients"] if "patients" in item else np.zeros(0, str)
    return OneClass(
        tuple(map(str, item["ids"][known])),
        tuple(map(str, patients[known])) if len(patients) else (),
        score[known],
        positive[known],
        predicted[known],
    )


def calibrated(item: StoredPredictions, temperature: float) -> StoredPredictions:
    """The same images with the probabilities after a temperature."""
    kind: Kind = "multilabel" if is_multilabel(item) else "multiclass"
    return replace(item, arrays={**item.arrays, "probabilities": tempered(item["probabilities"], kind, temperature)})
