"""A segmentation task shows a classifier where the anatomy is."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ssmtl import AnotherTask, Bridge, Features, Guide, Images, Kind, Pyramid


class AnatomicalGate(Bridge):
    """Features outside the mask that another task predicts are attenuated.

    Each level is multiplied by `outside` + (1 − `outside`) · p, where p is the largest probability of any structure,
    averaged down to the level's size. No parameter of the segmentation task gets a gradient.

    :param guided_by: the segmentation task. :param outside: what remains of a feature where there is no structure.
    """

    guide_kinds: ClassVar[frozenset[Kind]] = frozenset({"masks"})

    def __init__(
        self, pyramid: Pyramid, /, *, guided_by: AnotherTask, outside: Annotated[float, Field(ge=0, le=1)] = 0.1
    ) -> None:
        super().__init__()
        self.pyramid = pyramid
        self.reads = frozenset({guided_by})
        self.guided_by, self.outside = guided_by, outside

    def forward(self, images: Images, features: Features, guides: Mapping[str, Guide]) -> Features:
        with torch.no_grad():
            guide = guides[self.guided_by]
            inside = guide.output.probabilities(guide(images)).amax(1, keepdim=True)
            gate = self.outside + (1 - self.outside) * inside
        return tuple(level * _resized(gate, level).to(level.dtype) for level in features)


def _resized(gate: Tensor, level: Tensor) -> Tensor:
    height, width = level.shape[-2:]
    return F.adaptive_avg_pool2d(gate, (height, width))
