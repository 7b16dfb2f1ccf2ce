"""Metrics for labels and for masks, with one explicit policy for empty masks."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Metric


@hookimpl
def ssmtl_metrics() -> Mapping[str, Callable[..., "Metric"]]:
    from ssmtl_metrics.accuracy import Accuracy
    from ssmtl_metrics.auroc import AUROC
    from ssmtl_metrics.balanced_accuracy import BalancedAccuracy
    from ssmtl_metrics.empty_masks import EmptyMasks
    from ssmtl_metrics.f1 import F1
    from ssmtl_metrics.hausdorff import AverageHausdorff
    from ssmtl_metrics.number_errors import MAE, RMSE
    from ssmtl_metrics.overlap import Dice, Jaccard, Precision, Recall
    from ssmtl_metrics.ranks import QuadraticKappa, RankError
    from ssmtl_metrics.ssim import SSIM

    return {
        "accuracy": Accuracy,
        "auroc": AUROC,
        "average_hausdorff": AverageHausdorff,
        "balanced_accuracy": BalancedAccuracy,
        "dice": Dice,
        "empty_masks": EmptyMasks,
        "f1": F1,
        "jaccard": Jaccard,
        "mae": MAE,
        "precision": Precision,
        "quadratic_kappa": QuadraticKappa,
        "rank_error": RankError,
        "recall": Recall,
        "rmse": RMSE,
        "ssim": SSIM,
    }
