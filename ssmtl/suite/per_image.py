"""A metric of one cell's test images, as a statistic that can be resampled."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ssmtl.errors import RunError
from ssmtl.evaluation.per_image import PerImage, read_patients, read_per_image
from ssmtl.evaluation.stored_predictions import read_predictions
from ssmtl.runs.folder import RunFolder
from ssmtl.suite.bootstrap import Floats, Statistic, area_under_roc, mean_of


@dataclass(frozen=True)
class ImageStatistic:
    """The metric of any resample of some images. :param ids, patients: of the images, in order."""

    ids: tuple[str, ...]
    patients: tuple[str, ...]
    value: Statistic


@dataclass(frozen=True)
class Classified:
    """Predictions of a multi-class task. :param probabilities: (images, classes). :param targets: class indices."""

    ids: tuple[str, ...]
    patients: tuple[str, ...]
    probabilities: Floats
    targets: NDArray[np.int64]


@lru_cache(maxsize=512)
def _values(cell: RunFolder) -> PerImage:
    return read_per_image(cell.per_image)


@lru_cache(maxsize=512)
def _patients(cell: RunFolder, task: str, domain: str) -> dict[str, str]:
    return dict(read_patients(cell.per_image)[task, domain])


@lru_cache(maxsize=512)
def _classified(cell: RunFolder, task: str, domain: str) -> Classified | None:
    """None for masks and for multi-label outputs.

    :raises RunError: if the file does not say whose images they are.
    """
    path = cell.predictions_of(task, domain)
    stored = read_predictions(path)
    if "probabilities" not in stored or stored["targets"].ndim != 1:
        return None
    if "patients" not in stored:
        raise RunError(f"{path}: no array 'patients' (written by an earlier version): run the cell again")
    ids, patients = (tuple(str(one) for one in stored[name]) for name in ("ids", "patients"))
    return Classified(ids, patients, stored["probabilities"].astype(np.float64), stored["targets"].astype(np.int64))


def mean_of_known(rows: Sequence[Floats]) -> Floats:
    """The mean over rows, column by column, of the values that are not NaN; NaN where there are none."""
    values = np.array(rows)
    with np.errstate(invalid="ignore"):
        mean: Floats = np.nansum(values, axis=0) / np.isfinite(values).sum(axis=0)
    return mean


def statistic_of(cell: RunFolder, task: str, domain: str, metric: str) -> ImageStatistic | None:
    """None if the metric is not known per image.

    :raises RunError: for a damaged file, or one that does not say whose images they are.
    """
    known = _values(cell).get((task, domain, metric))
    if known is not None:
        ids, whose = tuple(sorted(known)), _patients(cell, task, domain)
        return ImageStatistic(ids, tuple(whose[one] for one in ids), mean_of(np.array([known[one] for one in ids])))
    if metric not in ("accuracy", "balanced_accuracy", "auroc"):
        return None
    one = _classified(cell, task, domain)
    if one is None:
        return None
    right = (one.probabilities.argmax(1) == one.targets).astype(np.float64)
    if metric == "accuracy":
        return ImageStatistic(one.ids, one.patients, mean_of(right))
    count = one.probabilities.shape[1]
    if metric == "balanced_accuracy":
        recalls = [mean_of(np.where(one.targets == index, right, np.nan)) for index in range(count)]
        return ImageStatistic(one.ids, one.patients, lambda counts: mean_of_known([found(counts) for found in recalls]))
    classes = [1] if count == 2 else range(count)
    areas = [area_under_roc(one.probabilities[:, index], one.targets == index) for index in classes]
    return ImageStatistic(one.ids, one.patients, lambda counts: mean_of_known([area(counts) for area in areas]))
