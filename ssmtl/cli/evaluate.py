"""`ssmtl evaluate`."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from ssmtl.cli.loading import DataRoot, LocalPlugins, Sources, named_path


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source", metavar="[TASK=]NAME", help="Evaluate on this source of the sources file; may be repeated."
        ),
    ] = None,
    sources: Sources = None,
    weights: Annotated[Literal["best", "last"], typer.Option("--weights", help="Which weights to load.")] = "best",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", parser=named_path, help="Also write the results here, as JSON."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", parser=named_path, help="Also write a page with figures here (HTML)."),
    ] = None,
    data_root: DataRoot = None,
    local: LocalPlugins = None,
) -> None:
    """Evaluate a trained run again, on its own domains or on other sources: metrics with intervals over patients,
    calibration, the run's thresholds, subgroups of a table with columns such as sex, age, view or site, worst images.
    """
    from ssmtl.api.evaluate import evaluate as score
    from ssmtl.cli.assessment_tables import note_of, print_assessments
    from ssmtl.cli.tables import print_results
    from ssmtl.errors import RunError
    from ssmtl.json_file import write_model
    from ssmtl.output_file import check_output
    from ssmtl.runs.folder import RunFolder

    if out is not None:
        RunFolder(run).check_not_own(out)
        check_output(out, "--out", ".json")
    if report is not None:
        check_output(report, "--report", ".html")
    if out is not None and report is not None and out.absolute() == report.absolute():
        raise RunError(f"--out and --report both name {out}; expected two files")
    results = score(
        run, source or (), sources=sources, weights=weights, plugins=local or (), data_root=data_root, report=report
    )
    console = Console()
    print_results(console, results)
    console.print(note_of(results), highlight=False)
    print_assessments(console, results)
    if out is not None:
        write_model(out, results)
    if report is not None:
        console.print(f"report {report}", markup=False, highlight=False, soft_wrap=True)
