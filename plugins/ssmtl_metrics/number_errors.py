"""Errors of numbers."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ssmtl import Output
from ssmtl_metrics.kinds import NUMBERS, accepted, numbers


class MAE:
    """The absolute error |predicted − true|, one value per image; the mean over images is the mean absolute error.

    With several numbers, `mae_<name>` for each, and the mean over those that are known of an image.

    :param unit: of the numbers, for tables.
    """

    accepts = NUMBERS
    takes_unknown = True
    higher_is_better = False
    selects = True

    def __init__(self, output: Output, /, *, unit: str = "") -> None:
        self.output = accepted(output, "mae", self.accepts)
        self.unit = unit

    def __call__(self, probabilities: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Shape (rows,)."""
        errors = (numbers(probabilities) - targets).abs()
        several = len(self.output.classes) > 1
        each = {f"mae_{name}": errors[:, i] for i, name in enumerate(self.output.classes) if several}
        return {"mae": errors.nanmean(1)} | each


class RMSE:
    """The root of the mean squared error over images, of each number; the mean over numbers if there are several.

    :param unit: of the numbers, for tables.
    """

    accepts = NUMBERS
    takes_unknown = True
    higher_is_better = False
    selects = False

    def __init__(self, output: Output, /, *, unit: str = "") -> None:
        self.output = accepted(output, "rmse", self.accepts)
        self.unit = unit

    def __call__(self, probabilities: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Scalars: `rmse`, and `rmse_<name>` if there is more than one number."""
        roots = torch.sqrt((numbers(probabilities) - targets).double().square().nanmean(0)).float()
        several = len(self.output.classes) > 1
        return {"rmse": roots.nanmean()} | {
            f"rmse_{name}": roots[i] for i, name in enumerate(self.output.classes) if several
        }
