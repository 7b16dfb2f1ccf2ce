"""The head of a task without labels."""

import torch

from ssmtl.contracts.backbone import Pyramid
from ssmtl.contracts.head import Head, Output
from ssmtl.contracts.shapes import Features, Logits


class NoOutput(Head):
    """No logits: the task's strategies learn from features of its unlabelled images, and nothing is predicted."""

    def __init__(self, _pyramid: Pyramid, /) -> None:
        super().__init__()
        self.output = Output("none", ())

    def forward(self, features: Features) -> Logits:
        return torch.zeros(len(features[-1]), 0, device=features[-1].device)
