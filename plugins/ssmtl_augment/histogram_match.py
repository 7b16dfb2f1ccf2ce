"""The grey levels of an image, moved to those of an image of another source."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field, PositiveInt
from torch import Tensor

from ssmtl import Images, Masks, RandomStream, References
from ssmtl_augment.partners import From, drawn, kept, share


class HistogramMatch:
    """The image moved to its partner's histogram, by a share a of the way: x + a (m − x), a ~ U(0, strength).

    m maps the grey level v of a channel to the mean of the partner's levels at the ranks that v's pixels have, so that
    equal pixels stay equal, the order stays, and m has the partner's levels exactly if no two pixels of x are equal.
    Ma, "Histogram Matching Augmentation for Domain Adaptation with Application to Multi-Centre, Multi-Vendor and
    Multi-Disease Cardiac Image Segmentation", STACOM 2020, matches volumes of labelled vendors to those of an
    unlabelled one, in whole (a = 1), before training. Each channel by itself; masks stay as they are. Black around a
    smaller image (`fit: pad`) counts as part of it.

    :param partners: training images of the sources of other tasks, or of any source, the image's own included.
    :param references: the most images of each source that are drawn from.
    :param probability: with which an image is changed. :param strength: the greatest share.
    """

    moved_by: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        partners: From = "other",
        references: PositiveInt = 64,
        probability: Annotated[float, Field(ge=0, le=1)] = 1.0,
        strength: Annotated[float, Field(ge=0, le=1)] = 1.0,
    ) -> None:
        self.partners, self.references = partners, references
        self.probability, self.strength = probability, strength
        self.bank: Tensor | None = None

    def begin(self, references: References) -> None:
        self.bank = kept(references, self.partners)

    @torch.no_grad()
    def __call__(self, images: Images, masks: Masks | None, stream: RandomStream) -> tuple[Images, Masks | None]:
        matched = match(images, drawn(self.bank, stream))
        mixed = images + share(stream, self.probability, self.strength) * (matched - images)
        return mixed.clamp(0, 1), masks


def match(images: Images, partners: Images) -> Float[Tensor, "rows channels height width"]:
    """Each channel with the histogram of the partner's. :param partners: of the same shape, in steps of 1/255."""
    levels, wanted = images.flatten(2).contiguous(), partners.flatten(2).mul(255).round().long().sort(-1).values
    ordered = levels.sort(-1).values
    first, after = (torch.searchsorted(ordered, levels, right=right) for right in (False, True))
    sums = torch.cat([torch.zeros_like(wanted[..., :1]), wanted.cumsum(-1)], -1)
    total = sums.gather(-1, after) - sums.gather(-1, first)
    return (total / ((after - first) * 255)).view(images.shape)
