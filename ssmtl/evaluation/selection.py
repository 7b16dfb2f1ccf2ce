"""Which weights are best on the validation images."""

import math
from collections.abc import Iterable

from ssmtl.contracts.metric import selecting_metric
from ssmtl.evaluation.score import Scores


def selection_score(scores: Iterable[Scores]) -> float | None:
    """The mean over the tasks of the main value of each task's selecting metric; higher is better.

    A value x for which lower is better counts as 1 / (1 + x), so it lies in [0, 1] like Dice and AUROC. NaN counts as
    0 beside other tasks' values. None if no task has a metric to select by, or all their values are NaN.
    """
    numbers, known = [], False
    for own in scores:
        metric = selecting_metric(dict.fromkeys(own.metrics.values()))
        if metric is not None:
            value = next(own.values[name] for name, owner in own.metrics.items() if owner is metric)
            bounded = value if metric.higher_is_better else 1 / (1 + max(value, 0.0))
            known = known or not math.isnan(bounded)
            numbers.append(0.0 if math.isnan(bounded) else bounded)
    return sum(numbers) / len(numbers) if known else None
