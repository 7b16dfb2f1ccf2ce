"""What the pages of runs and suites share: each is one self-contained HTML file."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from ssmtl.reports.saved_figure import FOR_A_PAPER, SHOWN, SavedFigure

SCRIPT = "page.js"
PIXELS_PER_INCH = 96  # of CSS


@dataclass(frozen=True)
class Picture:
    """A figure in the page. :param source: a data URI. :param link: to it as a PDF. :param width: in CSS pixels."""

    source: str
    link: str
    caption: str
    width: int


@dataclass(frozen=True)
class Section:
    """Figures of one subject. :param needs: what is missing if there are none."""

    heading: str
    pictures: Sequence[Picture]
    needs: str


def render(template: str, **content: Any) -> str:
    """Render the template, with every string of `content` escaped and the hash of the only script that may run."""
    environment = Environment(
        loader=PackageLoader("ssmtl.reports", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Style and script are included verbatim: they contain nothing from the run.
    script = resources.files("ssmtl.reports").joinpath(SCRIPT).read_text(encoding="utf-8")
    script_hash = base64.b64encode(hashlib.sha256(script.rstrip("\n").encode()).digest()).decode()
    return environment.get_template(template).render(script_hash=script_hash, **content)


def pictures(figures: Iterable[SavedFigure]) -> list[Picture]:
    """Those in the page's own format, each with a link to that for a paper, if there is one."""
    saved = {figure.path: figure for figure in figures}
    return [
        picture(figure, path.with_suffix(f".{FOR_A_PAPER}") in saved)
        for path, figure in saved.items()
        if path.suffix == f".{SHOWN}"
    ]


def picture(figure: SavedFigure, for_a_paper: bool) -> Picture:
    """The figure as a data URI. :param for_a_paper: whether a file for a paper is beside it."""
    content = base64.b64encode(figure.path.read_bytes()).decode()
    file = quote(f"{figure.path.parent.name}/{figure.path.stem}.{FOR_A_PAPER}") if for_a_paper else ""
    return Picture(f"data:image/png;base64,{content}", file, figure.caption, round(figure.width * PIXELS_PER_INCH))


def link(folder: Path, name: str) -> str:
    """The relative address of a file or folder beside the page."""
    return quote(name) + ("/" if (folder / name).is_dir() else "")
