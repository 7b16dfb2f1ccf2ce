"""`ssmtl tune`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from ssmtl.cli.going_on import going_on
from ssmtl.cli.loading import AllowLocal, DataRoot, LocalPlugins, Overrides, RecipeName, Sources, named_path

NONE_FINISHED = 3
"""Exit code of a search in which no trial finished."""


def tune(
    recipe: RecipeName,
    space: Annotated[
        Path, typer.Argument(metavar="SPACE", help="A YAML file: what is searched, and the budget.", show_default=False)
    ],
    sources: Sources = None,
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FOLDER", parser=named_path, help="The search's folder; by default runs/tune/RECIPE-SPACE."
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", metavar="NUMBER", min=1, help="Runs at a time; by default cores / the space's threads."
        ),
    ] = None,
    executor: Annotated[Literal["local", "ray"], typer.Option("--executor", help="Where runs train.")] = "local",
    address: Annotated[
        str | None,
        typer.Option("--address", metavar="ADDRESS", help="A Ray cluster, such as auto; by default Ray starts here."),
    ] = None,
    gpus: Annotated[
        float, typer.Option("--gpus", metavar="NUMBER", min=0, help="Ray: GPUs per run, such as 0.5.")
    ] = 0.0,
    data_root: DataRoot = None,
    local: LocalPlugins = None,
    allow: AllowLocal = False,
) -> None:
    """Search for the values of a recipe's options that are best on validation images, within a budget.

    The same command goes on with a search that was stopped. Exit code 3: no trial finished; 75: stopped, and saved.
    """
    import torch

    from ssmtl.api.tune import tune as start
    from ssmtl.cli.tune_display import showing

    torch.set_num_threads(1)  # for checks on tiny inputs; more would compete with the runs
    console = Console()
    with going_on(), showing(console) as shown:
        done = start(
            recipe,
            space,
            sources=sources,
            overrides=overrides or (),
            plugins=local or (),
            out=out,
            jobs=jobs,
            executor=executor,
            address=address,
            gpus=gpus,
            data_root=data_root,
            allow_local_plugins=allow,
            watcher=shown,
            command=sys.argv,
        )
    shown.print_end(done)
    if done.best is None:
        raise typer.Exit(NONE_FINISHED)
