"""The page of an evaluation on any labelled images: intervals, the worst images, calibration, thresholds, subgroups."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ssmtl.atomic_file import write_text
from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.reports.evaluation.tables import metrics, subgroups
from ssmtl.reports.page import Section, pictures, render
from ssmtl.reports.run.bland_altman import draw_bland_altman
from ssmtl.reports.run.calibration import draw_calibration
from ssmtl.reports.run.confusion import draw_confusion
from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.reports.run.masks import draw_masks
from ssmtl.reports.run.operating import operating_tables
from ssmtl.reports.run.rates import rates
from ssmtl.reports.run.roc import draw_roc
from ssmtl.reports.run.worst import draw_worst, worst_tables
from ssmtl.reports.saved_figure import save_drawings
from ssmtl.runs.files import Calibration, Results
from ssmtl.runs.folder import RunFolder
from ssmtl.wording import counted

TEMPLATE = "evaluation/page.html.j2"
WORST = "Worst cases"
SUBJECTS = {
    WORST: draw_worst,
    "Receiver operating characteristic": draw_roc,
    "Confusion matrix": draw_confusion,
    "Calibration": draw_calibration,
    "Sample masks": draw_masks,
    "Agreement of foreground area": draw_bland_altman,
}


def write_evaluation(
    page: Path, run: Path, results: Results, stored: Sequence[StoredPredictions], calibration: Calibration | None
) -> Path:
    """Write one HTML file that needs no other.

    :param run: the folder of the run. :param results: with `assessed`. :param stored: of each task and domain.
    :param calibration: of the weights that were evaluated.
    :raises OSError: if the page cannot be written.
    """
    evaluated = FinishedRun(RunFolder(run), results, "", None, None, (), (), {}, tuple(stored), calibration)
    sections = list(_sections(evaluated))
    write_text(
        page,
        render(
            TEMPLATE,
            name=results.name,
            seed=results.seed,
            summary=" ".join(_summary(results)),
            metrics=list(metrics(results)),
            worst=[one for one in sections if one.heading == WORST],
            worst_tables=list(worst_tables(evaluated)),
            classes=[*rates(evaluated), *operating_tables(evaluated)],
            subgroups=list(subgroups(results)),
            sections=[one for one in sections if one.heading != WORST],
            recipe_hash=results.recipe_hash,
        ),
    )
    return page


def _sections(evaluated: FinishedRun) -> Iterator[Section]:
    """Those that there is something to show for."""
    with tempfile.TemporaryDirectory() as folder:
        for heading, draw in SUBJECTS.items():
            shown = pictures(save_drawings(draw(evaluated), Path(folder)))
            if shown:
                yield Section(heading, shown, "")


def _summary(results: Results) -> Iterator[str]:
    chosen = results.selected
    which = "selected by validation" if chosen.by == "validation" else "those of its last step"
    yield f"A run with seed {results.seed}, evaluated with its weights of step {chosen.step}, {which}."
    for task, domains in results.sources.items():
        named = (
            f"{source} ({counted(results.counts[task][domain]['images'], 'image')}"
            f" of {counted(results.assessed[task][domain].patients, 'patient')})"
            for domain, source in domains.items()
        )
        yield f"{task}: {', '.join(named)}."
    lost = sum(number for domains in results.excluded.values() for number in domains.values())
    if lost:
        yield (
            f"Left out, since they, or whom they show, trained or selected the model: {counted(lost, 'image')} "
            "(an image counts once for each task)."
        )
    yield "Intervals are over patients of this one network; they say nothing about other seeds."
