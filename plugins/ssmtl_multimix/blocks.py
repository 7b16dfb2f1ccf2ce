"""The double convolution of tables 4 and 5, and its dropout."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEAKY_SLOPE = 0.2
"""Slope of LeakyReLU for negative inputs (Haque et al. 2021, section 3.2)."""

DROPOUT = 0.25
"""Dropout rate after each double convolution (section 3.2)."""


class Dropout(nn.Module):
    """Dropout with one random byte per element on the CPU, several times cheaper than one float each.

    The rate is rounded to a multiple of 1/256; 0.25 is exact. On other devices it is PyTorch's own dropout.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate, self.dropped = rate, round(rate * 256)

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training or self.dropped == 0:
            return inputs
        if inputs.device.type != "cpu":
            return F.dropout(inputs, self.dropped / 256)
        words = torch.empty((inputs.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        kept = words.view(torch.uint8)[: inputs.numel()].view_as(inputs) >= self.dropped
        return (inputs * kept).mul_(256 / (256 - self.dropped))


def double_convolution(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    """Twice (3 × 3 convolution, InstanceNorm without affine parameters, LeakyReLU), then dropout.

    InstanceNorm is written as GroupNorm with one group per channel, which takes a quarter of the time on a CPU.
    """
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.GroupNorm(outputs, outputs, affine=False),
        nn.LeakyReLU(LEAKY_SLOPE, inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.GroupNorm(outputs, outputs, affine=False),
        nn.LeakyReLU(LEAKY_SLOPE, inplace=True),
        Dropout(dropout),
    )
