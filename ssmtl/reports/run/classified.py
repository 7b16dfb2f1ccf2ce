"""One class of a classification task against the rest, as the figures and tables of labels read it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.reports.run.finished_run import FinishedRun

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


def classified(run: FinishedRun) -> dict[str, list[StoredPredictions]]:
    """By task, the predictions of labels on each domain that has images."""
    by_task: dict[str, list[StoredPredictions]] = {}
    for item in run.predictions:
        if "probabilities" in item and "targets" in item and len(item["targets"]):
            by_task.setdefault(item.task, []).append(item)
    return by_task


def is_multilabel(item: StoredPredictions) -> bool:
    """Whether an image can have several labels, or none."""
    return item["targets"].ndim == 2


def shown_classes(items: Sequence[StoredPredictions]) -> list[int]:
    """All classes; the second alone if there are two that exclude each other."""
    count = items[0]["probabilities"].shape[1]
    return [1] if count == 2 and not is_multilabel(items[0]) else list(range(count))


def against_rest(names: Sequence[str], items: Sequence[StoredPredictions], index: int) -> str:
    """'pneumonia against normal', or 'pneumonia against the rest'."""
    two = len(names) == 2 and not is_multilabel(items[0])
    return f"{names[index]} against {names[1 - index] if two else 'the rest'}"


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
