"""The source `phantom`: procedural chest films with exact lung masks, for trying recipes where no data may be had."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from ssmtl import Example, Folders, key
from ssmtl_sources.phantom_domains import DomainName
from ssmtl_sources.phantom_fields import stream
from ssmtl_sources.phantom_film import Film, Structure

GENERATOR_VERSION = 3
"""To be raised with every change to what is drawn: fingerprints depend on it."""

STRUCTURES: tuple[Structure, ...] = ("lung", "left_lung", "right_lung")

Chance = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class FilmImage:
    """The grey values of a film, as `ssmtl.Pixels`."""

    film: Film
    diseased: bool

    @property
    def name(self) -> str:
        """For messages."""
        return f"phantom {film_id(self.film)} (seed {self.film.seed})"

    def fingerprint(self) -> str:
        """A hash of the film's parameters; draws nothing."""
        return fingerprint(self.film, "pneumonia" if self.diseased else "normal")

    def read(self) -> NDArray[np.uint8]:
        """uint8 of shape (size, size)."""
        return self.film.render(diseased=self.diseased)


@dataclass(frozen=True)
class FilmMask:
    """The exact mask of one structure of a film, as `ssmtl.Pixels`."""

    film: Film
    structure: Structure

    @property
    def name(self) -> str:
        """For messages."""
        return f"phantom {film_id(self.film)} {self.structure} (seed {self.film.seed})"

    def fingerprint(self) -> str:
        """A hash of the film's parameters; draws nothing."""
        return fingerprint(self.film, self.structure)

    def read(self) -> NDArray[np.uint8]:
        """uint8 of shape (size, size): 0 or 255."""
        return self.film.mask(self.structure)


def film_id(film: Film) -> str:
    """Unique within a source."""
    return f"{film.domain}/{film.index:06d}"


def fingerprint(film: Film, what: str) -> str:
    """Sixteen hexadecimal digits of everything that the pixels are a function of."""
    words = (GENERATOR_VERSION, film.domain, film.seed, film.patient, film.index, film.size, what)
    return f"{key('phantom', *words):016x}"


class Phantom:
    """Chest films of one domain, drawn rather than read; each is a pure function of (seed, domain, index).

    Every example has its class (`normal` or `pneumonia`) and its masks (`lung`, `left_lung`, `right_lung`; left is the
    patient's left, on the right of the film). Asking for more images adds some and changes none.

    :param folders: not used, nothing is read.
    :param domain: whose films to imitate: chex (children), jsrt, nihx or mcu.
    :param images: how many.
    :param size: height and width, in pixels; the same films at any size, but for the grain.
    :param seed: of the patients and their films.
    :param pneumonia: chance that a film shows pneumonia.
    :param follow_up: chance that films 2k and 2k + 1 are of one patient.
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
    ) -> None:
        self.domain = domain
        self.images = images
        self.size = size
        self.seed = seed
        self.pneumonia = pneumonia
        self.follow_up = follow_up

    def examples(self) -> Sequence[Example]:
        """Every film in the order of its index; draws none."""
        return [self._example(index) for index in range(self.images)]

    def _example(self, index: int) -> Example:
        first = index - index % 2
        followed = stream(self.seed, self.domain, "follow-up", first).uniform() < self.follow_up
        diseased = stream(self.seed, self.domain, "class", index).uniform() < self.pneumonia
        film = Film(self.domain, self.seed, first if followed else index, index, self.size)
        return Example(
            id=film_id(film),
            patient=f"{self.domain}/p{film.patient:06d}",
            image=FilmImage(film, bool(diseased)),
            labels=frozenset({"pneumonia" if diseased else "normal"}),
            masks={structure: (FilmMask(film, structure),) for structure in STRUCTURES},
        )
