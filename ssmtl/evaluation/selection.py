"""Which weights are the best on validation images."""

import math
from collections.abc import Iterable

from ssmtl.contracts.metric import Metric
from ssmtl.evaluation.score import Scores


def selecting_metric(metrics: Iterable[Metric]) -> Metric | None:
    """The first that claims to select, else the first of which more or less is better; None without one."""
    able = [metric for metric in metrics if metric.higher_is_better is not None]
    return next((metric for metric in able if metric.selects), able[0] if able else None)


def selection_score(scores: Iterable[Scores]) -> float | None:
    """The mean over the tasks of the main value of each one's selecting metric; higher is better.

    A value x of which less is better counts as 1 / (1 + x), so that it lies in [0, 1] beside Dice and AUROC; one that
    is not a number counts as 0. None if no task has a metric to select by.
    """
    numbers = []
    for found in scores:
        metric = selecting_metric(dict.fromkeys(found.metrics.values()))
        if metric is not None:
            value = next(found.values[name] for name, owner in found.metrics.items() if owner is metric)
            bounded = value if metric.higher_is_better else 1 / (1 + max(value, 0.0))
            numbers.append(0.0 if math.isnan(bounded) else bounded)
    return sum(numbers) / len(numbers) if numbers else None
