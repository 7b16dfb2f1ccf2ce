"""Each class of a classification task: calibration before and after the temperature, rates at each threshold."""

import math
from collections.abc import Sequence

import numpy as np

from ssmtl.assessment.one_class import OneClass, calibrated, one_class
from ssmtl.assessment.share_interval import share_interval
from ssmtl.calibration.error import brier_score, calibration_error
from ssmtl.calibration.stored import TaskCalibration
from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.runs.files import AtThreshold, ClassAssessment, Rate


def assess_classes(
    item: StoredPredictions, names: Sequence[str], fitted: TaskCalibration | None
) -> dict[str, ClassAssessment]:
    """By class. :param item: probabilities as the network gives them. :param fitted: of the run; None: nothing was."""
    temperature = fitted.temperature if fitted else 1.0
    after = calibrated(item, temperature)
    found = {}
    for index, name in enumerate(names):
        both = [one_class(one, index) for one in ((item,) if temperature == 1.0 else (item, after))]
        found[name] = ClassAssessment(
            positives=int(both[0].positive.sum()),
            negatives=int((~both[0].positive).sum()),
            ece=[calibration_error(one.score, one.positive) for one in both],
            brier=[brier_score(one.score, one.positive) for one in both],
            points={
                point: _at(both[-1], at.threshold, f"{item.task}.{name}.{point}")
                for point, at in (fitted.thresholds.get(name, {}) if fitted else {}).items()
            },
        )
    return found


def _at(one: OneClass, threshold: float, where: str) -> AtThreshold:
    above = one.score >= threshold
    return AtThreshold(
        threshold=threshold,
        sensitivity=_rate(above, one.positive, one, f"{where}.sensitivity"),
        specificity=_rate(~above, ~one.positive, one, f"{where}.specificity"),
    )


def _rate(right: np.ndarray, chosen: np.ndarray, one: OneClass, name: str) -> Rate:
    low, high = share_interval(right, chosen, one, name)
    return Rate(share=float(right[chosen].mean()) if chosen.any() else math.nan, low=low, high=high)
