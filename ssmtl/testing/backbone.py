"""The contract check for a backbone."""

from typing import Any

import torch

from ssmtl.contracts.backbone import Backbone, Pyramid
from ssmtl.contracts.shapes import Features, Size, sides
from ssmtl.testing import samples
from ssmtl.testing.constructor import Make, made, name_of
from ssmtl.testing.modules import check_evaluation, check_gradients, check_state, close, rows_of
from ssmtl.wording import in_pixels

ROWS = 3


def check_backbone(make: Make, /, **options: Any) -> None:
    """The promised pyramid for grey and colour, square and other images; gradients; evaluation; state; bfloat16."""
    name = name_of(make)
    for channels in (1, 3):
        backbone = made(make, options, channels)
        assert isinstance(backbone, Backbone), f"{name} is not an ssmtl.Backbone"
        check_pyramid(backbone.pyramid, name)
        assert backbone.pyramid.image_channels == channels, (
            f"the pyramid of {name} must repeat image_channels={channels}"
        )
        deepest = backbone.pyramid.strides[-1]
        for size in (2 * deepest, 3 * deepest, (3 * deepest, 2 * deepest)):
            _check_shapes(backbone, samples.images(ROWS, size, channels), name)
    images = samples.images(ROWS, 2 * deepest, 3)
    before = images.clone()
    check_gradients(backbone.train(), lambda: backbone(images), name)
    check_evaluation(backbone, lambda: backbone(images), name)
    with torch.no_grad():
        whole, alone = backbone(images), backbone(images[1:2])
    assert close(rows_of(whole, 1, 2), alone), f"in evaluation mode a row of {name} depends on the other rows"
    assert torch.equal(images, before), f"{name} changes the images it is given"
    check_state(lambda seed: made(make, options, 3, seed=seed), lambda module: module(images), name)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert all(level.isfinite().all() for level in backbone.train()(images)), f"{name} is not finite in bfloat16"


def check_pyramid(pyramid: Pyramid, name: str) -> None:
    """One stride per level, ascending."""
    assert isinstance(pyramid, Pyramid), f"{name}.pyramid is {pyramid!r}, expected an ssmtl.Pyramid"
    assert pyramid.channels, f"{name}.pyramid has no level"
    assert len(pyramid.channels) == len(pyramid.strides), (
        f"{name}.pyramid has different numbers of strides and channels: {pyramid}"
    )
    assert list(pyramid.strides) == sorted(set(pyramid.strides)), (
        f"{name}.pyramid: strides do not ascend: {pyramid.strides}"
    )


def check_features(features: Features, pyramid: Pyramid, rows: int, size: Size, name: str) -> None:
    """Shapes as promised, and finite."""
    assert isinstance(features, tuple), f"{name} returns {type(features).__name__}, expected a tuple of tensors"
    expected = [
        (rows, channels, *(side // stride for side in sides(size)))
        for channels, stride in zip(pyramid.channels, pyramid.strides, strict=True)
    ]
    shapes = [tuple(level.shape) for level in features]
    assert shapes == expected, f"{name}, images of {in_pixels(size)}: levels {shapes}, its pyramid promises {expected}"
    assert all(level.isfinite().all() for level in features), f"{name} gives features that are not finite"


def _check_shapes(backbone: Backbone, images: torch.Tensor, name: str) -> None:
    for training in (True, False):
        with torch.no_grad():
            features = backbone.train(training)(images)
        check_features(features, backbone.pyramid, ROWS, (images.shape[-2], images.shape[-1]), name)
