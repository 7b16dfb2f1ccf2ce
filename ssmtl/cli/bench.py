"""`ssmtl bench`: run a suite, show its status, compare its systems."""

import os
import shlex
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from ssmtl.cli.loading import DataRoot, LocalPlugins, named_path
from ssmtl.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ssmtl.contracts.folders import Folders
    from ssmtl.errors import DataError
    from ssmtl.registry.plugins import Plugins
    from ssmtl.suite.cell import Cell
    from ssmtl.suite.suite_run import SuiteRun

app = typer.Typer(help="Compare methods: grids of runs, tables, significance, a report.", no_args_is_help=True)

SOME_FAILED = 3
"""Exit code of a suite with failed cells."""

SuiteFile = Annotated[
    Path,
    typer.Argument(
        metavar="SUITE", help="A suite file, or the name of a shipped one, such as smoke.", show_default=False
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FOLDER", parser=named_path, help="The suite's folder; by default runs/bench/NAME."),
]


@app.command("run")
def run(
    suite: SuiteFile,
    out: Out = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="PATTERN",
            help="Systems, by either name, or cells, such as 'enc*'; may be repeated.",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", metavar="NUMBER", min=1, help="Runs at a time; by default cores / the suite's threads."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the grid and the estimated time.")] = False,
    executor: Annotated[Literal["local", "ray"], typer.Option("--executor", help="Where cells run.")] = "local",
    address: Annotated[
        str | None,
        typer.Option("--address", metavar="ADDRESS", help="A Ray cluster, such as auto; by default Ray starts here."),
    ] = None,
    gpus: Annotated[
        float, typer.Option("--gpus", metavar="NUMBER", min=0, help="Ray: GPUs per cell, such as 0.5.")
    ] = 0.0,
    data_root: DataRoot = None,
    local: LocalPlugins = None,
) -> None:
    """Run a suite's unfinished cells, then write its rows, tables and report. Exit code 3: some cells failed."""
    from ssmtl.cli.bench_progress import following
    from ssmtl.cli.going_on import going_on
    from ssmtl.errors import DataError, SplitError
    from ssmtl.suite.executors import make_executor
    from ssmtl.suite.suite_run import run_cells
    from ssmtl.suite.work import Work

    console = Console()
    try:
        suite_run, plugins, folders = _open(suite, out, data_root, local)
    except DataError as error:
        if not dry_run or isinstance(error, SplitError):
            raise
        _plan_without_data(console, suite, data_root, local, error)
        return
    chosen = suite_run.chosen(only or ())
    todo = suite_run.unfinished(chosen)
    at_a_time = jobs or max(1, (os.cpu_count() or 1) // suite_run.suite.threads)
    if dry_run:
        _plan(console, suite_run, chosen, todo, at_a_time, plugins, folders)
        return
    where = make_executor(executor, at_a_time, suite_run.suite.threads, address, gpus)
    done = f"{len(chosen) - len(todo)} of {len(chosen)} cells are finished"
    if not todo and suite_run.is_reported():
        page = escape(str(suite_run.folder / "report.html"))
        console.print(f"{done}: nothing to do. Report [bold]{page}[/]", highlight=False)
        return
    suite_run.open()
    place, asked = escape(str(suite_run.folder)), suite_run.suite
    console.print(f"[bold]{asked.name}[/]: {done}; folder [bold]{place}[/]", highlight=False)
    if others := suite_run.no_longer_asked():
        console.print(f"not of this suite now, without rows: {counted(others, 'finished cell')}", highlight=False)
    work = [
        Work.of(cell, suite_run.folder, asked.threads, data_root, tuple(local or ()), asked.time_limit) for cell in todo
    ]
    steps = {cell.name: cell.recipe.train.steps for cell in todo}
    with going_on(), closing(where), following(console, suite_run.folder, steps) as shown:

        def ended(one: Work, well: bool) -> None:
            shown.ended(one, well)
            if well:
                suite_run.append_rows(one.cell)

        suite_run.write_rows()
        failures = run_cells(work, where, shown.started, ended, shown.idle) if work else 0
    page = escape(str(_write_pages(suite_run)))
    console.print(f"report [bold]{page}[/]", highlight=False, soft_wrap=True)
    if failures:
        failed = f"{counted(failures, 'cell')} failed"
        how = escape(_status_command(suite, out, data_root, local or ()))
        console.print(f"[red]{failed}; for the errors: {how}", highlight=False, soft_wrap=True)
        raise typer.Exit(SOME_FAILED)


@app.command("status")
def status(
    suite: SuiteFile,
    out: Out = None,
    data_root: DataRoot = None,
    local: LocalPlugins = None,
) -> None:
    """Count a suite's cells by status; show the progress of running ones and the errors of failed ones."""
    from ssmtl.cli.bench_progress import print_status

    suite_run, _, _ = _open(suite, out, data_root, local)
    print_status(Console(), suite_run)


@app.command("compare")
def compare(
    one: Annotated[str, typer.Argument(metavar="A", help="A system.", show_default=False)],
    other: Annotated[str, typer.Argument(metavar="B", help="Another system.", show_default=False)],
    folder: Annotated[Path, typer.Option("--suite", metavar="FOLDER", help="A suite's folder.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two systems of a suite at equal budgets: means, paired tests over seeds and over patients."""
    from ssmtl.cli.comparison_table import comparison_json, print_comparison
    from ssmtl.suite.checked_rows import check_rows
    from ssmtl.suite.compare import compare as compared
    from ssmtl.suite.results import read_results

    results = read_results(folder)
    check_rows(folder, results.rows, ())
    comparisons = compared(results, one, other)
    if as_json:
        typer.echo(comparison_json(results, comparisons))
    else:
        print_comparison(Console(), results, comparisons)


def _status_command(suite: Path, out: Path | None, data_root: Path | None, local: "Sequence[Path]") -> str:
    """The command that shows this suite's status, for a shell in this folder."""
    words = ["ssmtl", "bench", "status", str(suite)]
    for option, path in (("--out", out), ("--data-root", data_root), *(("--plugin", path) for path in local)):
        words += [option, str(path)] if path is not None else []
    return shlex.join(words)


def _open(
    suite: Path, out: Path | None, data_root: Path | None, local: list[Path] | None
) -> "tuple[SuiteRun, Plugins, Folders]":
    from ssmtl.contracts.folders import Folders
    from ssmtl.registry.plugins import load_plugins
    from ssmtl.suite.shipped_suites import find_suite
    from ssmtl.suite.suite_run import open_suite

    plugins, folders = load_plugins(local or ()), Folders(data_root)
    return open_suite(find_suite(suite), out, plugins, folders), plugins, folders


def _plan_without_data(
    console: Console, suite: Path, data_root: Path | None, local: list[Path] | None, why: "DataError"
) -> None:
    """Print the suite's grid alone."""
    from ssmtl.cli.bench_progress import print_grid
    from ssmtl.contracts.folders import Folders
    from ssmtl.registry.plugins import load_plugins
    from ssmtl.suite.grid import points_of
    from ssmtl.suite.shipped_suites import find_suite
    from ssmtl.suite.suite_file import read_suite

    file = find_suite(suite)
    points = points_of(read_suite(file), load_plugins(local or ()), Folders(data_root), file.parent)
    print_grid(console, points, points, {})
    console.print(
        f"{counted(len(points), 'cell')}. The data cannot be read, so neither their time nor what is finished is known:"
    )
    console.print(str(why), markup=False, highlight=False, soft_wrap=True)


def _write_pages(suite_run: "SuiteRun") -> Path:
    """Write rows, tables, figures and the report; returns the report's path."""
    from ssmtl.reports import write_suite_report
    from ssmtl.suite.tables import write_tables

    suite_run.write_rows()
    with suite_run.locked():
        write_tables(suite_run.folder)
        return write_suite_report(suite_run.folder)


def _plan(
    console: Console,
    suite_run: "SuiteRun",
    chosen: "list[Cell]",
    todo: "list[Cell]",
    jobs: int,
    plugins: "Plugins",
    folders: "Folders",
) -> None:
    from ssmtl.cli.bench_progress import duration, print_grid
    from ssmtl.suite.estimate import hours, seconds_per_step

    if not todo:
        console.print(f"0 of {counted(len(chosen), 'cell')} to run: all are finished", highlight=False)
        return
    with console.status("timing one step per system") as shown:
        steps = seconds_per_step(
            todo, plugins, folders, suite_run.suite.threads, lambda name: shown.update(f"timing one step of {name}")
        )
    print_grid(console, chosen, todo, steps)
    console.print(
        f"{len(todo)} of {counted(len(chosen), 'cell')} to run, {jobs} at a time with "
        f"{counted(suite_run.suite.threads, 'thread')} each: about {duration(3600 * hours(todo, steps, jobs))} for the "
        "training steps, not counting startup, validation and evaluation.",
        highlight=False,
    )
