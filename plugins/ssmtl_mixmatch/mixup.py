"""MixUp as in MixMatch: each row is mixed with a partner and stays nearer to itself."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ssmtl import RandomStream


def own_share(streams: Sequence[RandomStream], alpha: float) -> Float[Tensor, " rows"]:
    """λ' = max(λ, 1 − λ) with λ ~ Beta(α, α), equations (8) and (9), one per row, by inverting the distribution."""
    from scipy.special import betaincinv

    here = [RandomStream(rows.keys) for rows in streams]  # on the CPU
    uniform = torch.cat([rows.uniform("mixmatch share")[:, 0] for rows in here])
    share = torch.from_numpy(betaincinv(alpha, alpha, uniform.double().numpy()))
    return torch.maximum(share, 1 - share).float().to(streams[0].device, non_blocking=True)


def partners(streams: Sequence[RandomStream]) -> Int[Tensor, " rows"]:
    """A shuffle of all rows, labelled and unlabelled, as an index: the order of one random number per row."""
    return torch.cat([rows.uniform("mixmatch partner")[:, 0] for rows in streams]).argsort(stable=True)


def mix(rows: Tensor, partner: Int[Tensor, " rows"], share: Float[Tensor, " rows"]) -> Tensor:
    """λ' x + (1 − λ') x', equations (10) and (11); the first axis is rows."""
    weight = share.reshape(-1, *[1] * (rows.ndim - 1))
    return weight * rows + (1 - weight) * rows[partner]
