"""`ssmtl bench cost`: what a training step costs, beside a plain reference."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ssmtl.cli.loading import named_path

if TYPE_CHECKING:
    from ssmtl.cost.stepper import Device

COLUMNS = {
    "way": "way",
    "seconds": "s a step",
    "ratio": "times as fast",
    "megabytes_peak": "MB",
    "gigaflops": "GFLOP",
    "share_of_matmul_rate": "rate",
}


def cost(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A shipped recipe, trained on the phantom.")
    ] = "multimix",
    size: Annotated[
        list[int] | None, typer.Option("--size", metavar="PIXELS", min=16, help="Of the images; may be repeated.")
    ] = None,
    rounds: Annotated[int, typer.Option("--rounds", metavar="NUMBER", min=1, help="Steps of each way, in turn.")] = 5,
    threads: Annotated[int, typer.Option("--threads", metavar="NUMBER", min=1, help="Of each process.")] = 2,
    gpu: Annotated[bool, typer.Option("--gpu", help="Take the steps on a GPU (CUDA).")] = False,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="As for ssmtl run; may be repeated.")
    ] = None,
    around: Annotated[
        bool,
        typer.Option(
            "--around",
            help="Time what is around the steps: check, start, end, augmentation, cache.",
        ),
    ] = False,
    images: Annotated[
        int, typer.Option("--images", metavar="NUMBER", min=1000, help="Of a start on many image files, in --around.")
    ] = 50_000,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", parser=named_path, help="Write the rows as CSV.")
    ] = None,
) -> None:
    """Time a recipe's training step against the same step taken plainly, each in a process of its own, in turn."""
    from ssmtl.atomic_file import write_text
    from ssmtl.cost.step_cost import step_costs
    from ssmtl.output_file import check_output

    console = Console()
    if out is not None:
        check_output(out, "--out")
    if around:
        _around(console, rounds, images, out)
        return
    device = _device(gpu)
    rows = []
    for pixels in size or (64,):
        with console.status(f"{pixels} pixels: {rounds} rounds"):
            found = step_costs(recipe, pixels, overrides or (), threads, device, rounds)
        console.print(_table(pixels, found))
        rows += found
    console.print(
        "Times as fast: the reference's time of a step over this one's, round by round: median [lowest, highest]. The "
        "reference passes each view through the whole network by itself and has PyTorch's own layers. MB: the highest "
        "memory. GFLOP counts convolutions and matrix products; rate: theirs, as a share of that of one large matrix "
        "product. The CSV has more columns: processor time, page faults, and the ratio with memory kept on both sides.",
        markup=False,
    )
    if out is not None:
        write_text(out, _csv(rows))


def _device(gpu: bool) -> "Device":
    """:raises RunError: if there is no GPU."""
    if not gpu:
        return "cpu"
    import torch

    from ssmtl.errors import RunError

    if not torch.cuda.is_available():
        raise RunError("--gpu: PyTorch finds no GPU (CUDA) on this machine")
    return "cuda"


def _around(console: Console, rounds: int, images: int, out: Path | None) -> None:
    from ssmtl.atomic_file import write_text
    from ssmtl.cost.around import around

    with console.status(f"{rounds} rounds"):
        rows = around(rounds, images)
    table = Table()
    for number, heading in enumerate(("what", "median", "quartiles", "unit")):
        table.add_column(heading, justify="right" if number in (1, 2) else "left")
    for row in rows:
        table.add_row(str(row["what"]), str(row["median"]), f"{row['low']} to {row['high']}", str(row["unit"]))
    console.print(table)
    if out is not None:
        write_text(out, _csv(rows))


def _table(pixels: int, rows: list[dict[str, str | float | int]]) -> Table:
    table = Table(title=f"{pixels} pixels", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, heading in enumerate(COLUMNS.values()):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        cells = [str(row[column]) for column in COLUMNS]
        cells[2] += f" [{row['ratio_low']:.2f}, {row['ratio_high']:.2f}]"
        table.add_row(*cells)
    return table


def _csv(rows: list[dict[str, str | float | int]]) -> str:
    from io import StringIO

    text = StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
