"""Class-specific saliency maps of one system (figures 9 and 10 of the MultiMix paper)."""

from collections.abc import Iterator
from dataclasses import replace

from ssmtl.reports.drawing import Drawing
from ssmtl.reports.run.saliency import draw_saliency as of_one_run
from ssmtl.reports.suite.finished_suite import CellRun, FinishedSuite, predictions_of, run_of


def draw_saliency(suite: FinishedSuite) -> Iterator[Drawing]:
    """The first seed of the first compared system, or else of the system with maps for the most tasks."""
    for sources in suite.sources:
        cells = [runs[0] for runs in suite.main(sources).values()]
        cells = [cell for cell in cells if suite.compared and cell.system == suite.compared.system] or cells
        best = max(cells, key=_tasks, default=None)
        for drawing in of_one_run(run_of(best.folder)) if best is not None else ():
            origin = f"{suite.results.label(best.system)}, seed {best.seed}, {sources}. " if best is not None else ""
            yield replace(drawing, name=f"{drawing.name}.{sources}", caption=origin + drawing.caption)


def _tasks(cell: CellRun) -> int:
    return len({item.task for item in predictions_of(cell, "sample_saliency")})
