"""The page of a run, made from its folder."""

from collections.abc import Sequence
from pathlib import Path

from ssmtl.atomic_file import write_text
from ssmtl.reports.page import Section, link, pictures, render
from ssmtl.reports.run import tables
from ssmtl.reports.run.figures import SUBJECTS, save_figures
from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.reports.run.operating import operating_tables
from ssmtl.reports.run.rates import rates
from ssmtl.reports.run.summary import summarise
from ssmtl.reports.run.worst import worst_tables
from ssmtl.reports.saved_figure import FOR_A_PAPER, SHOWN
from ssmtl.runs.folder import RunFolder, damaged

TEMPLATE = "run/page.html.j2"


def write_report(run: Path, *, for_a_paper: bool = True) -> Path:
    """Draw the figures of the run folder `run` into its `figures/`, and write `report.html` beside them.

    :param for_a_paper: whether to save each as PDF too, which takes as long again.
    :raises RunError: if `run` is not a folder or has a damaged file.
    """
    folder = RunFolder(run)
    with damaged(run):
        finished = FinishedRun.read(run)
        saved = save_figures(finished, (SHOWN, FOR_A_PAPER) if for_a_paper else (SHOWN,))
        sections = [
            Section(subject.heading, pictures(figures), subject.needs)
            for subject, figures in zip(SUBJECTS, saved, strict=True)
            if figures or subject.needs
        ]
        page = _render(finished, sections)
    write_text(folder.report, page)
    return folder.report


def _render(run: FinishedRun, sections: Sequence[Section]) -> str:
    return render(
        TEMPLATE,
        name=run.name,
        seed=run.seed,
        summary=summarise(run),
        metrics=list(tables.metrics(run)),
        evaluated=[*rates(run), *operating_tables(run), tables.counts(run), tables.spread(run), *worst_tables(run)],
        data=[tables.budgets(run), tables.split(run)],
        environment=tables.environment(run),
        sections=sections,
        recipe=run.recipe,
        recipe_hash=run.results.recipe_hash if run.results else "",
        data_fingerprint=run.results.data_fingerprint if run.results else "",
        files=[
            (link(run.folder.path, path.name), path.name, what) for path, what in _files(run.folder) if path.exists()
        ],
    )


def _files(folder: RunFolder) -> Sequence[tuple[Path, str]]:
    return (
        (folder.recipe, "the resolved recipe: run it to repeat this run"),
        (folder.results, "the results on this page"),
        (folder.calibration, "temperatures and thresholds, fitted on validation images"),
        (folder.log, "losses and validation metrics by step"),
        (folder.per_image, "metrics of each test image"),
        (folder.split, "which images were labelled, unlabelled, validation, test"),
        (folder.environment, "versions, device, commit, command"),
        (folder.predictions, "probabilities, targets and samples (NumPy archives)"),
        (folder.figures, "the figures of this page, one file each"),
    )
