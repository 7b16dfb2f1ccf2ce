"""All figures of a run, drawn and saved."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ssmtl.reports.drawing import Drawing
from ssmtl.reports.processes import in_processes
from ssmtl.reports.run.bland_altman import draw_bland_altman
from ssmtl.reports.run.bridge_map import draw_bridge_maps
from ssmtl.reports.run.calibration import draw_calibration
from ssmtl.reports.run.confusion import draw_confusion
from ssmtl.reports.run.curves import draw_curves
from ssmtl.reports.run.dice_spread import draw_dice
from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.reports.run.masks import draw_masks
from ssmtl.reports.run.numbers import draw_numbers
from ssmtl.reports.run.roc import draw_roc
from ssmtl.reports.run.saliency import draw_saliency
from ssmtl.reports.run.shown import draw_shown
from ssmtl.reports.run.worst import draw_worst
from ssmtl.reports.saved_figure import SavedFigure, save_drawings


@dataclass(frozen=True)
class Subject:
    """A kind of figure: its heading on the page, the function that draws it, and what it needs.

    With nothing said of what it needs, its heading is there only if it has a figure.
    """

    heading: str
    draw: Callable[[FinishedRun], Iterator[Drawing]]
    needs: str = ""


SUBJECTS = (
    Subject("Training", draw_curves, "metrics.jsonl"),
    Subject(
        "Receiver operating characteristic",
        draw_roc,
        "probabilities and targets of a classification task in predictions/",
    ),
    Subject("Confusion matrix", draw_confusion, "probabilities and targets of a classification task in predictions/"),
    Subject("Calibration", draw_calibration, "probabilities and targets of a classification task in predictions/"),
    Subject("Estimated numbers", draw_numbers),
    Subject("Worst cases", draw_worst, "the worst images in predictions/"),
    Subject("Sample masks", draw_masks, "sample images, masks and probabilities of a mask task in predictions/"),
    Subject("Dice over images", draw_dice, "Dice in per_image.csv"),
    Subject(
        "Agreement of foreground area", draw_bland_altman, "foreground pixel counts of a mask task in predictions/"
    ),
    Subject("Saliency", draw_saliency, "sample saliency maps in predictions/"),
    Subject("What the bridge shows the network", draw_shown),
    Subject("What the bridge gives the head", draw_bridge_maps, "the maps of a task's bridge in predictions/"),
)


def write_figures(run: Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Draw every figure that the run folder has data for into its `figures/`.

    :param formats: suffixes that matplotlib knows, such as 'png', 'svg', 'pdf'.
    :raises RunError: if `run` is not a folder or has a damaged file.
    """
    return [figure.path for figures in save_figures(FinishedRun.read(run), formats) for figure in figures]


def save_figures(run: FinishedRun, formats: Sequence[str] = ("png",)) -> list[list[SavedFigure]]:
    """Draw and save the figures of each subject, in several processes; in each, one figure is in memory at a time."""

    def saved(place: int) -> list[SavedFigure]:
        return save_drawings(SUBJECTS[place].draw(run), run.folder.path, formats)

    return in_processes(saved, len(SUBJECTS))
