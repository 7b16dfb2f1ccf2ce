"""What a metric makes of one cell's test images, as a statistic that can be resampled."""

import csv
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssmtl.suite.bootstrap import Floats, Statistic, area_under_roc, mean_of


@lru_cache(maxsize=512)
def _values(cell: Path) -> dict[tuple[str, str, str], dict[str, float]]:
    """By (task, domain, metric), a value an image."""
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    with (cell / "per_image.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault((row["task"], row["domain"], row["metric"]), {})[row["id"]] = float(row["value"])
    return found


@lru_cache(maxsize=512)
def _scores(cell: Path, task: str, domain: str) -> tuple[tuple[str, ...], Floats, NDArray[np.int64]] | None:
    """Ids, probabilities and classes; None for masks and for multi-label outputs."""
    with np.load(cell / "predictions" / f"{task}.{domain}.npz", allow_pickle=False) as found:
        if "probabilities" not in found or found["targets"].ndim != 1:
            return None
        ids = tuple(str(one) for one in found["ids"])
        return ids, found["probabilities"].astype(np.float64), found["targets"].astype(np.int64)


def statistic_of(cell: Path, task: str, domain: str, metric: str) -> tuple[tuple[str, ...], Statistic] | None:
    """The images' ids in order, and the metric of any resample of them; None if it is not known an image."""
    known = _values(cell).get((task, domain, metric))
    if known is not None:
        ids = tuple(sorted(known))
        return ids, mean_of(np.array([known[one] for one in ids]))
    if metric not in ("accuracy", "auroc"):
        return None
    found = _scores(cell, task, domain)
    if found is None:
        return None
    ids, probabilities, targets = found
    if metric == "accuracy":
        return ids, mean_of((probabilities.argmax(1) == targets).astype(np.float64))
    classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    areas = [area_under_roc(probabilities[:, index], targets == index) for index in classes]
    return ids, lambda counts: np.nanmean([area(counts) for area in areas], axis=0)
