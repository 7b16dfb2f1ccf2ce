"""The double convolution of tables 4 and 5, and its dropout."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEAKY_SLOPE = 0.2
"""Slope of LeakyReLU for negative inputs (Haque et al. 2021, section 3.2)."""

DROPOUT = 0.25
"""Dropout rate after each double convolution (section 3.2)."""


class Dropout(nn.Module):
    """Dropout that draws one byte an element on the CPU, several times cheaper than a float each.

    The rate is rounded to a 256th; 0.25 is exact. Elsewhere than on a CPU it is PyTorch's own.

    :param always: in evaluation mode too.
    """

    def __init__(self, rate: float, always: bool = False) -> None:
        super().__init__()
        self.dropped, self.always = round(rate * 256), always

    def forward(self, inputs: Tensor) -> Tensor:
        if not (self.training or self.always) or self.dropped == 0:
            return inputs
        if inputs.device.type != "cpu":
            return F.dropout(inputs, self.dropped / 256)
        words = torch.empty((inputs.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        kept = words.view(torch.uint8)[: inputs.numel()].view_as(inputs) >= self.dropped
        return (inputs * kept).mul_(256 / (256 - self.dropped))


def double_convolution(inputs: int, outputs: int, dropout: float, always: bool = False) -> nn.Sequential:
    """Twice (3 × 3 convolution, InstanceNorm without affine parameters, LeakyReLU), then dropout.

    GroupNorm with one group per channel is InstanceNorm, at a quarter of its time on a CPU.

    :param always: dropout in evaluation mode too.
    """
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.GroupNorm(outputs, outputs, affine=False),
        nn.LeakyReLU(LEAKY_SLOPE, inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.GroupNorm(outputs, outputs, affine=False),
        nn.LeakyReLU(LEAKY_SLOPE, inplace=True),
        Dropout(dropout, always),
    )
