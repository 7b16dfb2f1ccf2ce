"""What a task's metrics say about its predictions."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ssmtl.contracts.metric import Metric
from ssmtl.evaluation.predict import Predictions
from ssmtl.experiment.task import Task


@dataclass(frozen=True)
class Scores:
    """:param values: one number for each name. :param per_image: (rows,), for names with one value per image.

    :param metrics: the metric that each name comes from.
    """

    values: Mapping[str, float]
    per_image: Mapping[str, Tensor]
    metrics: Mapping[str, Metric]


def score(task: Task, predictions: Predictions) -> Scores:
    """Every metric of the task; per-image values are kept and averaged."""
    values: dict[str, float] = {}
    per_image: dict[str, Tensor] = {}
    metrics: dict[str, Metric] = {}
    for metric in task.metrics.values():
        for name, value in metric(predictions.probabilities, predictions.targets).items():
            if value.ndim:
                per_image[name] = value
            values[name] = value.double().mean().item()
            metrics[name] = metric
    return Scores(values, per_image, metrics)


def count_images(kind: str, probabilities: Tensor, targets: Tensor) -> dict[str, int]:
    """How many images were scored, and how many masks were empty, over images and structures.

    `both_empty` is included in the other two.
    """
    counts = {"images": len(targets)}
    if kind == "masks":
        reference, predicted = (mask.flatten(2).any(2) for mask in (targets > 0.5, probabilities > 0.5))
        counts["empty_reference"] = int((~reference).sum())
        counts["empty_prediction"] = int((~predicted).sum())
        counts["both_empty"] = int((~reference & ~predicted).sum())
    return counts
