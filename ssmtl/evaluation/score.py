"""What a task's metrics say about its predictions."""

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ssmtl.contracts.metric import Metric, is_by_batches, takes_unknown, wrong_value
from ssmtl.errors import warn
from ssmtl.evaluation.predict import Predictions, joined
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


def score(task: Task, batches: Iterable[Predictions]) -> Scores:
    """Every metric of the task, each with a copy of the predictions; per-image values are kept and averaged.

    Predictions are kept only if some metric needs them all at once (see `Metric`).
    What a metric warns of is the reason why its values are NaN, or else shown as a warning.

    :raises WrongResultError: if a metric does not return values by name, as its contract says, or one of its names is
        another metric's.
    """
    heard: dict[str, list[str]] = {title: [] for title in task.metrics}
    found: dict[str, Mapping[str, Tensor]] = {}

    def call(title: str, predictions: Predictions) -> None:
        metric = task.metrics[title]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            values = metric(predictions.probabilities.clone(), predictions.targets.clone())
            own = _checked(metric, values, len(predictions.ids))
        found[title] = _together(metric, found[title], own) if title in found else own
        heard[title] += [str(one.message) for one in caught]

    at_once = [title for title, metric in task.metrics.items() if not is_by_batches(metric)]
    kept = []
    for batch in batches:
        for title in task.metrics:
            if title not in at_once:
                call(title, batch)
        if at_once:
            kept.append(batch)
    for title in at_once:
        call(title, joined(kept))
    return _scores(task, {title: found[title] for title in task.metrics}, heard)


def _together(metric: Metric, before: Mapping[str, Tensor], more: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The values of more images: one after another if per image, else added up.

    Joined at once: thousands of small tensors, made between large ones, would keep the memory of the large ones.
    """
    if set(before) != set(more):
        raise WrongResultError(metric, f"it returned {sorted(before)} for some images, and {sorted(more)} for others")
    return {
        name: torch.cat([value, more[name]]) if value.ndim else value.double() + more[name].double()
        for name, value in before.items()
    }


def _scores(task: Task, found: Mapping[str, Mapping[str, Tensor]], heard: Mapping[str, Sequence[str]]) -> Scores:
    """:param found: by metric, values by name. :param heard: by metric, what it warned of."""
    values: dict[str, float] = {}
    per_image: dict[str, Tensor] = {}
    metrics: dict[str, Metric] = {}
    undefined: dict[str, str] = {}
    for title, own in found.items():
        metric = task.metrics[title]
        for name, value in own.items():
            if name in metrics:
                other = next(key for key, one in task.metrics.items() if one is metrics[name])
                raise WrongResultError(metric, f"'{title}' and '{other}' both return a value called '{name}'")
            if value.ndim:
                per_image[name] = value
            some = takes_unknown(metric) and bool(value.isnan().any())
            values[name] = (value.double().nanmean() if some else value.double().mean()).item()
            metrics[name] = metric
        missing = [name for name in own if math.isnan(values[name])]
        said = list(dict.fromkeys(heard[title]))
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
