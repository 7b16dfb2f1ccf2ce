"""What makes a radiograph harder to read without changing what it shows: `Phantom(difficulty=…)`."""

import numpy as np

from ssmtl_sources.phantom_anatomy import Anatomy
from ssmtl_sources.phantom_fields import Plane, Range, smooth_field, smooth_step

DISTRACTORS = 8
"""At most, outside the lungs, in normal and in diseased chests alike."""

DENSE = 0.6
"""Share of those that are dense; the others are dark."""

OUTSIDE = -0.06
"""How far from the lungs' edge a distractor has its centre, at least."""


def distractors(generator: np.random.Generator, anatomy: Anatomy, u: Plane, v: Plane, difficulty: float) -> Plane:
    """Attenuation of soft blobs over heart, abdomen and shoulders: as large and as dense as pneumonia, or dark as gas.

    A blob alone then says nothing of the class, and a dark region is not yet a lung: it matters where they lie.
    """
    draw, total = generator.uniform, np.zeros_like(u)
    for _ in range(round(DISTRACTORS * difficulty * draw(0.5, 1.0))):
        places = draw(-0.9, 0.9, (2, 16))
        depth = np.maximum(*anatomy.lung_depths(places[0], places[1]))
        outside = np.flatnonzero(depth < OUTSIDE)
        chosen = outside[0] if len(outside) else int(np.argmin(depth))
        size, aspect, strength = draw(0.08, 0.22), draw(0.6, 1.6), draw(0.15, 0.5) * (1 if draw() < DENSE else -1)
        distance = np.hypot((u - places[0, chosen]) / (size * aspect), (v - places[1, chosen]) * aspect / size)
        total += strength * smooth_step((1.3 - distance) / 0.6)
    edge = np.maximum(*anatomy.lung_depths(u, v))
    return total * smooth_step(-edge / 0.04)


def clutter(generator: np.random.Generator, size: int, difficulty: float) -> Plane:
    """Attenuation of folds and clothing: smooth, at the scales of lobes and of patches; its mean is about 0."""
    coarse, fine = smooth_field(generator, 6, size), smooth_field(generator, 14, size)
    return np.float32(0.1 * difficulty) * (coarse + fine)


def wider(limits: Range, difficulty: float) -> Range:
    """A range of exposures, to each side by a quarter of its mean times the difficulty."""
    more = 0.25 * difficulty * sum(limits) / 2
    return limits[0] - more, limits[1] + more
