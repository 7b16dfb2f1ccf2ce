"""Which pixels a prediction depends on."""

import torch
from jaxtyping import Float
from torch import Tensor

from ssmtl.contracts.bridge import FrozenPredictor
from ssmtl.contracts.shapes import Images


def input_gradient(
    images: Images, predict: FrozenPredictor, target: int | None
) -> Float[Tensor, "rows 1 height width"]:
    """|∂ logit / ∂ x| in float32, maximum over the image's channels; detached.

    Simonyan, Vedaldi and Zisserman, "Deep inside convolutional networks", 2014. Works under `no_grad`, not under
    `inference_mode`; accumulates into no parameter's gradient.

    :param target: class index, or None for each row's largest logit.
    """
    with torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
        inputs = images.detach().float().requires_grad_()
        logits = predict(inputs)
        chosen = logits.amax(1) if target is None else logits[:, target]
        (gradient,) = torch.autograd.grad(chosen.sum(), inputs)
    return gradient.abs().amax(1, keepdim=True)
