"""What a task's metrics say about its predictions."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from ssmtl.contracts.metric import Metric, wrong_value
from ssmtl.errors import warn
from ssmtl.evaluation.predict import Predictions
from ssmtl.experiment.attribution import WrongResultError
from ssmtl.experiment.task import Task


@dataclass(frozen=True)
class Scores:
    """:param values: one number for each name. :param per_image: (rows,), for names with one value per image.

    :param metrics: the metric that each name comes from. :param undefined: by name of a value that is NaN, why, in the
        metric's own words; empty if it gave none.
    """

    values: Mapping[str, float]
    per_image: Mapping[str, Tensor]
    metrics: Mapping[str, Metric]
    undefined: Mapping[str, str] = field(default_factory=dict)


def tell_undefined(task: str, part: str, scores: Scores, told: set[str]) -> None:
    """One warning for the values of a part that are not defined, unless it is in `told`, to which it is added."""
    if not scores.undefined:
        return
    reasons = "; ".join(dict.fromkeys(reason for reason in scores.undefined.values() if reason))
    line = f"task '{task}', {part}: {', '.join(scores.undefined)} not defined" + (f": {reasons}" if reasons else "")
    if line not in told:
        told.add(line)
        warn(line)


def score(task: Task, predictions: Predictions) -> Scores:
    """Every metric of the task, each with a copy of the predictions; per-image values are kept and averaged.

    What a metric warns of is the reason why its values are NaN, or else shown as a warning.

    :raises WrongResultError: if a metric does not return values by name, as its contract says, or one of its names is
        another metric's.
    """
    values: dict[str, float] = {}
    per_image: dict[str, Tensor] = {}
    metrics: dict[str, Metric] = {}
    undefined: dict[str, str] = {}
    for title, metric in task.metrics.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            found = metric(predictions.probabilities.clone(), predictions.targets.clone())
            own = _checked(metric, found, len(predictions.ids))
        for name, value in own.items():
            if name in metrics:
                other = next(key for key, one in task.metrics.items() if one is metrics[name])
                raise WrongResultError(metric, f"'{title}' and '{other}' both return a value called '{name}'")
            if value.ndim:
                per_image[name] = value
            values[name] = value.double().mean().item()
            metrics[name] = metric
        missing = [name for name in own if math.isnan(values[name])]
        said = list(dict.fromkeys(str(one.message) for one in caught))
        undefined.update(dict.fromkeys(missing, "; ".join(said)))
        for words in said if not missing else ():
            warn(words)
    return Scores(values, per_image, metrics, undefined)


def _checked(metric: Metric, values: Mapping[str, Tensor], rows: int) -> Mapping[str, Tensor]:
    """:raises WrongResultError: if the values are not what the contract of a metric says."""
    if not isinstance(values, Mapping):
        raise WrongResultError(metric, f"it returned a {type(values).__name__}, expected values by name")
    if not values:
        raise WrongResultError(metric, "it returned no value, expected one or more by name")
    for name, value in values.items():
        if not isinstance(name, str) or not name:
            raise WrongResultError(metric, f"it named a value {name!r:.60}, expected a word")
        if wrong := wrong_value(value, rows):
            raise WrongResultError(metric, f"its value '{name}' {wrong}")
    return values


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
