"""What a run stores of its calibration."""

from typing import Annotated

from pydantic import Field

from ssmtl.json_file import Count, FileModel, Number

COLDEST, HOTTEST = 0.05, 20.0
"""Temperatures beyond these are not fitted: the likelihood would have its maximum at certainty, or at ignorance."""

Proportion = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class OperatingPoint(FileModel):
    """An image has the class if its probability is at or above the threshold.

    :param sensitivity, specificity: of the images that it was chosen on.
    """

    threshold: Proportion
    sensitivity: Proportion
    specificity: Proportion


class TaskCalibration(FileModel):
    """What was fitted for a classification task.

    :param images: how many validation images there were. :param temperature: that divides the logits; 1: none was
        fitted, and `why` says why. :param nll: negative log likelihood, before and after. :param ece: by class, its
        expected calibration error, before and after, on the images that the temperature was fitted on.
    :param thresholds: by class and name of an operating point; for probabilities after the temperature. Of two classes
        that exclude each other, the second has them. :param no_thresholds: by class, why it has none.
    """

    images: Count
    temperature: Annotated[float, Field(ge=COLDEST, le=HOTTEST)] = 1.0
    why: str = ""
    nll: list[Number] = []
    ece: dict[str, list[Number]] = {}
    brier: dict[str, list[Number]] = {}
    thresholds: dict[str, dict[str, OperatingPoint]] = {}
    no_thresholds: dict[str, str] = {}
