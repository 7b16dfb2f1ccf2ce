"""MultiMix's saliency bridge."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import PositiveInt
from torch import Tensor

from ssmtl import AnotherTask, Bridge, Features, FrozenPredictor, Images, Kind, Pyramid, input_gradient
from ssmtl_multimix.join import averaged, join

EPSILON = 1e-8
"""Keeps the division by the largest gradient finite if every gradient is zero."""


class SaliencyBridge(Bridge):
    """The classifier's input gradient, as an additional input map for the segmentation decoder.

    Haque, Imran, Wang and Terzopoulos, "Generalized Multi-Task Learning from Substantially Unlabeled Multi-Source
    Medical Image Data", MELBA 2021,
    equations (3) and (4): y = |∂ logit / ∂ x| of the guiding task's class, joined with the image
    and averaged down to the size of one level of the pyramid, where the decoder's first block reads it beside the
    skip connection (table 5). The map is detached: no second derivative is taken.

    :param guided_by: the classification task whose saliency is used.
    :param stride: stride of the level that is widened, in input pixels per feature pixel.
    :param normalize: `max` divides each map by its largest value, so that its scale does not depend on the
        classifier's confidence; `none` leaves it unchanged, as published.
    :param target: `predicted` differentiates the largest logit of each image; a class name, the logit of that class.
    """

    guide_kinds: ClassVar[frozenset[Kind]] = frozenset({"multiclass", "multilabel"})

    def __init__(
        self,
        pyramid: Pyramid,
        /,
        *,
        guided_by: AnotherTask,
        stride: PositiveInt = 8,
        normalize: Literal["max", "none"] = "max",
        target: str = "predicted",
    ) -> None:
        super().__init__()
        self.level = pyramid.level_of(stride)
        self.pyramid = pyramid.widened(self.level, pyramid.image_channels + 1)
        self.reads = frozenset({guided_by})
        self.guided_by = guided_by
        self.normalize = normalize
        self.target = target

    def forward(self, images: Images, features: Features, guides: Mapping[str, FrozenPredictor]) -> Features:
        return join(features, self.level, self.maps(images, features, guides).values())

    def maps(self, images: Images, features: Features, guides: Mapping[str, FrozenPredictor]) -> Mapping[str, Tensor]:
        """The image and the saliency map."""
        guide = guides[self.guided_by]
        saliency = input_gradient(images, guide, class_index(guide, self.target))
        if self.normalize == "max":
            saliency = saliency / (saliency.amax((1, 2, 3), keepdim=True) + EPSILON)
        return {"image": averaged(images, features[self.level]), "saliency": averaged(saliency, features[self.level])}


def class_index(guide: FrozenPredictor, target: str) -> int | None:
    """:raises ValueError: if the guiding task has no class of that name."""
    if target == "predicted":
        return None
    if target not in guide.output.classes:
        raise ValueError(f"no class '{target}' in the guiding task, which has {', '.join(guide.output.classes)}")
    return guide.output.classes.index(target)
