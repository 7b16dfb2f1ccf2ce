"""95 % intervals of the metrics, by a bootstrap over patients: each is drawn with all its images."""

import hashlib

import numpy as np
from torch import Tensor

from ssmtl.assessment.share_interval import wilson
from ssmtl.assessment.subgroups import whole_metrics, whole_values
from ssmtl.evaluation.predict import Predictions
from ssmtl.evaluation.score import Scores

RESAMPLES = 1000
CHUNK = 50
"""Resamples at once, to limit memory."""


def intervals(scores: Scores, kept: Predictions, name: str, resamples: int = RESAMPLES) -> dict[str, list[float]]:
    """By metric, the 2.5th and the 97.5th percentile of its values on the resamples; none for a single patient.

    A metric with one value per image is averaged over the images drawn (if all are 0, or all 1: Wilson's interval, with
    the number of patients as n); another one is called for the images drawn. Resamples on
    which it is not defined, such as AUROC without a positive, are left out. Where all have one value, as the balanced
    accuracy of a network that calls every image the same, resamples say nothing, and there is no interval.

    :param name: determines the random numbers; not of a domain, since one image may be in two.
    """
    patients = np.unique(np.array(kept.patients), return_inverse=True)[1]
    count = int(patients.max()) + 1 if len(patients) else 0
    if count < 2:
        return {}
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))
    found: dict[str, list[float]] = {key: [] for key in scores.values}
    for at in range(0, resamples, CHUNK):
        often = random.multinomial(count, np.full(count, 1 / count), min(CHUNK, resamples - at))[:, patients]
        _add(found, scores, kept, often)
    certain = {key: limits for key, one in scores.per_image.items() if (limits := _certain(one, count))}
    return {key: limits for key, values in found.items() if (limits := certain.get(key) or _limits(np.array(values)))}


def _add(found: dict[str, list[float]], scores: Scores, kept: Predictions, often: np.ndarray) -> None:
    """The values on some resamples. :param often: (resamples, images), how often each is drawn."""
    for key, values in scores.per_image.items():
        numbers = values.double().numpy()
        known = np.isfinite(numbers)
        with np.errstate(invalid="ignore", divide="ignore"):
            found[key] += list((often @ np.where(known, numbers, 0.0)) / (often @ known.astype(float)))
    if whole_metrics(scores):
        for row in often:
            for key, value in whole_values(scores, kept, np.repeat(np.arange(len(row)), row)).items():
                found[key].append(value)


def _certain(values: Tensor, patients: int) -> list[float]:
    """Of a metric that is 0, or 1, on every image, so that every resample has the same mean; else nothing."""
    known = set(values[values.isfinite()].tolist())
    return list(wilson(known.pop(), patients)) if known in ({0.0}, {1.0}) else []


def _limits(values: np.ndarray) -> list[float]:
    known = values[np.isfinite(values)]
    if not len(known) or known.min() == known.max():
        return []
    return [float(one) for one in np.quantile(known, [0.025, 0.975])]
