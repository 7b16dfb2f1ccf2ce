"""The tensors of the contracts, with their shapes and ranges."""

from jaxtyping import Float, Int
from torch import Tensor

Size = int | tuple[int, int]
"""Of images, in pixels: n for n × n, or (height, width) where they differ."""


def sides(size: Size) -> tuple[int, int]:
    """Height and width."""
    return (size, size) if isinstance(size, int) else size


Images = Float[Tensor, "rows channels height width"]
"""Images in [0, 1], float32, on the device."""

Masks = Float[Tensor, "rows structures height width"]
"""Reference masks, 0 or 1, one channel per structure; NaN where nothing is known."""

Features = tuple[Float[Tensor, "rows _ _ _"], ...]
"""A feature pyramid, finest level first."""

Logits = Float[Tensor, "rows classes"] | Float[Tensor, "rows classes height width"]
"""Unnormalised scores: one per class, or one per structure and pixel."""

Labels = Int[Tensor, " rows"] | Float[Tensor, "rows classes"]
"""Class indices (multi-class), or 0/1 for each class (multi-label), NaN where nothing is known."""
