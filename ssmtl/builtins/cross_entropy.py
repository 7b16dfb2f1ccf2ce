"""The supervised loss of a classification task."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ssmtl.contracts.head import Kind, Output
from ssmtl.contracts.known import mean_of_known
from ssmtl.contracts.shapes import Logits
from ssmtl.contracts.strategy import Strategy
from ssmtl.contracts.view import Batch, View


class CrossEntropy(Strategy):
    """Cross-entropy on labelled rows: softmax for multi-class, a sigmoid per class for multi-label; the mean over rows.

    A multi-label row counts by the mean over those of its labels that are known.

    The first term of equation (1) of MultiMix (Haque et al. 2021).

    :param augment: which augmentation of the task the labelled images get.
    :param label_smoothing: fraction of the target spread over all classes (multi-class), or moved to 1/2 (multi-label).
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"multiclass", "multilabel"})

    def __init__(
        self, output: Output, /, *, augment: str = "weak", label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    ) -> None:
        super().__init__()
        self.output = output
        self.label_smoothing = label_smoothing
        self.view = View("labeled", augment)
        self.views = frozenset({self.view})

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        logits, labels = outputs[self.view], batch.targets[self.view]
        if self.output.kind == "multiclass":
            return F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        known, smooth = ~labels.isnan(), labels.nan_to_num() * (1 - self.label_smoothing) + self.label_smoothing / 2
        if known.all():  # one operation, whose gradient is rounded otherwise than that of two
            return F.binary_cross_entropy_with_logits(logits, smooth)
        losses = F.binary_cross_entropy_with_logits(logits, smooth, reduction="none")
        return mean_of_known(losses, known)
