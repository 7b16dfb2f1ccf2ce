"""`ssmtl predict`."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from ssmtl.cli.loading import LocalPlugins, named_path

SOME_FAILED = 3
"""Exit code if some images could not be predicted."""


def predict(
    what: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN... IMAGE",
            parser=named_path,
            help="A run's folder, or several as an ensemble; then image files, folders, patterns, or CSV tables.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FOLDER", parser=named_path, help="Where predictions go.", show_default=False),
    ],
    overlays: Annotated[bool, typer.Option("--overlays", help="Also pictures of the boundaries on the image.")] = False,
    saliency: Annotated[bool, typer.Option("--saliency", help="Overlays with the decided class's saliency.")] = False,
    seg: Annotated[bool, typer.Option("--seg", help="Also a DICOM SEG for each DICOM image; extra 'seg'.")] = False,
    nifti: Annotated[bool, typer.Option("--nifti", help="Also masks as NIfTI; extra 'nifti'.")] = False,
    table: Annotated[
        Literal["csv", "parquet"], typer.Option("--format", help="Of the table; Parquet: extra 'parquet'.")
    ] = "csv",
    tta: Annotated[
        Literal["none", "shifts", "mirror"],
        typer.Option("--tta", help="Mean over moved or mirrored views; mirror exchanges left and right."),
    ] = "none",
    dropout: Annotated[
        int, typer.Option("--dropout", metavar="N", min=0, help="Mean and disagreement of N passes with dropout.")
    ] = 0,
    weights: Annotated[Literal["best", "last"], typer.Option("--weights", help="Which weights to load.")] = "best",
    decide: Annotated[
        Literal["stored", "usual", "youden", "sensitivity_80", "sensitivity_90", "sensitivity_95"],
        typer.Option("--decide", help="At which threshold, of those that the run chose on its validation images."),
    ] = "stored",
    raw: Annotated[bool, typer.Option("--raw", help="Without the temperature and the thresholds of the run.")] = False,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, mps ...")] = "auto",
    batch: Annotated[
        int, typer.Option("--batch-size", metavar="N", min=1, help="Images decoded ahead; it changes no number.")
    ] = 16,
    local: LocalPlugins = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Predict images with a trained run, or with several as an ensemble.

    Exit code 3: some images failed, see failed.csv. 75: stopped; the same command goes on.
    """
    from ssmtl.api.load import load
    from ssmtl.cli.progress_bar import progress_bar
    from ssmtl.errors import RunError
    from ssmtl.inference.files import Wanted
    from ssmtl.inference.folder import PredictJob, predict_into
    from ssmtl.inference.inputs import leading_runs, listed
    from ssmtl.inference.options import Options
    from ssmtl.registry.plugins import load_plugins
    from ssmtl.wording import counted

    console = Console(quiet=quiet)
    runs, inputs = leading_runs(what)
    for run in runs:
        run.check_not_own(out)
    plugins = load_plugins(local or ())
    images = listed(inputs, plugins, out)
    paths = [run.path for run in runs]
    model = load(paths, plugins=local or (), weights=weights, device=device, calibrated=not raw, decide=decide)
    said = "run" if len(runs) == 1 else f"ensemble of {len(runs)} runs"
    console.print(
        f"{said} [bold]{escape(', '.join(str(run.path) for run in runs))}[/], {counted(len(images), 'image')}, "
        f"on {model.device}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    for line in model.decides:
        console.print(escape(line), highlight=False, soft_wrap=True)
    wanted = Wanted(overlays or saliency, seg, nifti)
    job = PredictJob(model, images, out, Options(tta, saliency, dropout), wanted, table, batch)
    try:
        with ExitStack() as bars:
            outcome = predict_into(job, partial(progress_bar, console, ends=bars.callback))
    except OSError as error:
        place = f"{error.strerror or error}: {error.filename or out}"
        raise RunError(f"{place}; what is predicted stays, the same command goes on") from error
    earlier = f" ({outcome.before} of them before)" if outcome.before else ""
    console.print(
        f"predicted {counted(outcome.predicted, 'image')}{earlier}: [bold]{escape(str(outcome.table))}[/]",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    if outcome.failed:
        name, reason = next(iter(outcome.failed.items()))
        typer.echo(
            f"{counted(len(outcome.failed), 'image')} failed, listed in {out / 'failed.csv'}; the first: "
            + (reason if reason.startswith(name) or name in reason else f"{name}: {reason}"),
            err=True,
        )
        raise typer.Exit(SOME_FAILED)
