"""One task on one evaluation set, once it is scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from ssmtl.contracts.source import Example
from ssmtl.data.rows import Rows
from ssmtl.evaluation.kept import KeptPredictions
from ssmtl.evaluation.predict import Predictions
from ssmtl.evaluation.score import Scores
from ssmtl.evaluation.stored_predictions import StoredPredictions, arrays_of
from ssmtl.experiment.task import Task


@dataclass(frozen=True)
class Scored:
    """What is known of it.

    :param predictions: of each image; for masks without probabilities and targets. :param stored: what a page shows
        of them. :param groups: of each image; see `Example`.
    """

    task: Task
    domain: str
    scores: Scores
    predictions: Predictions
    stored: StoredPredictions
    groups: Sequence[Mapping[str, str]]

    @classmethod
    def of(
        cls, task: Task, domain: str, rows: Rows, scores: Scores, kept: KeptPredictions, examples: Sequence[Example]
    ) -> "Scored":
        """:param examples: of the whole source."""
        stored = StoredPredictions(task.name, domain, arrays_of(rows, kept))
        names = ("probabilities", "targets")
        probabilities, targets = (
            torch.from_numpy(stored[name]) if name in stored else torch.zeros(0) for name in names
        )
        groups = {example.id: example.groups or {} for example in examples}
        predictions = Predictions(rows.ids, rows.patients, probabilities, targets)
        return cls(task, domain, scores, predictions, stored, [groups[one] for one in rows.ids])
