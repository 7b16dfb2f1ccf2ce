"""A figure with its caption, and the style that all figures share: Okabe–Ito colours, thin axes, literal names."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe & Ito (2008), "Color Universal Design": distinguishable with every common type of colour vision.
BLACK, GREY = "#000000", "#7f7f7f"
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, YELLOW = "#E69F00", "#56B4E9", "#F0E442"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
DASHES = ("-", "--", "-.", ":")

WIDTH = 7.2  # inches: the text width of a journal page
SMALL, TEXT = 7.0, 8.0  # points
WHISKERS = (5, 95)  # percentiles, in every box plot
TITLE, GAP = 0.32, 0.06  # inches: two small lines; the space between images


@dataclass(frozen=True)
class Drawing:
    """:param name: of the file, without suffix. :param caption: plain text that says what is shown, in which units."""

    name: str
    caption: str
    figure: Figure


def sheet(width: float, height: float) -> Figure:
    """An empty figure, without window or pyplot; sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def panels(count: int, columns: int, height: float, width: float = WIDTH) -> tuple[Figure, list[Axes]]:
    """A sheet with `count` styled axes in rows of at most `columns`; `height` is that of a row, in inches.

    Fewer panels than columns make a narrower sheet, so that panels have the same size in all figures.
    """
    across = min(count, columns)
    rows = math.ceil(count / across)
    figure = sheet(max(width * across / columns, 3.2), height * rows)
    axes = [figure.add_subplot(rows, across, place + 1) for place in range(count)]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_linewidth(0.6)
        axis.tick_params(labelsize=SMALL, width=0.6, length=2.5)
    return figure, axes


def pictures(
    rows: int, columns: int, aspect: float, *, titled: int, below: float = 0.0, left: float = 0.0, right: float = 0.0
) -> tuple[Figure, list[list[Axes]]]:
    """A sheet of `rows` × `columns` image frames without ticks, placed without a layout engine (which is slow here).

    :param aspect: an image's height over its width. :param titled: how many of the first rows have a two-line title.
    :param below: inches left free for a legend. :param left: for row labels. :param right: for a colour bar.
    """
    side = (WIDTH - left - right) / max(columns, 4)
    tall = (side - GAP) * aspect
    width, height = side * columns + left + right, rows * (tall + GAP) + titled * TITLE + below
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    frames: list[list[Axes]] = []
    bottom = height
    for row in range(rows):
        bottom -= tall + GAP + (TITLE if row < titled else 0.0)
        places = [left + column * side + GAP / 2 for column in range(columns)]
        frames.append(
            [figure.add_axes((x / width, bottom / height, (side - GAP) / width, tall / height)) for x in places]
        )
    for frame in (frame for line in frames for frame in line):
        frame.set_xticks([])
        frame.set_yticks([])
        frame.spines[:].set_visible(False)
    return figure, frames


def label(axis: Axes, *, title: str = "", x: str = "", y: str = "") -> None:
    """Set title and axis labels in the shared sizes; the texts are literal."""
    axis.set_title(plain(title, 120), fontsize=TEXT, loc="left")
    axis.set_xlabel(plain(x), fontsize=SMALL)
    axis.set_ylabel(plain(y), fontsize=SMALL)


def plain(text: str, longest: int = 60) -> str:
    """A name that matplotlib shows literally: dollar signs escaped, the middle of long names cut out."""
    if len(text) > longest:
        half = (longest - 1) // 2
        text = f"{text[:half]}…{text[-half:]}"
    return text.replace("$", r"\$")


def styles(names: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """(name, colour, dashes) for each name, distinct in colour and, for greyscale print, in dashes."""
    for place, name in enumerate(names):
        yield name, SERIES[place % len(SERIES)], DASHES[place % len(DASHES)]
