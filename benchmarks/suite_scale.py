"""What a suite costs besides training, by its number of cells:  python benchmarks/suite_scale.py OUT.csv [CELLS ...]

The cells do nothing: each "worker" writes the files of a finished run. Timed are listing the cells of the grid, adding
one cell's rows to results.csv (mean over the last hundred cells), ordering all rows at the end, and counting the cells
by status.
"""

import csv
import sys
import tempfile
import time
from pathlib import Path

from ssmtl.contracts.folders import Folders
from ssmtl.json_file import write_model
from ssmtl.registry.plugins import Plugins, load_plugins
from ssmtl.runs.files import Budget, Environment, MetricFacts, Results, Selected
from ssmtl.suite.cell import Cell, Outcome, folder_of, outcome_file, status_of
from ssmtl.suite.grid import cells_of
from ssmtl.suite.suite_file import Suite
from ssmtl.suite.suite_run import SuiteRun

COLUMNS = ("cells", "list_ms_per_cell", "append_ms_per_cell", "order_all_s", "status_ms_per_cell")
METRICS = ("accuracy", "f1", "auroc", "balanced_accuracy")
BUDGETS = 10


def finish(suite: Path, cell: Cell) -> None:
    """Write what a finished cell leaves."""
    folder = folder_of(suite, cell.name)
    folder.path.mkdir(parents=True)
    domains = ("in_domain", "cross_domain")
    results = Results(
        name=cell.system,
        seed=cell.seed,
        selected=Selected(by="validation", step=1),
        recipe_hash=cell.recipe.digest(),
        tasks={"diagnosis": {domain: dict.fromkeys(METRICS, 0.5) for domain in domains}},
        counts={"diagnosis": {domain: {"images": 10} for domain in domains}},
        metrics={"diagnosis": dict.fromkeys(METRICS, MetricFacts(higher_is_better=True, unit=""))},
        budgets={"diagnosis": Budget(labeled=10, unlabeled=10, val=10)},
        sources={"diagnosis": dict.fromkeys(domains, "chex")},
    )
    write_model(folder.environment, Environment(ssmtl="0"))
    write_model(folder.results, results)
    write_model(outcome_file(suite, cell.name), Outcome(status="finished", seconds=1.0, threads=1))


def measure(count: int, plugins: Plugins, folder: Path) -> tuple[float, ...]:
    """One row of the curve."""
    small = {f"sources.{name}.images": 60 for name in ("chex", "nihx")}
    budgets = [10 + place for place in range(BUDGETS)]
    suite = Suite(
        name="scale",
        seeds=list(range(count // BUDGETS)),
        set=small,
        grids=[{"systems": ["enc"], "budgets": {"diagnosis": budgets}}],
    )
    began = time.perf_counter()
    cells = cells_of(suite, plugins, Folders(None), folder)
    listed = time.perf_counter() - began
    run = SuiteRun(suite, folder / "scale.yaml", folder, tuple(cells)).open()
    run.write_rows()
    appended = 0.0
    for place, cell in enumerate(cells):
        finish(folder, cell)
        began = time.perf_counter()
        run.append_rows(cell.name)
        appended += time.perf_counter() - began if place >= count - 100 else 0.0
    began = time.perf_counter()
    run.write_rows()
    ordered = time.perf_counter() - began
    began = time.perf_counter()
    assert all(status_of(folder, cell.name) == "finished" for cell in cells)
    counted = time.perf_counter() - began
    return count, 1000 * listed / count, 1000 * appended / min(count, 100), ordered, 1000 * counted / count


def main(out: Path, counts: list[int]) -> None:
    """Write the curve."""
    plugins = load_plugins(())
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for count in counts:
            with tempfile.TemporaryDirectory() as folder:
                row = measure(count, plugins, Path(folder))
            writer.writerow([count, *(f"{value:.3g}" for value in row[1:])])
            file.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(text) for text in sys.argv[2:]] or [100, 1000, 10_000])
