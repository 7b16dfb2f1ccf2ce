"""Which predictions of labels a run has, and what to call its classes."""

from collections.abc import Sequence

from ssmtl.assessment.one_class import is_multilabel
from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.reports.run.finished_run import FinishedRun


def classified(run: FinishedRun) -> dict[str, list[StoredPredictions]]:
    """By task, the predictions of labels on each domain that has images."""
    by_task: dict[str, list[StoredPredictions]] = {}
    for item in run.predictions:
        if "probabilities" in item and "targets" in item and len(item["targets"]):
            by_task.setdefault(item.task, []).append(item)
    return by_task


def shown_classes(items: Sequence[StoredPredictions]) -> list[int]:
    """All classes; the second alone if there are two that exclude each other."""
    count = items[0]["probabilities"].shape[1]
    return [1] if count == 2 and not is_multilabel(items[0]) else list(range(count))


def against_rest(names: Sequence[str], items: Sequence[StoredPredictions], index: int) -> str:
    """'pneumonia against normal', or 'pneumonia against the rest'."""
    two = len(names) == 2 and not is_multilabel(items[0])
    return f"{names[index]} against {names[1 - index] if two else 'the rest'}"
