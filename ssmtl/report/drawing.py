"""A figure with its caption, and the style all figures share: Okabe–Ito colours, thin axes, names taken literally."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe & Ito (2008), "Color Universal Design": told apart with every common colour vision.
BLACK, GREY = "#000000", "#7f7f7f"
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, YELLOW = "#E69F00", "#56B4E9", "#F0E442"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
DASHES = ("-", "--", "-.", ":")

WIDTH = 7.2  # inches: the text width of a journal page
SMALL, TEXT = 7.0, 8.0  # points
TITLE = 0.32  # inches: two small lines


@dataclass(frozen=True)
class Drawing:
    """:param name: of the file, without suffix. :param caption: plain text; says what is drawn, and in what units."""

    name: str
    caption: str
    figure: Figure


def sheet(width: float, height: float) -> Figure:
    """An empty figure, sizes in inches, that belongs to no window and no pyplot."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def panels(count: int, columns: int, height: float, width: float = WIDTH) -> tuple[Figure, list[Axes]]:
    """A sheet with `count` styled axes in rows of at most `columns`; `height` is one row's, in inches.

    Fewer panels than columns make a narrower sheet, so that panels are of one size in all figures.
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
    rows: int, columns: int, aspect: float, *, titled: int, below: float = 0.0, beside: float = 0.0
) -> tuple[Figure, list[list[Axes]]]:
    """A sheet of `rows` × `columns` picture frames without ticks.

    :param aspect: a picture's height over its width. :param titled: how many rows carry a two-line title.
    :param below: inches left for a legend. :param beside: inches left for a colour bar and the names of rows.
    """
    side = (WIDTH - beside) / max(columns, 4)
    figure = sheet(side * columns + beside, rows * side * aspect + titled * TITLE + below)
    figure.set_layout_engine("compressed", w_pad=0.03, h_pad=0.03, wspace=0.0, hspace=0.0)
    frames = [[figure.add_subplot(rows, columns, row * columns + column + 1) for column in range(columns)]
              for row in range(rows)]  # fmt: skip
    for frame in (frame for line in frames for frame in line):
        frame.set_xticks([])
        frame.set_yticks([])
        frame.spines[:].set_visible(False)
    return figure, frames


def label(axis: Axes, *, title: str = "", x: str = "", y: str = "") -> None:
    """Write title and axis labels in the shared sizes; the texts are taken literally."""
    axis.set_title(plain(title), fontsize=TEXT, loc="left")
    axis.set_xlabel(plain(x), fontsize=SMALL)
    axis.set_ylabel(plain(y), fontsize=SMALL)


def plain(text: str, longest: int = 60) -> str:
    """A name as matplotlib shows it literally: no mathematics between dollars, the middle cut out of long names."""
    if len(text) > longest:
        half = (longest - 1) // 2
        text = f"{text[:half]}…{text[-half:]}"
    return text.replace("$", r"\$")


def styles(names: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """(name, colour, dashes) for each name, distinct in colour and, for print in grey, in dashes."""
    for place, name in enumerate(names):
        yield name, SERIES[place % len(SERIES)], DASHES[place % len(DASHES)]
