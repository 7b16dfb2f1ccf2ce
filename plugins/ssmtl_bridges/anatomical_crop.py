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
            inside = guide.output.probabilities(guide(images)).amax(1) >= 0.5
            boxes = torch.stack([self._ends(inside.float().mean(1)), self._ends(inside.float().mean(2))], 1)
            found = inside.float().mean((1, 2)) >= self.least
            low, high = torch.where(found[:, None, None], boxes, boxes.new_tensor([-1.0, 1.0])).unbind(2)
            moves = torch.zeros(len(images), 2, 3, device=images.device)
            moves[:, [0, 1], [0, 1]], moves[:, :, 2] = (high - low) / 2, (high + low) / 2
            at = F.affine_grid(moves, list(images.shape), align_corners=False)
        return F.grid_sample(images, at.to(images.dtype), "bilinear", "border", align_corners=False).clamp(0, 1)

    def _ends(self, shares: Float[Tensor, "rows places"]) -> Float[Tensor, "rows 2"]:
        """Where the box begins and ends along one side of the image, which goes from -1 to 1.

        :param shares: of each row or column of pixels, how much of it is inside.
        """
        counted: Bool[Tensor, "rows places"] = shares > STRAY
        side = counted.shape[1]
        first = counted.float().argmax(1)
        last = side - counted.flip(1).float().argmax(1)
        ends = torch.stack([first, last], 1).float() / side * 2 - 1
        margin = self.margin * (ends[:, 1] - ends[:, 0])
        return torch.stack([ends[:, 0] - margin, ends[:, 1] + margin], 1).clamp(-1, 1)

    def forward(self, images: Images, features: Features, guides: Mapping[str, Guide]) -> Features:
        return features
