"""`ssmtl export`."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from ssmtl.cli.loading import LocalPlugins, named_path


def export(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="A run's folder, or several as an ensemble.", show_default=False),
    ],
    kind: Annotated[
        Literal["onnx", "torch"],
        typer.Option("--format", help="onnx: extra 'onnx'. torch: a program for torch.export.load."),
    ] = "onnx",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            parser=named_path,
            help="The file; by default named after the recipe, in this folder.",
        ),
    ] = None,
    maps: Annotated[
        bool, typer.Option("--maps", help="Also the maps that bridges give their heads, such as saliency.")
    ] = False,
    opset: Annotated[int | None, typer.Option("--opset", metavar="N", help="Version of ONNX's operations.")] = None,
    weights: Annotated[Literal["best", "last"], typer.Option("--weights", help="Which weights to load.")] = "best",
    local: LocalPlugins = None,
) -> None:
    """Write a trained network as one file that needs no ssmtl, and a model card beside it."""
    from ssmtl.api.export import export as write

    done = write(runs, out, format=kind, maps=maps, opset=opset, weights=weights, plugins=local or ())
    console = Console()
    console.print(
        f"exported [bold]{escape(str(done.path))}[/] ({done.path.stat().st_size / 1e6:.1f} MB): "
        f"images to {escape(', '.join(done.outputs))}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    console.print(
        f"within {done.difference:.1e} of PyTorch on 15 images; model card [bold]{escape(str(done.card))}[/]",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
