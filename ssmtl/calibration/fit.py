"""The temperature and the thresholds of one task, from its validation images."""

import numpy as np
from scipy.special import expit, softmax

from ssmtl.calibration.error import brier_score, calibration_error
from ssmtl.calibration.operating_points import operating_points
from ssmtl.calibration.stored import COLDEST, HOTTEST, TaskCalibration
from ssmtl.calibration.temperature import Floats, fitted_temperature, negative_log_likelihood
from ssmtl.contracts.head import Kind, Output
from ssmtl.wording import counted

FEWEST = 20
"""Validation images without which no temperature is fitted."""

FEWEST_OF_A_KIND = 5
"""Validation images with a class, and without it, without which it gets no threshold."""


def fit_task(output: Output, logits: Floats, targets: np.ndarray) -> TaskCalibration:
    """:param logits: of validation images, (rows, classes). :param targets: as in `negative_log_likelihood`."""
    several = output.kind == "multilabel"
    positives = targets == 1 if several else targets[:, None] == np.arange(len(output.classes))
    known = np.isin(targets, (0, 1)) if several else np.broadcast_to(targets[:, None] >= 0, positives.shape)
    found = TaskCalibration(images=int(known.any(1).sum()))
    if not np.isfinite(logits).all():
        found.why = "the network's outputs on the validation images are not finite numbers"
        found.no_thresholds = dict.fromkeys(output.classes, found.why)
        return found
    temperature, found.why = _temperature(output.kind, logits, targets, positives & known, found.images)
    found.temperature = temperature or 1.0
    before, after = (_probabilities(output.kind, logits / one) for one in (1.0, found.temperature))
    if temperature:
        found.nll = [negative_log_likelihood(logits, targets, output.kind, one) for one in (1.0, temperature)]
    for at, name in enumerate(output.classes):
        score, positive = after[known[:, at], at], positives[known[:, at], at]
        if temperature:
            both = [one[known[:, at], at] for one in (before, after)]
            found.ece[name] = [calibration_error(one, positive) for one in both]
            found.brier[name] = [brier_score(one, positive) for one in both]
        if several or (len(output.classes) == 2 and at == 1):
            counts = int(positive.sum()), int((~positive).sum())
            if min(counts) >= FEWEST_OF_A_KIND:
                found.thresholds[name] = operating_points(score, positive)
            else:
                found.no_thresholds[name] = (
                    f"{counts[0]} of {counted(sum(counts), 'validation image')} have the class and {counts[1]} do not; "
                    f"expected {FEWEST_OF_A_KIND} or more of each"
                )
        elif len(output.classes) > 2:
            found.no_thresholds[name] = "of more than two classes the most probable one is decided on"
    return found


def _temperature(
    kind: Kind, logits: Floats, targets: np.ndarray, positives: np.ndarray, images: int
) -> tuple[float | None, str]:
    """The temperature, or why there is none."""
    if images < FEWEST:
        return None, f"there are {counted(images, 'validation image')} with a label; expected {FEWEST} or more"
    shown = int(positives.any(0).sum())
    if kind == "multiclass" and shown < 2:
        return None, f"the {images} validation images have only one class"
    found = fitted_temperature(logits, targets, kind)
    if found is None:
        return None, (
            f"on the {images} validation images no temperature from {COLDEST:g} to {HOTTEST:g} is the likeliest: "
            "the network is right on all but few of them, or little better than chance"
        )
    return found, ""


def _probabilities(kind: Kind, logits: Floats) -> Floats:
    result: Floats = expit(logits) if kind == "multilabel" else softmax(logits, 1)
    return result
