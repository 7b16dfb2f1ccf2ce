"""A figure on disk."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssmtl.atomic_file import replacing
from ssmtl.reports.drawing import Drawing

DOTS_PER_INCH = 150
SHOWN, FOR_A_PAPER = "png", "pdf"
"""Formats of a page's figures: that which it shows, and that beside it."""

SAVING: dict[str, dict[str, Any]] = {
    "png": {"pil_kwargs": {"compress_level": 3}},  # a fifth faster than matplotlib's own, and 8 % larger
    "svg": {"metadata": {"Date": None}},
    "pdf": {"metadata": {"CreationDate": None}},
}


@dataclass(frozen=True)
class SavedFigure:
    """A figure on disk. :param width: in inches."""

    path: Path
    caption: str
    width: float


def save_drawings(drawings: Iterable[Drawing], folder: Path, formats: Sequence[str] = ("png",)) -> list[SavedFigure]:
    """Save the drawings of one subject into the folder's `figures/`, one file per format.

    No two have one name; those of different subjects begin with different words.
    """
    taken: set[str] = set()
    return [figure for drawing in drawings for figure in _saved(drawing, folder, taken, formats)]


def _saved(drawing: Drawing, folder: Path, taken: set[str], formats: Sequence[str]) -> Iterator[SavedFigure]:
    name = _file_name(drawing.name, taken)
    for suffix in formats:
        path = folder / "figures" / f"{name}.{suffix}"
        path.parent.mkdir(exist_ok=True)
        with replacing(path) as file:
            drawing.figure.savefig(file, format=suffix, dpi=DOTS_PER_INCH, **SAVING.get(suffix, {}))
        drawing.figure.set_layout_engine("none")  # the places that the first format gave hold for the others too
        yield SavedFigure(path, drawing.caption, float(drawing.figure.get_figwidth()))


def _file_name(name: str, taken: set[str]) -> str:
    """`name` reduced to letters, digits, dots, dashes and underscores, and not yet taken."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "figure"
    unique = next(one for one in (safe, *(f"{safe}-{count}" for count in range(2, 1000))) if one not in taken)
    taken.add(unique)
    return unique
