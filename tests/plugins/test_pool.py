"""The encoder's max-pooling is PyTorch's, but faster."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from ssmtl_multimix.pool import halved

KINDS = (torch.float32, torch.float64, torch.bfloat16)


@settings(max_examples=40)
@given(
    rows=st.integers(0, 3), channels=st.integers(1, 4), height=st.integers(1, 9), width=st.integers(1, 9),
    kind=st.sampled_from(KINDS), levels=st.integers(1, 1000), seed=st.integers(0, 2**31),
)  # fmt: skip
def test_values_and_gradients_are_those_of_pytorch(rows, channels, height, width, kind, levels, seed):
    """With few levels, the largest value often occurs more than once."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randint(-levels, levels, (rows, channels, 2 * height, 2 * width), generator=generator).to(kind)
    ours, theirs = (features.clone().requires_grad_() for _ in range(2))
    found, expected = halved(ours), F.max_pool2d(theirs, 2)
    weights = torch.randn(expected.shape, generator=generator).to(kind)
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    assert torch.equal(found, expected)
    assert torch.equal(ours.grad, theirs.grad)


@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (2, 3, 4, 7)])
def test_odd_sizes(shape):
    features = torch.randn(shape)
    assert torch.equal(halved(features), F.max_pool2d(features, 2))


def test_gradients_of_gradients():
    """As a bridge or strategy may ask for."""
    features = torch.randn(2, 2, 4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(halved, features)
    assert torch.autograd.gradgradcheck(halved, features)


def test_layouts():
    """Also of a view, and with channels last."""
    wide = torch.randn(2, 4, 8, 16)
    for features in (wide[..., 3:11], wide.to(memory_format=torch.channels_last), wide.transpose(2, 3)):
        given = features.detach().requires_grad_()
        halved(given).square().sum().backward()
        plain = features.detach().clone().requires_grad_()
        F.max_pool2d(plain, 2).square().sum().backward()
        assert torch.equal(given.grad, plain.grad)
