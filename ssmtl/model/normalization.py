"""Exchanges the normalisation layers of a network for those of another kind."""

from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import Tensor, nn

from ssmtl.contracts.norm import Norm
from ssmtl.model.domain_norm import DomainBatchNorm, DomainRows

Network = TypeVar("Network", bound=nn.Module)

GROUPS = 32
"""Of group normalisation, at most: the default of Wu and He."""


class InstanceNorm(nn.GroupNorm):
    """Instance normalisation (Ulyanov, Vedaldi and Lempitsky 2016): group normalisation with a group per channel."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - PyTorch's name
        """:raises ValueError: for single pixels, all of which it would make 0."""
        if input.shape[-2:] == (1, 1):
            raise ValueError("norm: instance makes single pixels 0: set norm: group, or a larger image.size")
        return super().forward(input)


def convert(network: Network, norm: Norm, rows: DomainRows | None = None) -> Network:
    """The same network, in which every 2D batch, instance and group normalisation is one of the kind `norm`.

    Layers that are of this kind already stay as they are; layer normalisation stays. The others keep their ε and their
    affine parameters γ and β (1 and 0 if they had none), and a batch normalisation its running statistics. What a
    normalisation layer has inside, as timm's have dropout and activation, follows it.

    :param rows: which rows are of which domain, for `domain`.
    """
    done: dict[int, nn.Module] = {}
    like = next(network.parameters(), torch.empty(0))

    def visit(parent: nn.Module) -> None:
        for name, part in list(parent.named_children()):
            if isinstance(part, DomainBatchNorm):
                continue
            if kind_of(part) is None:
                visit(part)
            elif kind_of(part) != norm:
                if id(part) not in done:
                    done[id(part)] = _exchanged(part, norm, rows, like)
                setattr(parent, name, done[id(part)])

    visit(network)
    return network


def kind_of(layer: nn.Module) -> Norm | None:
    """Which normalisation a layer is; None: none that can be exchanged."""
    if isinstance(layer, nn.BatchNorm2d):
        return "batch"
    if isinstance(layer, nn.InstanceNorm2d):
        return "instance"
    if isinstance(layer, nn.GroupNorm):
        return "instance" if layer.num_groups == layer.num_channels > 1 else "group"
    return "domain" if isinstance(layer, DomainBatchNorm) else None


def kinds_in(network: nn.Module) -> Iterator[Norm]:
    """Of each normalisation layer that can be exchanged."""
    for layer in network.modules():
        if kind := kind_of(layer):
            yield kind


def groups_of(channels: int) -> int:
    """The largest divisor of the channels that is at most 32 and leaves two channels in a group.

    Groups of one channel would be instance normalisation. Wu and He, "Group normalization", ECCV 2018, have 32 groups.
    """
    most = min(GROUPS, max(1, channels // 2))
    return next(groups for groups in range(most, 0, -1) if channels % groups == 0)


def _exchanged(old: nn.Module, norm: Norm, rows: DomainRows | None, like: Tensor) -> nn.Module:
    assert isinstance(old, nn.BatchNorm2d | nn.InstanceNorm2d | nn.GroupNorm)
    channels = old.num_channels if isinstance(old, nn.GroupNorm) else old.num_features
    new: nn.Module
    if norm == "domain":
        assert rows is not None
        new = DomainBatchNorm({name: _batch_norm(old, channels) for name in rows.domains.values()}, rows)
    elif norm == "batch":
        new = _batch_norm(old, channels)
    else:
        new = (
            InstanceNorm(channels, channels, eps=old.eps)
            if norm == "instance"
            else nn.GroupNorm(groups_of(channels), channels, eps=old.eps)
        )
        _take_affine(old, new)
    inside = list(old.children())
    layer = nn.Sequential(new, *inside) if inside else new
    near = old.weight if old.weight is not None else like
    return layer.to(near.device, near.dtype).train(old.training)


def _batch_norm(old: nn.BatchNorm2d | nn.InstanceNorm2d | nn.GroupNorm, channels: int) -> nn.BatchNorm2d:
    momentum = old.momentum if isinstance(old, nn.BatchNorm2d) else 0.1
    new = nn.BatchNorm2d(channels, eps=old.eps, momentum=momentum)
    _take_affine(old, new)
    if isinstance(old, nn.BatchNorm2d):
        for name, statistic in old.named_buffers(recurse=False):
            new.get_buffer(name).copy_(statistic)
    return new


@torch.no_grad()
def _take_affine(old: nn.Module, new: nn.Module) -> None:
    for name, parameter in old.named_parameters(recurse=False):
        new.get_parameter(name).copy_(parameter)
