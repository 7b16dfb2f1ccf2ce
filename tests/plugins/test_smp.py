"""segmentation-models-pytorch's decoders read every pyramid that the contract allows."""

from typing import get_args

import pytest
import torch

from ssmtl import Output, Pyramid
from ssmtl.errors import RecipeError
from ssmtl.experiment.assemble import assemble
from ssmtl.recipe.load import read
from ssmtl.registry.options import check_options
from ssmtl.registry.plugins import load_plugins
from ssmtl_smp.build import Decoder, multiple
from ssmtl_smp.decoder import SmpDecoder

NARROW = {**dict.fromkeys(get_args(Decoder), 4), "linknet": 8, "fpn": 32}
SIZE = {"pan": 256}
PYRAMIDS = {
    "multimix": Pyramid((8, 8, 12, 16, 16), (1, 2, 4, 8, 16)),
    "bridged": Pyramid((8, 8, 12, 16, 16), (1, 2, 4, 8, 16)).widened(3, 2),
    "resnet": Pyramid((8, 8, 12, 16, 16), (2, 4, 8, 16, 32)),
    "convnext": Pyramid((8, 12, 16, 16), (4, 8, 16, 32)),
}


def features_of(pyramid, size=64, rows=2):
    levels = zip(pyramid.channels, pyramid.strides, strict=True)
    return tuple(
        torch.rand(rows, width, size // stride, size // stride, requires_grad=True) for width, stride in levels
    )


@pytest.mark.parametrize("decoder", sorted(NARROW))
@pytest.mark.parametrize("pyramid", PYRAMIDS.values(), ids=list(PYRAMIDS))
@pytest.mark.parametrize("classes", [("lung",), ("left", "right")])
def test_logits_have_the_size_of_the_images(decoder, pyramid, classes):
    head = SmpDecoder(pyramid, classes=classes, decoder=decoder, width=NARROW[decoder])
    size = SIZE.get(decoder, 64)
    features = features_of(pyramid, size)
    logits = head(features)
    assert tuple(logits.shape) == (2, len(classes), size, size)
    assert head.output == Output("masks", classes)
    logits.square().sum().backward()
    for stride, level in zip(pyramid.strides, features, strict=True):
        assert (level.grad is not None and level.grad.abs().sum() > 0) == (stride in head.read_strides)
    assert all(parameter.grad is not None for parameter in head.parameters())


@pytest.mark.parametrize("decoder", sorted(NARROW))
def test_it_joins_a_timm_encoder(decoder):
    from ssmtl_timm.encoder import TimmEncoder

    encoder = TimmEncoder(1, model="test_resnet")
    pyramid = encoder.pyramid.widened(2, 2)
    head = SmpDecoder(pyramid, classes=("lung",), decoder=decoder, width=NARROW[decoder]).eval()
    size = SIZE.get(decoder, 64)
    features = list(encoder.eval()(torch.rand(2, 1, size, size)))
    features[2] = torch.cat([features[2], torch.rand(2, 2, *features[2].shape[2:])], 1)
    assert tuple(head(tuple(features)).shape) == (2, 1, size, size)


def test_the_norm_is_an_option():
    head = SmpDecoder(PYRAMIDS["multimix"], classes=("lung",), width=4, norm="instancenorm")
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in head.modules())


@pytest.mark.parametrize(
    ("pyramid", "options", "message"),
    [
        (Pyramid((8, 8), (1, 4)), {}, "twice the stride"),
        (Pyramid((8,), (1,)), {}, "unet needs 2 or more levels"),
        (Pyramid((8, 8), (1, 2)), {"decoder": "fpn"}, "needs 4 levels"),
        (Pyramid((8, 8), (1, 2)), {"decoder": "unetplusplus"}, "two or more doublings"),
        (PYRAMIDS["multimix"], {"decoder": "fpn", "width": 48}, "multiple of 32"),
        (PYRAMIDS["multimix"], {"classes": ("a", "a")}, "distinct"),
        (Pyramid((8,), (16,)), {"decoder": "upernet"}, "upernet needs 2 or more levels.*pspnet and deeplabv3"),
        (PYRAMIDS["multimix"], {"decoder": "fpn", "norm": "instancenorm"}, "does nothing in fpn.*group norm"),
        (PYRAMIDS["multimix"], {"decoder": "pan", "norm": "identity"}, "does nothing in pan.*the recipe's norm"),
        (PYRAMIDS["multimix"], {"decoder": "upernet", "norm": "instancenorm"}, "normalises single pixels"),
    ],
)
def test_pyramids_that_do_not_fit_are_refused(pyramid, options, message):
    with pytest.raises(ValueError, match=message):
        SmpDecoder(pyramid, **{"classes": ("lung",), **options})


def test_options_are_checked():
    assert check_options(SmpDecoder, "smp_decoder", {"classes": ["lung"], "decoder": "fpn"}, "") == []
    for wrong in ({}, {"classes": []}, {"classes": ["a"], "decoder": "other"}, {"classes": ["a"], "width": 0}):
        assert check_options(SmpDecoder, "smp_decoder", wrong, "")


@pytest.mark.parametrize("decoder", ["pspnet", "deeplabv3"])
def test_one_level_is_enough_for_some(decoder):
    pyramid = Pyramid((10,), (16,))
    head = SmpDecoder(pyramid, classes=("lung",), decoder=decoder, width=4)
    assert tuple(head(features_of(pyramid)).shape) == (2, 1, 64, 64)
    assert multiple(10) == 12


def test_features_that_do_not_fit_are_refused():
    pyramid = PYRAMIDS["convnext"]
    features = features_of(pyramid)
    cut = (*features[:1], features[1][..., :-1], *features[2:])
    message = r"level of stride 8 does not fit its finest one \(8 × 7 and 8 × 8 pixels\); choose a backbone that pads"
    with pytest.raises(ValueError, match=message):
        SmpDecoder(pyramid, classes=("lung",), width=4)(cut)
    with pytest.raises(ValueError, match="pan needs 8 × 8 pixels at the deepest level, found 2 × 2"):
        SmpDecoder(pyramid, classes=("lung",), decoder="pan", width=4)(features)


def test_a_bridge_at_a_level_that_is_not_read_is_refused():
    plugins = load_plugins()
    head = "tasks.lungs.head={use: smp_decoder, classes: [lung], decoder: deeplabv3, width: 4}"
    overrides = ["backbone.widths=[4, 4, 4, 4, 4]", head, "tasks.lungs.bridge.stride=8"]
    with pytest.raises(RecipeError, match=r"level of stride 8, .* \(set a stride that it reads: 16\)"):
        assemble(read("multimix", plugins["recipe"], overrides=overrides).validated(), plugins, "file")
