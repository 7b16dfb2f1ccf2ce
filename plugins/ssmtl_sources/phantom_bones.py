"""The attenuation of ribs, clavicles and spine."""

import numpy as np

from ssmtl_sources.phantom_anatomy import Anatomy
from ssmtl_sources.phantom_fields import Plane, bump, smooth_step


def ribs(anatomy: Anatomy, a: Plane, v: Plane) -> Plane:
    """Posterior arcs that slope down to the side, crossed by fainter anterior arcs that slope down to the midline."""
    reach = a / anatomy.cage
    edge = smooth_step((1.06 - reach) / 0.05) * smooth_step((v - anatomy.right.apex + 0.05) / 0.15)
    falling = anatomy.rib_slope * reach**2 - 0.08 * np.sin(np.pi * np.clip(reach, 0, 1))
    back = np.cos((v - falling) * (2 * np.pi / anatomy.rib_pitch) + 2 * np.pi * anatomy.rib_phase)
    rising = (0.22 + anatomy.rib_slope) * (1 - reach) ** 2
    front = np.cos((v + rising * 0.9) * (2 * np.pi / (1.15 * anatomy.rib_pitch)) + 4 * anatomy.rib_phase)
    cortex = 1 + 0.5 * smooth_step((reach - 0.75) / 0.25)
    posterior = 0.15 * smooth_step((back + 0.15) / 0.5) * cortex
    anterior = 0.08 * smooth_step((front - 0.1) / 0.5) * smooth_step((reach - 0.45) / 0.15)
    deep = 1 - 0.8 * smooth_step((v - anatomy.right.dome + 0.05) / 0.25)
    return anatomy.rib_strength * edge * deep * (posterior * smooth_step(0.25 + (a - 0.1) / 0.2) + anterior)


def clavicles(anatomy: Anatomy, a: Plane, v: Plane) -> Plane:
    """Two shallow S-shaped bars from the sternum up to the shoulders."""
    reach = a / anatomy.cage
    line = anatomy.clavicle - 0.16 * reach + 0.05 * np.sin(5 * reach)
    ends = smooth_step((a - 0.06) / 0.05) * smooth_step((1.15 - reach) / 0.1)
    return 0.17 * smooth_step(1.6 - np.abs(v - line) / 0.025) * ends


def spine(anatomy: Anatomy, a: Plane, v: Plane) -> Plane:
    """Vertebrae and the mediastinum around them, with the trachea as a dark stripe at the top."""
    column = smooth_step((0.11 - a) / 0.04) * (0.16 + 0.04 * np.cos(v * (2 * np.pi / anatomy.rib_pitch)))
    mediastinum = 0.18 * smooth_step((anatomy.right.medial + 0.06 - a) / 0.12)
    trachea = 0.16 * bump(a / 0.045) * smooth_step((-0.1 - v) / 0.2)
    attenuation: Plane = column + mediastinum - trachea
    return attenuation
