"""timm's encoders."""

from typing import Annotated, Any

from pydantic import Field, NonNegativeInt
from torch import nn

from ssmtl import Backbone, Features, Images, Pyramid
from ssmtl_timm.create import create


class TimmEncoder(Backbone):
    """A timm model without its classifier, as a feature pyramid.

    The stem is adapted to `image_channels` (timm sums or repeats its pretrained weights). The head must make up for
    levels that timm does not provide, such as stride 1 for most models. A model for images of one size, such as Swin
    or MaxViT, is built for the recipe's, where timm can.

    :param model: timm's name; `timm.list_models()` lists them. `name.tag` selects pretrained weights.
    :param pretrained: start from timm's weights, downloaded on first use.
    :param weights: start from those in a file, safetensors or a state dict, of the whole model or without its
        classifier; `lite0`: ImageNet weights of `tf_efficientnet_lite0`, from the extra `lite0`.
    :param levels: indices of the model's levels, finest first; all by default.
    :raises ValueError: for a name or a level that timm does not know, a model whose levels do not form a pyramid, or
        one that takes no images of this size.
    :raises SsmtlError: if the pretrained weights are not available.
    """

    def __init__(
        self,
        image_channels: int,
        image_size: int | tuple[int, int] | None = None,
        /,
        *,
        model: str = "resnet18",
        pretrained: bool = False,
        weights: Annotated[str, Field(min_length=1)] | None = None,
        levels: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] | None = None,
    ) -> None:
        super().__init__()
        self.model: nn.Module = create(model, image_channels, pretrained, levels, image_size, weights)
        info: Any = self.model.feature_info
        strides = tuple(info.reduction())
        if list(strides) != sorted(set(strides)):
            raise ValueError(
                f"the strides of timm's '{model}' are {strides} and do not ascend: choose a model of ascending ones, "
                f"such as 'convnext_atto', or one level, such as `levels: [{len(strides) - 1}]`, which pooled heads "
                "and the decoders pspnet and deeplabv3 read"
            )
        self.pyramid = Pyramid(tuple(info.channels()), strides, image_channels)
        self.channels_last = getattr(getattr(self.model, "output_fmt", None), "value", "NCHW") == "NHWC"

    def forward(self, images: Images) -> Features:
        features = self.model(images)
        return tuple(level.permute(0, 3, 1, 2) if self.channels_last else level for level in features)
