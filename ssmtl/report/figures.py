"""All figures of a run, drawn and saved."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ssmtl.report.bland_altman import draw_bland_altman
from ssmtl.report.curves import draw_curves
from ssmtl.report.dice_spread import draw_dice
from ssmtl.report.drawing import Drawing
from ssmtl.report.finished_run import FinishedRun
from ssmtl.report.masks import draw_masks
from ssmtl.report.roc import draw_roc
from ssmtl.report.saliency import draw_saliency

DOTS_PER_INCH = 150


@dataclass(frozen=True)
class Subject:
    """A kind of figure: its heading in the page, who draws it, and what a run must hold for it."""

    heading: str
    draw: Callable[[FinishedRun], Iterator[Drawing]]
    needs: str


@dataclass(frozen=True)
class SavedFigure:
    """A figure on disk. :param width: in inches."""

    path: Path
    caption: str
    width: float


SUBJECTS = (
    Subject("Training", draw_curves, "metrics.jsonl"),
    Subject(
        "Receiver operating characteristic",
        draw_roc,
        "probabilities and targets of a classification task in predictions/",
    ),
    Subject("Sample masks", draw_masks, "sample images, masks and probabilities of a mask task in predictions/"),
    Subject("Dice over images", draw_dice, "Dice in per_image.csv"),
    Subject(
        "Agreement of foreground area", draw_bland_altman, "foreground pixel counts of a mask task in predictions/"
    ),
    Subject("Saliency", draw_saliency, "sample saliency maps in predictions/"),
)


def write_figures(run: Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Draw everything the run folder holds data for into its `figures/`.

    :param formats: suffixes that matplotlib knows, such as 'png', 'svg', 'pdf'.
    :raises RunError: if `run` is no folder or holds a damaged file.
    """
    finished = FinishedRun.read(run)
    taken: set[str] = set()
    saved = [figure for subject in SUBJECTS for figure in save_figures(finished, subject, taken, formats)]
    return [figure.path for figure in saved]


def save_figures(
    run: FinishedRun, subject: Subject, taken: set[str], formats: Sequence[str] = ("png",)
) -> Iterator[SavedFigure]:
    """Draw and save the figures of one subject, one in memory at a time; names already `taken` get a number."""
    for drawing in subject.draw(run):
        yield from save_drawing(drawing, run.folder, taken, formats)


def save_drawing(
    drawing: Drawing, folder: Path, taken: set[str], formats: Sequence[str] = ("png",)
) -> Iterator[SavedFigure]:
    """Save one drawing into the folder's `figures/`, a file a format."""
    name = _file_name(drawing.name, taken)
    for suffix in formats:
        path = folder / "figures" / f"{name}.{suffix}"
        path.parent.mkdir(exist_ok=True)
        drawing.figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Date": None} if suffix == "svg" else None)
        yield SavedFigure(path, drawing.caption, float(drawing.figure.get_figwidth()))


def _file_name(name: str, taken: set[str]) -> str:
    """`name` with nothing but letters, digits, dots, dashes and underscores, and not yet taken."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "figure"
    unique = next(one for one in (safe, *(f"{safe}-{count}" for count in range(2, 1000))) if one not in taken)
    taken.add(unique)
    return unique
