"""Losses of masks, for decoders and images of a strategy's own."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from ssmtl import Logits, Masks, Output, mean_of_known


def cross_entropies(
    output: Output, logits: Logits, masks: Float[Tensor, "rows structures ..."]
) -> tuple[Float[Tensor, "rows ..."], Bool[Tensor, "rows ..."]]:
    """Of each pixel, and whether its mask is known: of each structure, or of exclusive ones of all together.

    :param masks: 0 or 1, NaN where nothing is known; or labels, likewise.
    """
    unknown, known = masks.isnan(), masks.nan_to_num()
    if not output.exclusive:
        return F.binary_cross_entropy_with_logits(logits, known, reduction="none"), ~unknown
    every = torch.cat([torch.zeros_like(logits[:, :1]), logits], 1)
    target = torch.cat([0.5 * torch.ones_like(known[:, :1]), known], 1).argmax(1)
    return F.cross_entropy(every, target, reduction="none"), ~unknown.any(1)


def dice_loss(
    output: Output, logits: Logits, masks: Masks, region: Bool[Tensor, "rows 1 height width"] | None = None
) -> Float[Tensor, ""]:
    """1 − (2 Σ p g + 1) / (Σ p + Σ g + 1), over the known pixels of each image; the mean over structures and images.

    :param region: where it counts; None: everywhere.
    """
    counts = ~masks.isnan() if region is None else ~masks.isnan() & region
    probabilities = output.probabilities(logits) * counts
    known = masks.nan_to_num() * counts
    sizes = (probabilities + known).sum((2, 3))
    losses = 1 - (2 * (probabilities * known).sum((2, 3)) + 1) / (sizes + 1)
    return mean_of_known(losses, counts.any(3).any(2))


def dice_and_cross_entropy(
    output: Output, logits: Logits, masks: Masks, region: Bool[Tensor, "rows 1 height width"] | None = None
) -> Float[Tensor, ""]:
    """Half of each; the mean over images of the mean over what is known of each."""
    losses, known = cross_entropies(output, logits, masks)
    if region is not None:
        known = known & (region[:, 0] if output.exclusive else region)
    return (dice_loss(output, logits, masks, region) + mean_of_known(losses.flatten(1), known.flatten(1))) / 2
