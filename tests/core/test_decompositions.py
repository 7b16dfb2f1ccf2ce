"""The gradients that are written out for export, against autograd's own."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F

from ssmtl.exports.decompositions import backward_decompositions

aten = torch.ops.aten


def both(forward, inputs):
    """The gradient by autograd's kernels, and by the operations that an export records."""

    def gradient(images):
        with torch.enable_grad():
            images = images.detach().requires_grad_()
            outputs = forward(images)
            weights = torch.linspace(-1, 1, outputs.numel(), dtype=outputs.dtype).view(outputs.shape)
            return torch.autograd.grad((outputs * weights).sum(), images)[0]

    with torch.no_grad():
        traced = make_fx(gradient, decomposition_table=backward_decompositions())(inputs)
        assert not [node for node in traced.graph.nodes if "backward" in str(node.target)]
        return gradient(inputs), traced(inputs)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_a_convolution(data):
    draw = data.draw
    groups, transposed = draw(st.sampled_from([1, 2])), draw(st.booleans())
    kernel, stride = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    padding, dilation = draw(st.integers(0, kernel // 2)), draw(st.integers(1, 2))
    sides = draw(st.tuples(st.integers(9, 14), st.integers(9, 14)))
    random = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    inputs = torch.rand(2, 4, *sides, generator=random, dtype=torch.float64)
    weight = torch.rand(4, 4 // groups, kernel, kernel, generator=random, dtype=torch.float64)
    convolve = F.conv_transpose2d if transposed else F.conv2d
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    expected, found = both(lambda images: convolve(images, weight, **options), inputs)
    torch.testing.assert_close(found, expected)


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 3), st.integers(1, 3), st.integers(0, 1), st.integers(7, 11), st.booleans(), st.integers(0, 9))
def test_max_pooling(kernel, stride, padding, side, ceil, seed):
    # whole numbers, so that there are ties
    inputs = torch.randint(0, 4, (2, 3, side, side + 1), generator=torch.Generator().manual_seed(seed)).double()
    expected, found = both(lambda images: F.max_pool2d(images, kernel, stride, padding, ceil_mode=ceil), inputs)
    torch.testing.assert_close(found, expected)


def test_a_parameters_gradient_is_refused():
    with pytest.raises(NotImplementedError, match="gradient of a parameter"):
        backward_decompositions()[aten.convolution_backward.default](
            torch.ones(1, 1, 2, 2), torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3), None,
            [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [True, True, False],
        )  # fmt: skip
