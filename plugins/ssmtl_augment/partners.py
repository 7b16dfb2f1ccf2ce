"""Reference images, of which each image draws a partner."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ssmtl import Images, RandomStream, References

From = Literal["other", "any"]
"""Which references: those of other sources than the images that are augmented, or all."""


def kept(references: References, partners: From) -> Tensor:
    """Shape (references, channels, height, width), uint8.

    :raises ValueError: if there is none.
    """
    images = references.images[references.foreign] if partners == "other" else references.images
    if not len(images):
        raise ValueError(
            "partners are of other sources, and every task trains on this one; expected partners: any, or a task that "
            "trains on another source"
        )
    return images


def drawn(bank: Tensor | None, stream: RandomStream) -> Images:
    """A partner for each row, all with the same probability, in [0, 1]."""
    if bank is None:
        raise RuntimeError("begin was not called: there are no references")
    return bank[(stream.uniform("partner")[:, 0] * len(bank)).long()].float() / 255


def share(stream: RandomStream, probability: float, highest: float | None) -> Float[Tensor, "rows 1 1 1"]:
    """Of the partner: uniform in [0, `highest`], or 1 if that is None; 0 for rows that stay as they are."""
    chance, amount = stream.uniform("partner's share", 2).T
    amounts = torch.ones_like(amount) if highest is None else highest * amount
    return amounts.where(chance < probability, 0.0)[:, None, None, None]
