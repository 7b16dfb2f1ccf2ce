"""Gradients as plain operations, which an exported file may hold: exporters know no backward operation."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._decomp import core_aten_decompositions
from torch._ops import OpOverload

aten = torch.ops.aten


def backward_decompositions() -> dict[OpOverload, Callable[..., Any]]:
    """By operation: PyTorch's own decompositions of backward operations, and two that it lacks."""
    core: Any = core_aten_decompositions()
    own = {
        aten.convolution_backward.default: convolution_backward,
        aten.max_pool2d_with_indices_backward.default: max_pool_backward,
    }
    return {operation: made for operation, made in core.items() if "backward" in str(operation)} | own


def convolution_backward(
    gradient: Tensor,
    inputs: Tensor,
    weight: Tensor,
    _bias_sizes: Sequence[int] | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    _output_padding: Sequence[int],
    groups: int,
    wanted: Sequence[bool],
) -> tuple[Tensor, None, None]:
    """∂ loss / ∂ inputs, a transposed convolution; of a transposed one, a convolution.

    A stride rounds sizes down, so that several input sizes lead to one output size: the output padding makes up the
    difference.

    :param gradient: ∂ loss / ∂ output. :param wanted: of inputs, weight and bias.
    :raises NotImplementedError: if a parameter's gradient is wanted; a trained network has none.
    """
    if wanted[1] or wanted[2]:
        raise NotImplementedError("it asks for the gradient of a parameter")
    none = [0] * len(stride)
    if transposed:
        return aten.convolution(gradient, weight, None, stride, padding, dilation, False, none, groups), None, None
    sizes = zip(inputs.shape[2:], gradient.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    missing = [
        before - ((after - 1) * step - 2 * pad + spread * (kernel - 1) + 1)
        for before, after, kernel, step, pad, spread in sizes
    ]
    return aten.convolution(gradient, weight, None, stride, padding, dilation, True, missing, groups), None, None


def max_pool_backward(
    gradient: Tensor,
    inputs: Tensor,
    _kernel: Sequence[int],
    _stride: Sequence[int],
    _padding: Sequence[int],
    _dilation: Sequence[int],
    _ceil: bool,
    indices: Tensor,
) -> Tensor:
    """∂ loss / ∂ inputs: each output's gradient is added where its largest input was.

    :param indices: of the largest inputs, in the flattened image.
    """
    flat = torch.zeros_like(inputs).flatten(-2)
    return flat.scatter_add(-1, indices.flatten(-2), gradient.flatten(-2)).view(inputs.shape)
