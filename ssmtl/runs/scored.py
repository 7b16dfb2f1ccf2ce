"""One task on one evaluation set, once it is scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ssmtl.contracts.source import Example
from ssmtl.data.rows import Rows
from ssmtl.evaluation.kept import KeptPredictions
from ssmtl.evaluation.predict import Predictions
from ssmtl.evaluation.score import Scores
from ssmtl.experiment.task import Task


@dataclass(frozen=True)
class Scored:
    """What is known of it.

    :param predictions: of each image; for masks without probabilities and targets. :param arrays: as
        `KeptPredictions.arrays`, with `ids` and `patients`. :param groups: of each image; see `Example`.
    """

    task: Task
    domain: str
    scores: Scores
    predictions: Predictions
    arrays: Mapping[str, Any]
    groups: Sequence[Mapping[str, str]]

    @classmethod
    def of(
        cls, task: Task, domain: str, rows: Rows, scores: Scores, kept: KeptPredictions, examples: Sequence[Example]
    ) -> "Scored":
        """:param examples: of the whole source."""
        arrays = {**kept.arrays(), "ids": np.array(rows.ids), "patients": np.array(rows.patients)}
        names = ("probabilities", "targets")
        probabilities, targets = (
            torch.from_numpy(arrays[name]) if name in arrays else torch.zeros(0) for name in names
        )
        groups = {example.id: example.groups or {} for example in examples}
        predictions = Predictions(rows.ids, rows.patients, probabilities, targets)
        return cls(task, domain, scores, predictions, arrays, [groups[one] for one in rows.ids])
