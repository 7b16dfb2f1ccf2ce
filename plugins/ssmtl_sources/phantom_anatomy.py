"""The anatomy of a chest: sampled once per patient, in body coordinates (u to the right of the image, v down)."""

import math
from dataclasses import dataclass

import numpy as np

from ssmtl_sources.phantom_domains import Domain
from ssmtl_sources.phantom_fields import Plane, bump, smooth_step


@dataclass(frozen=True)
class Lung:
    """The outline of one lung; distances from the midline (a) or along the body (v), in half image widths.

    :param centre: a at the apex.
    :param width: a at the widest point.
    :param apex: v at the top.
    :param base: v at the costophrenic angle, the lowest point.
    :param dome: v at the top of the diaphragm.
    :param dome_at: a at that point.
    :param medial: a at the mediastinal edge.
    :param knob: how far the aortic arch and the hilum push that edge outwards.
    :param taper: how much wider the mediastinum is at its bottom.
    :param wave: amplitude of the outline's irregularity.
    :param phase: phase of that irregularity, in radians.
    :param roundness: fraction of the height over which the outline widens, in (0, 1].
    """

    centre: float
    width: float
    apex: float
    base: float
    dome: float
    dome_at: float
    medial: float
    knob: float
    taper: float
    wave: float
    phase: float
    roundness: float

    def depth(self, a: Plane, v: Plane) -> Plane:
        """Approximate distance to the edge of the rib cage or the diaphragm; positive inside. Ignores the heart."""
        t = (v - self.apex) / (self.base - self.apex)
        fullness = np.sqrt(np.clip(1 - np.clip(1 - t / self.roundness, 0, 1) ** 2, 0, 1))
        tip = np.sqrt(np.clip(t * 4, 0, 1))
        wave = self.wave * np.sin(7 * t + self.phase)
        outer = self.centre + (self.width + wave - self.centre) * fullness
        edge = self.medial + self.knob * bump((t - 0.34) / 0.12) + self.taper * smooth_step(t * 1.6 - 0.5) + wave / 2
        inner = self.centre - (self.centre - edge) * tip
        aside = (a - self.dome_at) / (self.width - self.dome_at)
        floor = self.dome + (self.base - self.dome) * aside * aside * np.where(aside > 0, 1, np.float32(0.3))
        depth: Plane = np.minimum(np.minimum(outer - a, a - inner), floor - v)
        return depth


@dataclass(frozen=True)
class Anatomy:
    """A patient's chest.

    :param right: the lung at u < 0, on the left of the image.
    :param left: the lung at u > 0.
    :param heart: u, v, radii along and across its axis, and the angle of that axis in radians.
    :param cage: half the width of the rib cage.
    """

    right: Lung
    left: Lung
    heart: tuple[float, float, float, float, float]
    cage: float
    arms: float
    breasts: float
    rib_pitch: float
    rib_slope: float
    rib_phase: float
    rib_strength: float
    clavicle: float
    vessels: float
    bubble: float

    def heart_depth(self, u: Plane, v: Plane) -> Plane:
        """Approximate distance to the heart's edge; positive inside."""
        cu, cv, along, across, angle = self.heart
        du, dv = u - cu, v - cv
        p = (math.cos(angle) * du + math.sin(angle) * dv) / along
        q = (math.cos(angle) * dv - math.sin(angle) * du) / across
        depth: Plane = across * (1 - np.sqrt(p * p + q * q))
        return depth

    def lung_depths(self, u: Plane, v: Plane) -> tuple[Plane, Plane]:
        """For the right and the left lung: approximate distance to the edge; positive inside, so the mask is `> 0`."""
        outside_heart = -self.heart_depth(u, v)
        right = np.minimum(self.right.depth(-u, v), outside_heart)
        return right, np.minimum(self.left.depth(u, v), outside_heart)

    def body(self, u: Plane, v: Plane) -> Plane:
        """Thickness of the soft tissue in [0, 1]: a trunk, shoulders and a neck."""
        shoulder = self.right.apex - 0.1
        trunk = self.cage + 0.13 + self.arms * bump((v - shoulder - 0.3) / 0.35)
        half = 0.22 + (trunk - 0.22) * smooth_step((v - shoulder) / 0.3 + 0.5)
        thickness: Plane = np.clip(1 - (u / half) ** 2, 0, 1) ** 0.4
        return thickness


def draw_lung(
    generator: np.random.Generator, cage: float, apex: float, dome: float, medial: float, roundness: float
) -> Lung:
    """A random lung, slightly different from the other one."""
    draw = generator.uniform
    dome = dome + draw(-0.03, 0.03)
    return Lung(
        centre=cage * draw(0.42, 0.5),
        width=cage * draw(0.95, 1.03),
        apex=-apex + draw(-0.02, 0.02),
        base=dome + draw(0.14, 0.32),
        dome=dome,
        dome_at=cage * draw(0.42, 0.58),
        medial=medial,
        knob=draw(0.0, 0.08),
        taper=draw(0.02, 0.12),
        wave=draw(0.0, 0.02),
        phase=draw(0.0, 2 * np.pi),
        roundness=roundness,
    )


def draw_anatomy(generator: np.random.Generator, domain: Domain) -> Anatomy:
    """A random patient of this domain."""
    draw = generator.uniform
    cage, apex, dome = draw(*domain.width), draw(*domain.apex), draw(*domain.dome)
    radius = cage * draw(*domain.heart)
    medial, roundness = draw(0.1, 0.16), draw(0.6, 0.95)
    return Anatomy(
        right=draw_lung(generator, cage, apex, dome, medial, roundness),
        left=draw_lung(generator, cage, apex, dome + draw(0.01, 0.07), medial, roundness),
        heart=(
            radius * draw(0.2, 0.4),
            dome - radius * draw(0.2, 0.5),
            radius * draw(1.1, 1.4),
            radius * draw(0.7, 0.9),
            draw(0.6, 1.1),
        ),
        cage=cage,
        arms=draw(*domain.arms),
        breasts=draw(*domain.breasts),
        rib_pitch=draw(*domain.rib_pitch),
        rib_slope=draw(*domain.rib_slope),
        rib_phase=draw(0.0, 1.0),
        rib_strength=draw(0.7, 1.3),
        clavicle=-apex + draw(0.05, 0.22),
        vessels=draw(0.5, 1.6),
        bubble=max(0.0, draw(-0.5, 1.0)),
    )
