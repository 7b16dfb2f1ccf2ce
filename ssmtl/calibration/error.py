"""How far probabilities are from the shares that they claim."""

import numpy as np

BINS = 10


def bins_of(score: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of `BINS` bins of equal width: its images, their mean probability, and the share that has the class.

    The last two are NaN in a bin without images. A bin includes its lower end, the last one both ends.
    """
    place = np.clip((score * BINS).astype(np.int64), 0, BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(place, score, BINS) / counts
        share = np.bincount(place, positive.astype(float), BINS) / counts
    return counts, mean, share


def calibration_error(score: np.ndarray, positive: np.ndarray) -> float:
    """The mean over images of |share that has the class − mean probability| of their bin; NaN without images.

    Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", 2015; Guo et al.
    (2017), equation 3, for one class against the rest.
    """
    counts, mean, share = bins_of(score, positive)
    total = counts.sum()
    return float(np.nansum(counts * np.abs(share - mean)) / total) if total else float("nan")


def brier_score(score: np.ndarray, positive: np.ndarray) -> float:
    """The mean of (probability − 1 or 0)², as in Brier (1950), for one class; NaN without images."""
    return float(((score - positive) ** 2).mean()) if len(score) else float("nan")
