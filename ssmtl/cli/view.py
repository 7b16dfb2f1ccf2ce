"""`ssmtl view`."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from ssmtl.cli.loading import DataRoot, LocalPlugins


def view(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run's folder.", show_default=False)],
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="N",
            min=0,
            max=65535,
            help="By default 8765, or a free one if that is taken; 0: a free one.",
        ),
    ] = None,
    data_root: DataRoot = None,
    largest: Annotated[
        float, typer.Option("--max-upload", metavar="MIB", min=0.001, max=1024, help="Largest image file, in MiB.")
    ] = 20,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, mps ...")] = "auto",
    local: LocalPlugins = None,
) -> None:
    """Show a trained run in a browser on this machine: predict an image, browse the test images by error.

    Only this machine can reach it, and only with the address that is printed. Ctrl-C ends it.
    """
    from ssmtl.errors import RunError
    from ssmtl.runs.folder import RunFolder
    from ssmtl.runs.own_weights import check_finished

    try:
        from ssmtl.viewer.serve import bound, serve, viewer
    except ImportError as error:
        raise RunError(f"ssmtl view needs starlette and uvicorn: pip install 'ssmtl[view]' ({error})") from error
    folder = RunFolder(run)
    check_finished(folder, "best")
    with bound(port) as own:
        from ssmtl.api.load import load
        from ssmtl.contracts.folders import Folders
        from ssmtl.registry.plugins import load_plugins
        from ssmtl.viewer.upload import MIB

        model = load(run, plugins=local or (), device=device)
        shown = viewer(
            folder, model, load_plugins(local or ()), Folders(data_root), int(largest * MIB), "--debug" in sys.argv
        )
        console = Console()
        console.print(f"run [bold]{escape(str(run))}[/] on {model.device}", highlight=False, soft_wrap=True)
        for line in model.decides:
            console.print(escape(line), highlight=False, soft_wrap=True)

        def ready(address: str) -> None:
            console.print(f"[bold]{address}[/]", highlight=False, soft_wrap=True)
            console.print("Open this address in a browser on this machine. Ctrl-C ends the viewer.", soft_wrap=True)

        serve(shown, own, ready)
