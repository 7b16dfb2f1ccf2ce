"""segmentation-models-pytorch's decoders read every pyramid that the contract allows."""

import pytest
import torch

from ssmtl import Output, Pyramid
from ssmtl.registry.options import check_options
from ssmtl_smp.decoder import SmpDecoder

NARROW = {"unet": 4, "unetplusplus": 4, "linknet": 8, "fpn": 32}
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
    features = features_of(pyramid)
    logits = head(features)
    assert tuple(logits.shape) == (2, len(classes), 64, 64)
    assert head.output == Output("masks", classes)
    logits.square().sum().backward()
    read = features[-4:] if decoder == "fpn" else features
    assert all(level.grad is not None and level.grad.abs().sum() > 0 for level in read)
    assert all(parameter.grad is not None for parameter in head.parameters())


@pytest.mark.parametrize("decoder", sorted(NARROW))
def test_it_joins_a_timm_encoder(decoder):
    from ssmtl_timm.encoder import TimmEncoder

    encoder = TimmEncoder(1, model="test_resnet")
    pyramid = encoder.pyramid.widened(2, 2)
    head = SmpDecoder(pyramid, classes=("lung",), decoder=decoder, width=NARROW[decoder]).eval()
    features = list(encoder.eval()(torch.rand(2, 1, 64, 64)))
    features[2] = torch.cat([features[2], torch.rand(2, 2, *features[2].shape[2:])], 1)
    assert tuple(head(tuple(features)).shape) == (2, 1, 64, 64)


def test_the_norm_is_an_option():
    head = SmpDecoder(PYRAMIDS["multimix"], classes=("lung",), width=4, norm="instancenorm")
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in head.modules())


@pytest.mark.parametrize(
    ("pyramid", "options", "message"),
    [
        (Pyramid((8, 8), (1, 4)), {}, "twice the stride"),
        (Pyramid((8,), (1,)), {}, "two or more levels"),
        (Pyramid((8, 8), (1, 2)), {"decoder": "fpn"}, "needs 4 levels"),
        (Pyramid((8, 8), (1, 2)), {"decoder": "unetplusplus"}, "two or more doublings"),
        (PYRAMIDS["multimix"], {"decoder": "fpn", "width": 48}, "multiple of 32"),
        (PYRAMIDS["multimix"], {"classes": ("a", "a")}, "distinct"),
    ],
)
def test_pyramids_that_do_not_fit_are_refused(pyramid, options, message):
    with pytest.raises(ValueError, match=message):
        SmpDecoder(pyramid, **{"classes": ("lung",), **options})


def test_options_are_checked():
    assert check_options(SmpDecoder, "smp_decoder", {"classes": ["lung"], "decoder": "fpn"}, "") == []
    for wrong in ({}, {"classes": []}, {"classes": ["a"], "decoder": "other"}, {"classes": ["a"], "width": 0}):
        assert check_options(SmpDecoder, "smp_decoder", wrong, "")
