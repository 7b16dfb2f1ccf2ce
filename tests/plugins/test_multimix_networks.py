"""MultiMix's networks against tables 4 and 5 of the paper, and their parts against PyTorch's."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from ssmtl import Pyramid
from ssmtl.builtins.pooled_linear import PooledLinear
from ssmtl_multimix.blocks import Dropout, double_convolution
from ssmtl_multimix.controls import ImageOnlyBridge
from ssmtl_multimix.decoder import MultiMixDecoder
from ssmtl_multimix.encoder import MultiMixEncoder
from ssmtl_multimix.saliency import SaliencyBridge

TABLE_4 = [(16, 256), (32, 128), (64, 64), (128, 32), (256, 16)]
"""Channels and side of each encoder block, before its max-pool."""

TABLE_5 = [(386, 128, 32), (192, 64, 64), (96, 32, 128), (48, 16, 256)]
"""Channels that each decoder block reads, channels that it returns, side."""


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def convolutions(inputs, outputs):
    """Weights and biases of the two 3 × 3 convolutions of a block; its norms have no parameters."""
    return 9 * inputs * outputs + outputs + 9 * outputs * outputs + outputs


def recorded(modules, shapes):
    def record(_module, inputs, output):
        shapes.append((tuple(inputs[0].shape), tuple(output.shape)))

    for module in modules:
        module.register_forward_hook(record)


@pytest.fixture(scope="module")
def networks():
    encoder = MultiMixEncoder(1).eval()
    bridge = SaliencyBridge(encoder.pyramid, guided_by="diagnosis")
    decoder = MultiMixDecoder(bridge.pyramid, classes=("lung",)).eval()
    return encoder, PooledLinear(encoder.pyramid, classes=("normal", "pneumonia")).eval(), bridge, decoder


def test_the_shapes_of_tables_4_and_5(networks):
    encoder, classifier, bridge, decoder = networks
    read, linear = [], []
    recorded(decoder.blocks, read)
    recorded([classifier.linear], linear)
    images = torch.rand(1, 1, 256, 256)
    with torch.no_grad():
        features = encoder(images)
        assert classifier(features).shape == (1, 2)
        maps = torch.cat([images, torch.rand_like(images)], dim=1)
        widened = list(features)
        widened[3] = torch.cat([features[3], nn.functional.avg_pool2d(maps, 8)], dim=1)
        mask = decoder(tuple(widened))
    assert [tuple(level.shape) for level in features] == [(1, width, side, side) for width, side in TABLE_4]
    assert linear == [((1, 256), (1, 2))]
    assert read == [((1, into, side, side), (1, out, side, side)) for into, out, side in TABLE_5]
    assert mask.shape == (1, 1, 256, 256)
    assert encoder.pyramid == Pyramid((16, 32, 64, 128, 256), (1, 2, 4, 8, 16), 1)
    assert bridge.pyramid.channels == (16, 32, 64, 130, 256)


def test_the_classifier_pools_the_fifth_block_to_8_by_8_before_it_averages(networks):
    encoder, classifier, _, _ = networks
    deepest = torch.rand(3, 256, 16, 16)
    pooled = nn.functional.max_pool2d(deepest, 2)
    assert pooled.shape == (3, 256, 8, 8)
    found = classifier((*[torch.empty(3, 1, 1, 1)] * 4, deepest))
    torch.testing.assert_close(found, classifier.linear(pooled.mean((2, 3))))
    assert not torch.allclose(found, classifier.linear(deepest.mean((2, 3))))
    plain = PooledLinear(encoder.pyramid, classes=("a", "b"), max_pool=False)
    torch.testing.assert_close(plain((deepest,)), plain.linear(deepest.mean((2, 3))))


def test_a_level_of_one_pixel_is_not_pooled():
    head = PooledLinear(Pyramid((4,), (16,)), classes=("a", "b"))
    one = torch.rand(2, 4, 1, 1)
    torch.testing.assert_close(head((one,)), head.linear(one[:, :, 0, 0]))


def test_the_parameter_counts_by_hand(networks):
    encoder, classifier, bridge, decoder = networks
    widths = [1, 16, 32, 64, 128, 256]
    by_hand = sum(convolutions(*pair) for pair in pairwise(widths))
    assert by_hand == 2_480 + 13_888 + 55_424 + 221_440 + 885_248
    assert parameters(encoder) == by_hand
    assert parameters(classifier) == 256 * 2 + 2
    one_by_one = 16 + 1
    assert parameters(decoder) == sum(convolutions(into, out) for into, out, _ in TABLE_5) + one_by_one
    assert parameters(bridge) == 0


def test_without_a_bridge_the_decoder_reads_384_and_with_the_image_alone_385():
    pyramid = MultiMixEncoder(1).pyramid
    assert MultiMixDecoder(pyramid, classes=("lung",)).blocks[0][0].in_channels == 384
    assert MultiMixDecoder(ImageOnlyBridge(pyramid).pyramid, classes=("lung",)).blocks[0][0].in_channels == 385


def test_a_block_is_the_papers_with_instance_norm_and_leaky_relu():
    block = double_convolution(3, 8, dropout=0.25).eval()
    first, second = (part for part in block if isinstance(part, nn.Conv2d))
    paper = nn.Sequential(
        first,
        nn.InstanceNorm2d(8, affine=False),
        nn.LeakyReLU(0.2),
        second,
        nn.InstanceNorm2d(8, affine=False),
        nn.LeakyReLU(0.2),
    )
    images = 5 * torch.randn(4, 3, 20, 14)
    ours, theirs = images.clone().requires_grad_(), images.clone().requires_grad_()
    torch.testing.assert_close(block(ours), paper(theirs), atol=1e-5, rtol=1e-5)
    weights = torch.randn(4, 8, 20, 14)
    (block(ours) * weights).sum().backward()
    (paper(theirs) * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5, rtol=1e-4)
    assert not any(parameter.requires_grad for part in block[1::3] for parameter in part.parameters())
    assert all(not list(part.parameters()) for part in block if isinstance(part, nn.GroupNorm))


@pytest.mark.parametrize("rate", [0.25, 0.5, 0.1])
def test_dropout_drops_its_share_and_scales_the_rest(rate):
    dropout = Dropout(rate)
    exact = round(rate * 256) / 256
    inputs = torch.ones(300_001, requires_grad=True)
    outputs = dropout(inputs)
    dropped = (outputs == 0).float().mean().item()
    assert dropped == pytest.approx(exact, abs=5 * (exact * (1 - exact) / 300_001) ** 0.5)
    torch.testing.assert_close(outputs[outputs != 0].unique(), torch.tensor([1 / (1 - exact)]))
    outputs.sum().backward()
    torch.testing.assert_close(inputs.grad, outputs.detach())
    assert outputs.mean().item() == pytest.approx(1, abs=0.01)


def test_dropout_of_a_quarter_scales_by_four_thirds_and_is_off_in_evaluation():
    inputs = torch.full((4, 8, 5, 5), 3.0)
    dropout = Dropout(0.25)
    assert set(dropout(inputs).unique().tolist()) == {0.0, 4.0}
    assert not torch.equal(dropout(inputs), dropout(inputs))
    assert torch.equal(dropout.eval()(inputs), inputs)
    assert torch.equal(Dropout(0.0)(inputs), inputs)


def test_dropout_follows_the_seed_and_its_neighbours_are_independent():
    dropout, inputs = Dropout(0.25), torch.ones(100_000)
    torch.manual_seed(3)
    first = dropout(inputs)
    torch.manual_seed(3)
    assert torch.equal(first, dropout(inputs))
    kept = (first > 0).double() - 0.75
    for distance in (1, 2, 7, 8, 64):
        correlation = (kept[distance:] * kept[:-distance]).mean() / 0.1875
        assert abs(correlation) < 0.02


def test_every_shipped_block_drops_a_quarter(networks):
    encoder, _, _, decoder = networks
    rates = [part.dropped for network in (encoder, decoder) for part in network.modules() if isinstance(part, Dropout)]
    assert rates == [64] * 9


@pytest.mark.parametrize("size", [(17, 23), (33, 16)])
def test_the_decoder_returns_the_size_of_any_image(size):
    encoder = MultiMixEncoder(3, widths=(2, 3, 4))
    decoder = MultiMixDecoder(encoder.pyramid, classes=("left", "right"))
    assert decoder(encoder(torch.rand(2, 3, *size))).shape == (2, 2, *size)


def test_the_decoder_refuses_what_it_cannot_build():
    pyramid = Pyramid((2, 4, 8), (1, 2, 4))
    with pytest.raises(ValueError, match="distinct"):
        MultiMixDecoder(pyramid, classes=("lung", "lung"))
    with pytest.raises(ValueError, match="3 widths for 2 decoder blocks"):
        MultiMixDecoder(pyramid, classes=("lung",), widths=(1, 2, 3))
    with pytest.raises(ValueError, match="always 1"):
        PooledLinear(pyramid, classes=("only",))
    with pytest.raises(ValueError, match="stride 3"):
        SaliencyBridge(pyramid, guided_by="diagnosis", stride=3)
