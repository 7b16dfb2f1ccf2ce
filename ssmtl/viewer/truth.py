"""What is known of a test image, beside which the page shows what is predicted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ssmtl.contracts.head import Output
from ssmtl.contracts.source import Example
from ssmtl.data.mask_values import INSIDE
from ssmtl.data.masks import read_mask


@dataclass(frozen=True)
class Truth:
    """Of one image and one task; what is not known is missing.

    :param classes: by class, whether the image has it. :param masks: by structure, bool, of any size; they cover the
        same field of view as the image.
    """

    task: str = ""
    classes: Mapping[str, bool] = field(default_factory=dict)
    masks: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)


def truth_of(task: str, output: Output, example: Example) -> Truth:
    """:raises DataError: naming a mask that cannot be read."""
    if output.kind == "masks":
        known = {name: parts for name, parts in (example.masks or {}).items() if name in output.classes and parts}
        masks = {
            name: np.logical_or.reduce([read_mask(one) == INSIDE for one in parts]) for name, parts in known.items()
        }
        return Truth(task, masks=masks)
    if output.kind == "numbers":
        return Truth(
            task, numbers={name: one for name, one in (example.numbers or {}).items() if name in output.classes}
        )
    if (not example.labels and output.kind == "multiclass") or example.labels is None:
        return Truth(task)
    return Truth(task, {name: name in example.labels for name in output.classes if name not in example.unknown})
