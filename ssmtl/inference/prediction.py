"""What a model says of one image."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ssmtl.data.header import Spacing


@dataclass(frozen=True)
class LabelPrediction:
    """Of a classification task.

    :param probabilities: by class, after the run's temperature.
    :param decision: the class that is most probable; of two classes the second if it is at or above its threshold; of a
        task with any number of labels, those at or above their threshold, joined by `|`, which may be none.
    :param disagreement: by class, the standard deviation of the probability over the runs and draws; empty if there is
        one alone.
    :param saliency: by class, |∂ logit / ∂ image| as float32 in the geometry of the image; empty unless asked for.
    """

    probabilities: Mapping[str, float]
    decision: str
    disagreement: Mapping[str, float] = field(default_factory=dict)
    saliency: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True)
class MaskPrediction:
    """Of a segmentation task.

    :param masks: by structure, bool (height, width): inside or not, in the geometry of the image.
    :param probabilities: by structure, float32 (height, width) of the recipe, as the network gives them.
    :param pixels: by structure, how many pixels of the image are inside.
    :param mm2: by structure, their area in mm²; empty if the image's spacing is not known.
    :param disagreement: by structure, one minus the mean Dice of the masks of every two runs or draws (Roy et al.,
        "Bayesian QuickNAT", 2019); empty if there is one alone.
    """

    masks: Mapping[str, NDArray[np.bool_]]
    probabilities: Mapping[str, NDArray[np.float32]]
    pixels: Mapping[str, int]
    mm2: Mapping[str, float] = field(default_factory=dict)
    disagreement: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class NumberPrediction:
    """Of a task that estimates numbers.

    :param values: by name, in the units of the table that the run learned from.
    :param disagreement: by name, the standard deviation over the runs and draws; empty if there is one alone.
    :param saliency: by name, as of `LabelPrediction`.
    """

    values: Mapping[str, float]
    disagreement: Mapping[str, float] = field(default_factory=dict)
    saliency: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True)
class Prediction:
    """Of one image.

    :param name: its path, or its number among the arrays. :param size: (height, width) as it is shown: EXIF applied.
    :param spacing: in millimetres, if the file says so. :param labels, masks, numbers: by task.
    """

    name: str
    size: tuple[int, int]
    spacing: Spacing | None
    labels: Mapping[str, LabelPrediction]
    masks: Mapping[str, MaskPrediction]
    numbers: Mapping[str, NumberPrediction] = field(default_factory=dict)
