"""Temperature scaling (Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017, section 4.2).

One number divides all logits of a task: which class is most probable, and which image is more probable to have a class,
stay as they are; multi-class, the latter with two classes.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logsumexp, softmax

from ssmtl.calibration.stored import COLDEST, HOTTEST
from ssmtl.contracts.head import Kind

Floats = NDArray[np.float64]

LEAST = 1e-7
"""A probability below this counts as this much, where there are no logits."""


def negative_log_likelihood(logits: Floats, targets: np.ndarray, kind: Kind, temperature: float = 1.0) -> float:
    """The mean over images, or over images and labels. NaN if no label is known.

    :param logits: (rows, classes). :param targets: (rows,) class indices, negative: unknown; or (rows, classes) of 0,
        1, anything else: unknown.
    """
    scaled = logits / temperature
    if kind == "multilabel":
        losses = (np.logaddexp(0, scaled) - targets * scaled)[_known(targets)]
    else:
        known = targets >= 0
        losses = logsumexp(scaled[known], 1) - scaled[known, targets[known]]
    return float(losses.mean()) if losses.size else float("nan")


def fitted_temperature(logits: Floats, targets: np.ndarray, kind: Kind) -> float | None:
    """The temperature at which the negative log likelihood is least; None if it is not between the limits.

    The likelihood is log-concave in 1 / temperature, so that its slope has one zero at most.
    """

    def slope(sharpness: float) -> float:
        if kind == "multilabel":
            every = logits * (expit(sharpness * logits) - targets)
            return float(every[_known(targets)].mean())
        known = targets >= 0
        mean = (softmax(sharpness * logits[known], 1) * logits[known]).sum(1)
        return float((mean - logits[known, targets[known]]).mean())

    flattest, sharpest = 1 / HOTTEST, 1 / COLDEST
    if not slope(flattest) < 0 < slope(sharpest):
        return None
    return 1 / float(brentq(slope, flattest, sharpest, xtol=1e-12))


def tempered(probabilities: np.ndarray, kind: Kind, temperature: float) -> Floats:
    """What probabilities become if their logits are divided by the temperature: (rows, classes)."""
    likely = np.asarray(probabilities, dtype=np.float64)
    if temperature == 1.0:
        return likely
    if kind == "multilabel":
        inside = np.clip(likely, LEAST, 1 - LEAST)
        result: Floats = expit((np.log(inside) - np.log1p(-inside)) / temperature)
    else:
        result = softmax(np.log(np.clip(likely, np.finfo(np.float32).tiny, None)) / temperature, 1)
    return result


def _known(targets: np.ndarray) -> np.ndarray:
    return np.isin(targets, (0, 1))
