"""Building blocks of the phantom: seeded generators, coordinates, soft steps and smooth random fields.

Lengths are relative: the image spans [-1, 1] in x (to the right) and y (down), whatever its size in pixels.
"""

import numpy as np
from numpy.typing import NDArray

from ssmtl import key

Plane = NDArray[np.floating]
Range = tuple[float, float]


def stream(*parts: int | str) -> np.random.Generator:
    """A generator that is a pure function of `parts`. Each concept has its own, so that none affects another."""
    return np.random.Generator(np.random.Philox(key=key("phantom", *parts)))


def image_grid(size: int) -> tuple[Plane, Plane]:
    """x of shape (1, size) and y of shape (size, 1) at the centres of the pixels, in [-1, 1]."""
    line = ((np.arange(size) + 0.5) * (2 / size) - 1).astype(np.float32)
    return line[None, :], line[:, None]


def smooth_step(values: Plane) -> Plane:
    """0 below 0, 1 above 1, and between them a cubic with flat ends."""
    inside = np.clip(values, 0, 1)
    return inside * inside * (3 - 2 * inside)


def bump(values: Plane) -> Plane:
    """exp(-values²)."""
    height: Plane = np.exp(-values * values)
    return height


def smooth_field(generator: np.random.Generator, cells: int, size: int) -> Plane:
    """A smooth random field of about unit variance over the image; `cells` bumps fit across its width.

    White noise on a lattice, smoothed by a Gaussian of 0.6 cells: the same field at every size.
    """
    lattice = np.linspace(-1 - 2 / cells, 1 + 2 / cells, cells + 3, dtype=np.float32)
    noise = generator.standard_normal((len(lattice), len(lattice)), dtype=np.float32)
    line = image_grid(size)[0][0]
    spread = bump((line[:, None] - lattice[None, :]) / np.float32(1.7 / cells))
    spread = spread / np.sqrt((spread**2).sum(axis=1, keepdims=True))
    field: Plane = spread @ noise @ spread.T
    return field
