"""A metric of one cell's test images, as a statistic that can be resampled."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ssmtl.evaluation.per_image import PerImage, read_per_image
from ssmtl.evaluation.stored_predictions import read_predictions
from ssmtl.runs.folder import RunFolder
from ssmtl.suite.bootstrap import Floats, Statistic, area_under_roc, mean_of


@lru_cache(maxsize=512)
def _values(cell: RunFolder) -> PerImage:
    return read_per_image(cell.per_image)


@lru_cache(maxsize=512)
def _scores(cell: RunFolder, task: str, domain: str) -> tuple[tuple[str, ...], Floats, NDArray[np.int64]] | None:
    """Ids, probabilities and classes; None for masks and for multi-label outputs."""
    stored = read_predictions(cell.predictions_of(task, domain))
    if "probabilities" not in stored or stored["targets"].ndim != 1:
        return None
    ids = tuple(str(one) for one in stored["ids"])
    return ids, stored["probabilities"].astype(np.float64), stored["targets"].astype(np.int64)


def statistic_of(cell: RunFolder, task: str, domain: str, metric: str) -> tuple[tuple[str, ...], Statistic] | None:
    """The images' ids in order, and the metric of any resample of them; None if it is not known per image."""
    known = _values(cell).get((task, domain, metric))
    if known is not None:
        ids = tuple(sorted(known))
        return ids, mean_of(np.array([known[one] for one in ids]))
    if metric not in ("accuracy", "auroc"):
        return None
    scores = _scores(cell, task, domain)
    if scores is None:
        return None
    ids, probabilities, targets = scores
    if metric == "accuracy":
        return ids, mean_of((probabilities.argmax(1) == targets).astype(np.float64))
    classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    areas = [area_under_roc(probabilities[:, index], targets == index) for index in classes]
    return ids, lambda counts: np.nanmean([area(counts) for area in areas], axis=0)
