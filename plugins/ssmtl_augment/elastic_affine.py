"""Images and masks moved together: turned, scaled, shifted and bent."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ssmtl import Images, Masks, RandomStream
from ssmtl_augment.gaussian import smoothed

Part = Annotated[float, Field(ge=0, lt=1)]


class ElasticAffine:
    """A random rotation, scale and shift about the centre, and a smooth random displacement, in one warp.

    The displacement is that of Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks Applied
    to Visual Document Analysis", ICDAR 2003: uniform noise in both directions, smoothed by a Gaussian. Difference: it
    is scaled so that its largest length is what is drawn for each image, whatever the smoothness. Images are
    interpolated bilinearly; masks take the nearest pixel, so that 0, 1 and unknown stay what they are. Pixels from
    outside are 0: black, and no structure.

    :param rotate: the greatest angle, in degrees. :param scale: sizes from 1 / (1 + scale) to 1 + scale.
    :param shift: the greatest shift along each side, as a share of it.
    :param elastic: the greatest displacement, as a share of the shorter side.
    :param smoothness: standard deviation of the Gaussian, as a share of the shorter side.
    """

    def __init__(
        self,
        *,
        rotate: Annotated[float, Field(ge=0, le=180)] = 10.0,
        scale: Part = 0.1,
        shift: Part = 0.05,
        elastic: Part = 0.03,
        smoothness: Annotated[float, Field(gt=0, le=1)] = 0.1,
    ) -> None:
        self.rotate, self.scale, self.shift = rotate, scale, shift
        self.elastic, self.smoothness = elastic, smoothness
        moving = {"rotate": rotate, "scale": scale, "shift": shift, "elastic": elastic}
        self.moved_by = tuple(name for name, most in moving.items() if most)

    @torch.no_grad()
    def __call__(self, images: Images, masks: Masks | None, stream: RandomStream) -> tuple[Images, Masks | None]:
        height, width = images.shape[-2:]
        ends = images.new_tensor([max(width - 1, 1), max(height - 1, 1)]) / 2
        at = self._sources(stream, height, width) / ends
        moved = F.grid_sample(images, at, "bilinear", "zeros", align_corners=True).clamp(0, 1)
        return moved, None if masks is None else F.grid_sample(masks, at, "nearest", "zeros", align_corners=True)

    def _sources(self, stream: RandomStream, height: int, width: int) -> Float[Tensor, "rows {height} {width} 2"]:
        """From where each pixel comes: x and y in pixels from the centre of the image."""
        angle, scale, *shift = (2 * stream.uniform("affine", 4) - 1).T
        turn, size = torch.deg2rad(self.rotate * angle), (1 + self.scale) ** scale
        cosine, sine = (turn.cos() / size)[:, None, None], (turn.sin() / size)[:, None, None]
        y, x = (torch.arange(side, device=turn.device) - (side - 1) / 2 for side in (height, width))
        y = y[:, None]
        turned = torch.stack([cosine * x - sine * y, sine * x + cosine * y], dim=-1)
        sides = turned.new_tensor([width, height])
        shifted = turned + self.shift * sides * torch.stack(shift, dim=-1)[:, None, None]
        return shifted + self._displacements(stream, height, width) if self.elastic else shifted

    def _displacements(self, stream: RandomStream, height: int, width: int) -> Float[Tensor, "rows {height} {width} 2"]:
        side = min(height, width)
        noise = (2 * stream.uniform("elastic", 2 * height * width) - 1).view(len(stream), 2, height, width)
        field = smoothed(noise, noise.new_full((len(noise),), self.smoothness * side))
        field = field / field.norm(dim=1, keepdim=True).amax((2, 3), keepdim=True).clamp_min(1e-6)
        longest = self.elastic * side * stream.uniform("elastic amount")[:, :, None, None]
        moves: Tensor = (longest * field).permute(0, 2, 3, 1)
        return moves
