"""The likelihood of masks of which at most one structure is at each pixel."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ssmtl.contracts.shapes import Logits, Masks


def log_likelihood(
    logits: Logits, masks: Masks
) -> tuple[Float[Tensor, "rows height width"], Bool[Tensor, "rows height width"]]:
    """The logarithm of the probability of what is known at each pixel, and where something is known.

    Softmax over the background, with the logit 0, and the structures. At a pixel inside no known structure it is the
    probability of the background or a structure of which nothing is known there (NaN), as in the marginal loss of Shi
    et al. 2021, "Marginal loss and exclusion loss for partially supervised multi-organ segmentation", equation (4); at
    one that several structures claim, that of any of them.
    """
    inside, unknown = masks == 1, masks.isnan()
    outside = ~inside.any(1, keepdim=True)
    possible = torch.cat([outside, inside | (unknown & outside)], 1)
    every = torch.cat([torch.zeros_like(logits[:, :1]), logits], 1).log_softmax(1)
    return every.masked_fill(~possible, -torch.inf).logsumexp(1), ~possible.all(1)
