"""95 % intervals of the metrics, by a bootstrap over patients: each is drawn with all its images."""

import hashlib

import numpy as np

from ssmtl.assessment.share_interval import wilson
from ssmtl.assessment.subgroups import whole_values
from ssmtl.evaluation.predict import Predictions
from ssmtl.evaluation.score import Scores

RESAMPLES = 1000


def intervals(scores: Scores, kept: Predictions, name: str, resamples: int = RESAMPLES) -> dict[str, list[float]]:
    """By metric, the 2.5th and the 97.5th percentile of its values on the resamples; none for a single patient.

    A metric with one value per image is averaged over the images drawn (if all are 0, or all 1: Wilson's interval, with
    the number of patients as n); another one is called for the images drawn. Resamples on
    which it is not defined, such as AUROC without a positive, are left out.

    :param name: determines the random numbers.
    """
    patients = np.unique(np.array(kept.patients), return_inverse=True)[1]
    count = int(patients.max()) + 1 if len(patients) else 0
    if count < 2:
        return {}
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))
    drawn = random.multinomial(count, np.full(count, 1 / count), resamples)[:, patients]
    found: dict[str, list[float]] = {key: [] for key in scores.values}
    certain: dict[str, list[float]] = {}
    for key, values in scores.per_image.items():
        numbers = values.double().numpy()
        known = np.isfinite(numbers)
        with np.errstate(invalid="ignore", divide="ignore"):
            found[key] = list((drawn @ np.where(known, numbers, 0.0)) / (drawn @ known.astype(float)))
        if len(set(numbers[known])) == 1 and numbers[known][0] in (0.0, 1.0):  # every resample has the same mean
            certain[key] = list(wilson(float(numbers[known][0]), len(set(patients[known]))))
    if set(scores.values) - set(scores.per_image) and len(kept.probabilities):
        for often in drawn:
            for key, value in whole_values(scores, kept, np.repeat(np.arange(len(often)), often)).items():
                found[key].append(value)
    return {key: limits for key, values in found.items() if (limits := certain.get(key) or _limits(np.array(values)))}


def _limits(values: np.ndarray) -> list[float]:
    known = values[np.isfinite(values)]
    return [float(one) for one in np.quantile(known, [0.025, 0.975])] if len(known) else []
