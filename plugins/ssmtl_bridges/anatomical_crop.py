"""A segmentation task shows a classifier the anatomy alone."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ssmtl import AnotherTask, Bridge, Features, FrozenPredictor, Guide, Images, Kind, Pyramid

STRAY = 0.03
"""A row or column of pixels counts if more than this share of it is inside."""


class AnatomicalCrop(Bridge):
    """The image cut to the box around what another task predicts, and enlarged to its size.

    What lies outside, such as letters, tubes and arms, cannot be a shortcut, and images that show more or less of the
    body become alike. The box holds every row and column of pixels of which more than 3 % is inside a structure, and a
    margin. The head's features are those of the cut image; no parameter of the segmentation task gets a gradient.

    :param guided_by: the segmentation task. :param margin: on each side, as a share of the box's side.
    :param least: share of the image below which the structures count as not found, and the image is shown whole.
    """

    guide_kinds: ClassVar[frozenset[Kind]] = frozenset({"masks"})

    def __init__(
        self,
        pyramid: Pyramid,
        /,
        *,
        guided_by: AnotherTask,
        margin: Annotated[float, Field(ge=0, le=1)] = 0.05,
        least: Annotated[float, Field(ge=0, le=1)] = 0.05,
    ) -> None:
        super().__init__()
        self.pyramid = pyramid
        self.reads = frozenset({guided_by})
        self.guided_by, self.margin, self.least = guided_by, margin, least

    def look(self, images: Images, guides: Mapping[str, FrozenPredictor]) -> Images:
        with torch.no_grad():
            guide = guides[self.guided_by]
            inside = (guide.output.probabilities(guide(images)).amax(1) >= 0.5).float()
            found = inside.mean((1, 2))[:, None] >= self.least
            across, down = (self._places(inside.mean(side), found) for side in (1, 2))
            height, width = images.shape[-2:]
            at = torch.stack([across[:, None, :].expand(-1, height, -1), down[:, :, None].expand(-1, -1, width)], -1)
        return F.grid_sample(images, at.to(images.dtype), "bilinear", "border", align_corners=False).clamp(0, 1)

    def _places(self, shares: Float[Tensor, "rows side"], found: Bool[Tensor, "rows 1"]) -> Float[Tensor, "rows side"]:
        """From where the pixels along one side of the image come, which goes from -1 to 1.

        :param shares: of each row or column of pixels, how much of it is inside. :param found: else all stay.
        """
        counted, side = (shares > STRAY).float(), shares.shape[1]
        low = counted.argmax(1, keepdim=True) / side * 2 - 1
        high = 1 - counted.flip(1).argmax(1, keepdim=True) / side * 2
        margin = self.margin * (high - low)
        low, high = (low - margin).clamp_min(-1), (high + margin).clamp_max(1)
        places = (torch.arange(side, device=shares.device) + 0.5) / side * 2 - 1
        return torch.where(found, (low + high) / 2 + (high - low) / 2 * places, places)

    def forward(self, images: Images, features: Features, guides: Mapping[str, Guide]) -> Features:
        return features
