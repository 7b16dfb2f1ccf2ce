"""Another task's features, let through where the task's own features say so."""

from torch import Tensor, nn

from ssmtl import AnotherTask, Pyramid
from ssmtl_bridges.exchange import ExchangeBridge


class PadNet(ExchangeBridge):
    """At each level F + σ(W * F) ⊙ (V * F'): F are the task's own features, F' the other's, W and V 3 × 3 convolutions.

    Xu, Ouyang, Wang and Sebe, "PAD-Net: Multi-Tasks Guided Prediction-and-Distillation Network for Simultaneous Depth
    Estimation and Scene Parsing", CVPR 2018, the multi-modal distillation module C, which is guided by attention.

    Differences: a layer of each task's own on shared features stands for the features of its first prediction; that
    prediction is not made, and has no loss of its own. One other task, at every level of the pyramid.

    :param partner: the other task.
    """

    def __init__(self, pyramid: Pyramid, /, *, partner: AnotherTask) -> None:
        super().__init__(pyramid, partner)
        self.gates = nn.ModuleList(nn.Conv2d(wide, wide, 3, padding=1) for wide in pyramid.channels)
        self.messages = nn.ModuleList(nn.Conv2d(wide, wide, 3, padding=1) for wide in pyramid.channels)

    def mixed(self, level: int, own: Tensor, other: Tensor) -> Tensor:
        distilled: Tensor = own + self.gates[level](own).sigmoid() * self.messages[level](other)
        return distilled
