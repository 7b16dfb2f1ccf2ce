"""The source `phantom`: procedural chest radiographs with exact lung masks, to try recipes without any data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from ssmtl import Example, Folders, key
from ssmtl_sources.phantom_domains import DomainName
from ssmtl_sources.phantom_fields import stream
from ssmtl_sources.phantom_radiograph import Radiograph, Structure

GENERATOR_VERSION = 3
"""Raise this with every change to the generated pixels: fingerprints depend on it."""

STRUCTURES: tuple[Structure, ...] = ("lung", "left_lung", "right_lung")

Chance = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class RadiographImage:
    """The grey values of a radiograph, as `ssmtl.Pixels`."""

    radiograph: Radiograph
    diseased: bool

    @property
    def name(self) -> str:
        """Name for messages."""
        return f"phantom {radiograph_id(self.radiograph)} (seed {self.radiograph.seed})"

    def fingerprint(self) -> str:
        """Hash of the parameters; nothing is rendered."""
        return fingerprint(self.radiograph, "pneumonia" if self.diseased else "normal")

    def read(self) -> NDArray[np.uint8]:
        """uint8 of shape (size, size)."""
        return self.radiograph.render(diseased=self.diseased)


@dataclass(frozen=True)
class RadiographMask:
    """The exact mask of one structure of a radiograph, as `ssmtl.Pixels`."""

    radiograph: Radiograph
    structure: Structure

    @property
    def name(self) -> str:
        """Name for messages."""
        return f"phantom {radiograph_id(self.radiograph)} {self.structure} (seed {self.radiograph.seed})"

    def fingerprint(self) -> str:
        """Hash of the parameters; nothing is rendered."""
        return fingerprint(self.radiograph, self.structure)

    def read(self) -> NDArray[np.uint8]:
        """uint8 of shape (size, size): 0 or 255."""
        return self.radiograph.mask(self.structure)


def radiograph_id(radiograph: Radiograph) -> str:
    """An id that is unique within a source."""
    return f"{radiograph.domain}/{radiograph.index:06d}"


def fingerprint(radiograph: Radiograph, what: str) -> str:
    """Sixteen hexadecimal digits that hash everything the pixels depend on."""
    parameters = (radiograph.domain, radiograph.seed, radiograph.patient, radiograph.index, radiograph.size)
    if radiograph.difficulty:
        what = f"{what} {radiograph.difficulty!r}"
    return f"{key('phantom', GENERATOR_VERSION, *parameters, what):016x}"


class Phantom:
    """Generated chest radiographs of one domain; each is a pure function of (seed, domain, index).

    Every example has its class (`normal` or `pneumonia`) and its masks (`lung`, `left_lung`, `right_lung`; left is the
    patient's left, on the right of the image). Asking for more images adds new ones and leaves the others unchanged.

    :param folders: unused, since nothing is read.
    :param domain: the data set to imitate: chex (children), jsrt, nihx or mcu.
    :param images: number of images.
    :param size: height and width in pixels; radiographs of different sizes are the same except for the grain.
    :param seed: seed of the patients and their radiographs.
    :param pneumonia: probability that a radiograph shows pneumonia.
    :param follow_up: probability that radiographs 2k and 2k + 1 show the same patient.
    :param difficulty: above 0, blobs outside the lungs in both classes, clutter, a wider range of exposures and fainter
        pneumonia; patients, classes and masks stay the same.
    """

    def __init__(
        self,
        folders: Folders,
        /,
        *,
        domain: DomainName,
        images: PositiveInt = 1000,
        size: PositiveInt = 128,
        seed: int = 0,
        pneumonia: Chance = 0.5,
        follow_up: Chance = 0.2,
        difficulty: Chance = 0.0,
    ) -> None:
        self.domain = domain
        self.images = images
        self.size = size
        self.seed = seed
        self.pneumonia = pneumonia
        self.follow_up = follow_up
        self.difficulty = difficulty

    def examples(self) -> Sequence[Example]:
        """All radiographs in the order of their indices; none is rendered yet."""
        return [self._example(index) for index in range(self.images)]

    def _example(self, index: int) -> Example:
        first = index - index % 2
        followed = stream(self.seed, self.domain, "follow-up", first).uniform() < self.follow_up
        diseased = stream(self.seed, self.domain, "class", index).uniform() < self.pneumonia
        radiograph = Radiograph(self.domain, self.seed, first if followed else index, index, self.size, self.difficulty)
        return Example(
            id=radiograph_id(radiograph),
            patient=f"{self.domain}/p{radiograph.patient:06d}",
            image=RadiographImage(radiograph, bool(diseased)),
            labels=frozenset({"pneumonia" if diseased else "normal"}),
            masks={structure: (RadiographMask(radiograph, structure),) for structure in STRUCTURES},
        )
