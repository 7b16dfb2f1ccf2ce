"""The classification head: pool, average, one linear layer."""

from typing import Annotated

from pydantic import Field
from torch import nn
from torch.nn import functional as F

from ssmtl.contracts.backbone import Pyramid
from ssmtl.contracts.head import Head, Output
from ssmtl.contracts.shapes import Features, Logits


class PooledLinear(Head):
    """MultiMix's classifier (Haque et al. 2021, table 4): max-pool 2 × 2 of the deepest level, global average, linear.

    :param classes: two or more for one label per image (softmax); one or more with `multilabel`.
    :param multilabel: any number of labels per image (a sigmoid per class).
    :param max_pool: whether to pool before averaging; a level of one pixel is not pooled.
    """

    def __init__(
        self,
        pyramid: Pyramid,
        /,
        *,
        classes: Annotated[tuple[str, ...], Field(min_length=1)],
        multilabel: bool = False,
        max_pool: bool = True,
    ) -> None:
        super().__init__()
        if not multilabel and len(classes) < 2:
            raise ValueError(
                f"a softmax over one class ({classes[0]}) is always 1: name two classes, or set multilabel: true"
            )
        if len(set(classes)) < len(classes):
            raise ValueError(f"the classes {list(classes)} are not distinct")
        self.output = Output("multilabel" if multilabel else "multiclass", tuple(classes))
        self.max_pool = max_pool
        self.linear = nn.Linear(pyramid.channels[-1], len(classes))

    def forward(self, features: Features) -> Logits:
        deepest = features[-1]
        if self.max_pool and min(deepest.shape[-2:]) > 1:
            deepest = F.max_pool2d(deepest, 2)
        logits: Logits = self.linear(deepest.mean((2, 3)))
        return logits
