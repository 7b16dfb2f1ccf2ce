"""Where a classifier looks, as a map beside the features."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional as F

from ssmtl import AnotherTask, Bridge, Features, Guide, Images, Kind, Pyramid

EPSILON = 1e-8


class GradCam(Bridge):
    """The classifier's class activation map at its deepest level, resized to one level of the pyramid.

    Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017,
    equations (1) and (2): ReLU(Σ_k α_k A_k), α_k the mean over pixels of ∂ logit / ∂ A_k; divided by its largest value.

    :param guided_by: the classification task. :param stride: of the level that is widened.
    """

    guide_kinds: ClassVar[frozenset[Kind]] = frozenset({"multiclass", "multilabel"})

    def __init__(self, pyramid: Pyramid, /, *, guided_by: AnotherTask, stride: PositiveInt = 8) -> None:
        super().__init__()
        self.level = pyramid.level_of(stride)
        self.pyramid = pyramid.widened(self.level, 1)
        self.reads = frozenset({guided_by})
        self.guided_by = guided_by

    def forward(self, images: Images, features: Features, guides: Mapping[str, Guide]) -> Features:
        own = features[self.level]
        small = F.interpolate(activation_map(images, guides[self.guided_by]), size=own.shape[-2:], mode="bilinear")
        widened = torch.cat([own, small.to(own.dtype)], dim=1)
        return (*features[: self.level], widened, *features[self.level + 1 :])


def activation_map(images: Images, guide: Guide) -> Float[Tensor, "rows 1 _ _"]:
    """In [0, 1], at the size of the guide's deepest level, for each row's largest logit; detached."""
    with torch.enable_grad():
        levels = guide.features(images.detach())
        deepest = levels[-1].detach().requires_grad_()
        logits = guide.decode((*levels[:-1], deepest))
        (gradient,) = torch.autograd.grad(logits.amax(1).sum(), deepest)
    weighted = (gradient.mean((2, 3), keepdim=True) * deepest).sum(1, keepdim=True).relu().detach()
    return weighted / (weighted.amax((1, 2, 3), keepdim=True) + EPSILON)
