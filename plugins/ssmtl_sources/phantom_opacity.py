"""What fills the lungs: pneumonia, and what a normal radiograph shows too (vessels, haze, nodules).

A filling is the fraction of the air that is replaced, in [0, 1]: multiplied by the air's depth, it stays in the lungs.
"""

import math

import numpy as np

from ssmtl_sources.phantom_anatomy import Anatomy
from ssmtl_sources.phantom_fields import Plane, bump, smooth_field, smooth_step

FAINTEST, STRONGEST = 0.2, 1.0
CANDIDATES, DEEP = 12, 0.08


def pneumonia(generator: np.random.Generator, anatomy: Anatomy, u: Plane, v: Plane) -> Plane:
    """Filling by pneumonia: a lobe, some patches, or a diffuse reticular pattern; faint to dense."""
    draw = generator.uniform
    size = u.shape[-1]
    kind = draw()
    strength = FAINTEST + (STRONGEST - FAINTEST) * draw()
    cloud, mottle = smooth_field(generator, 7, size), smooth_field(generator, 22, size)
    clear = np.ones_like(u)
    if kind < 0.4:
        clear = 1 - strength * patch(generator, anatomy, u, v, cloud, (0.22, 0.42))
    elif kind < 0.8:
        for _ in range(generator.integers(2, 6)):
            clear = clear * (1 - strength * draw(0.6, 1.1) * patch(generator, anatomy, u, v, cloud, (0.11, 0.26)))
    else:
        zone = bump((v - draw(-0.2, 0.3)) / draw(0.4, 0.7)) * smooth_step(1 + draw(-0.3, 0.7) - np.abs(cloud) / 2)
        clear = 1 - strength * zone * smooth_step(0.7 + 0.5 * mottle)
    return (1 - np.clip(clear, 0, 1)) * (0.85 + 0.15 * smooth_step(0.5 + 0.5 * mottle))


def patch(
    generator: np.random.Generator, anatomy: Anatomy, u: Plane, v: Plane, cloud: Plane, radius: tuple[float, float]
) -> Plane:
    """One irregular blob in [0, 1], centred at least `DEEP` inside a lung where possible, clear of the heart."""
    draw = generator.uniform
    side = 1.0 if draw() < 0.5 else -1.0
    lung = anatomy.left if side > 0 else anatomy.right
    candidates_u = side * draw(lung.medial, lung.width, CANDIDATES)
    candidates_v = draw(0.8 * lung.apex, lung.base, CANDIDATES)
    depth = np.maximum(*anatomy.lung_depths(candidates_u, candidates_v))
    chosen = int(np.argmax(np.minimum(depth, DEEP)))
    centre_u, centre_v = float(candidates_u[chosen]), float(candidates_v[chosen])
    size, aspect, angle = draw(*radius), draw(0.6, 1.6), draw(0, np.pi)
    du, dv = u - centre_u, v - centre_v
    p = (math.cos(angle) * du + math.sin(angle) * dv) / (size * aspect)
    q = (math.cos(angle) * dv - math.sin(angle) * du) * (aspect / size)
    distance = np.sqrt(p * p + q * q) * (1 + 0.25 * np.tanh(cloud))
    softness = draw(0.4, 1.3)
    return smooth_step((1 + softness / 2 - distance) / softness)


def vessels(anatomy: Anatomy, a: Plane, v: Plane, wobble: Plane) -> Plane:
    """Filling by vessels that radiate from the hila and thin out to the sides."""
    da, dv = a - anatomy.right.medial - 0.06, v - (0.6 * anatomy.right.apex + 0.4 * anatomy.right.dome) - 0.05
    distance = np.sqrt(da * da + dv * dv)
    rays = np.cos(8 * np.arctan2(dv, da + 0.02) + 4 * distance + 3 * wobble)
    branches = smooth_step((rays - 0.2) / 0.8) * np.exp(-distance / 0.3) * smooth_step(0.6 + 0.4 * wobble)
    roots = bump(distance / (0.1 + 0.03 * np.tanh(wobble)))
    filled: Plane = 0.35 * anatomy.vessels * (branches + roots)
    return filled


def haze(generator: np.random.Generator, size: int) -> Plane:
    """Filling of a healthy lung, with slow variation (chest wall, breathing) and fine variation (parenchyma)."""
    slow, fine = generator.uniform(0.02, 0.09), generator.uniform(0.02, 0.06)
    return slow * (1 + smooth_field(generator, 3, size)) + fine * smooth_field(generator, 30, size)


def nodules(generator: np.random.Generator, anatomy: Anatomy, u: Plane, v: Plane) -> Plane:
    """Filling by one to three small round nodules, sharper and smaller than pneumonia."""
    filled = np.zeros_like(u)
    for _ in range(generator.integers(1, 4)):
        lung, side = (anatomy.left, 1.0) if generator.uniform() < 0.5 else (anatomy.right, -1.0)
        centre_u = side * generator.uniform(lung.medial + 0.08, lung.width * 0.85)
        centre_v = generator.uniform(lung.apex * 0.6, lung.dome)
        radius = generator.uniform(0.015, 0.04)
        distance = np.sqrt((u - centre_u) ** 2 + (v - centre_v) ** 2)
        filled = np.maximum(filled, 0.6 * smooth_step((radius - distance) / 0.02 + 0.5))
    return filled
