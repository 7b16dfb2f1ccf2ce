"""One radiograph: its patient and their pose, its exact masks, and its grey values."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ssmtl_sources.phantom_anatomy import Anatomy, draw_anatomy
from ssmtl_sources.phantom_bones import clavicles, ribs, spine
from ssmtl_sources.phantom_clutter import clutter, distractors, wider
from ssmtl_sources.phantom_domains import DOMAINS, DomainName
from ssmtl_sources.phantom_fields import Plane, bump, image_grid, smooth_field, smooth_step, stream
from ssmtl_sources.phantom_opacity import haze, nodules, pneumonia, vessels
from ssmtl_sources.phantom_overlays import devices, marker, window

FAINTER = 0.4
"""How much less of the air the pneumonia of the hardest set fills."""

Structure = Literal["lung", "left_lung", "right_lung"]


@dataclass(frozen=True)
class Radiograph:
    """The parameters of which a radiograph is a pure function.

    :param patient: the index of the patient's first radiograph.
    :param size: height and width in pixels. :param difficulty: 0 to 1.
    """

    domain: DomainName
    seed: int
    patient: int
    index: int
    size: int
    difficulty: float = 0.0

    def anatomy(self) -> Anatomy:
        """The patient's anatomy, the same in all of their radiographs."""
        return draw_anatomy(stream(self.seed, self.domain, "patient", self.patient), DOMAINS[self.domain])

    def stream(self, concept: str) -> np.random.Generator:
        """The generator of one concept of this radiograph."""
        return stream(self.seed, self.domain, "film", self.index, concept)  # "film" is part of the random key

    def body_coordinates(self) -> tuple[Plane, Plane]:
        """u and v of every pixel: the image grid rotated, scaled and displaced."""
        domain, generator = DOMAINS[self.domain], self.stream("pose")
        x, y = image_grid(self.size)
        angle = np.deg2rad(domain.tilt) * generator.standard_normal()
        zoom = generator.uniform(*domain.zoom)
        dx, dy = domain.shift * generator.standard_normal(2)
        cosine, sine = float(np.cos(angle) / zoom), float(np.sin(angle) / zoom)
        x, y = x - float(dx), y - float(dy)
        return cosine * x + sine * y, cosine * y - sine * x

    def mask(self, structure: Structure) -> NDArray[np.uint8]:
        """255 inside the structure, 0 outside; shape (size, size)."""
        right, left = self.anatomy().lung_depths(*self.body_coordinates())
        depth = {"lung": np.maximum(left, right), "left_lung": left, "right_lung": right}[structure]
        return np.where(depth > 0, np.uint8(255), np.uint8(0))

    def render(self, *, diseased: bool) -> NDArray[np.uint8]:
        """Grey values of shape (size, size), with or without pneumonia; all else is the same."""
        attenuation = self._attenuation(diseased=diseased)
        if self.difficulty:
            attenuation += distractors(
                self.stream("distractors"), self.anatomy(), *self.body_coordinates(), self.difficulty
            )
            attenuation += clutter(self.stream("clutter"), self.size, self.difficulty)
        domain, generator = DOMAINS[self.domain], self.stream("exposure")
        x, y = image_grid(self.size)
        if generator.uniform() < domain.devices:
            attenuation += devices(self.stream("devices"), x, y)
        hard = self.difficulty
        black, white = generator.uniform(*domain.black), generator.uniform(*wider(domain.white, hard))
        gamma = generator.uniform(*wider(domain.gamma, hard))
        slope = generator.uniform(-0.08, 0.08, size=2).astype(np.float32)
        exposed = np.clip(attenuation * (1 + slope[0] * x + slope[1] * y) / white, 0, None)
        grey = black + (1 - black) * np.minimum(exposed, 1.2) ** gamma
        grey = grey * (1 - generator.uniform(*domain.vignette) * (x * x + y * y) / 2)
        grain = self.stream("grain").standard_normal((self.size, self.size), dtype=np.float32)
        grey = grey + generator.uniform(*domain.noise) * (0.5 + grey) * grain
        grey = grey * window(self.stream("border"), domain.border, x, y)
        if generator.uniform() < domain.marker:
            grey = np.maximum(grey, 0.95 * marker(self.stream("marker"), x, y))
        levels: NDArray[np.uint8] = np.round(255 * np.clip(grey, 0, 1)).astype(np.uint8)
        return levels

    def _attenuation(self, *, diseased: bool) -> Plane:
        """Attenuation of the X-rays: 0 in air, about 1 in soft tissue, more in bone and below the diaphragm."""
        domain, anatomy, generator = DOMAINS[self.domain], self.anatomy(), self.stream("tissue")
        u, v = self.body_coordinates()
        right, left = anatomy.lung_depths(u, v)
        depth, a = np.maximum(right, left), np.abs(u)
        turn = u - generator.uniform(-domain.turn, domain.turn) * smooth_step((0.5 - a) / 0.5)
        air = smooth_step(depth / 0.035) * (0.72 + 0.28 * smooth_step(depth / 0.25))
        filled = haze(generator, self.size) + vessels(anatomy, a, v, smooth_field(generator, 9, self.size))
        if generator.uniform() < domain.nodules:
            filled = np.maximum(filled, nodules(self.stream("nodules"), anatomy, u, v))
        if diseased:
            ill = pneumonia(self.stream("pneumonia"), anatomy, u, v) * (1 - FAINTER * self.difficulty)
            filled = 1 - (1 - np.clip(filled, 0, 1)) * (1 - ill)
        floor = anatomy.right.dome + (anatomy.left.dome - anatomy.right.dome) * smooth_step(u / 0.2 + 0.5)
        abdomen = 0.22 * smooth_step((v - floor + 0.05) / 0.25)
        bubble = anatomy.bubble * 0.3 * bump(np.hypot(u - 0.32, (v - anatomy.left.dome - 0.2) * 1.5) / 0.14)
        heart = 0.24 * smooth_step(anatomy.heart_depth(u, v) / 0.1)
        breast = anatomy.breasts * smooth_step(1.3 - np.hypot(a - 0.42, (v - 0.2) * 0.9) / 0.32)
        bones = ribs(anatomy, a, v) + clavicles(anatomy, a, v) + spine(anatomy, np.abs(turn), v)
        thickness = anatomy.body(u, v)
        solid = thickness * (0.95 + abdomen - bubble + heart + breast + bones)
        attenuation: Plane = solid - 0.72 * thickness * air * (1 - np.clip(filled, 0, 1))
        return attenuation
