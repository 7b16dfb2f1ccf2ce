"""`ssmtl run` of a recipe with `folds`: a run for each, and one page."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from ssmtl.recipe.models import Recipe
    from ssmtl.runs.folder import RunFolder


def all_folds(
    recipe: "Recipe", out: Path | None, resume: str | None, quiet: bool, sets: list[str], again: Callable[..., None]
) -> None:
    """`ssmtl run` of each fold, and the page of them all.

    :param again: `ssmtl run` of the recipe, for one fold.
    :raises RunError: if the folder holds a run or folds, and is not to be resumed.
    """
    from ssmtl.cli.run_folder import folder_for, reserved
    from ssmtl.errors import RunError
    from ssmtl.reports.folds import RECORD
    from ssmtl.runs.folder import RunFolder
    from ssmtl.runs.launched import launched

    if launched(recipe.train):
        raise RunError("torchrun and Slurm start one fold at a time: give each its --set fold=NUMBER and --out")
    if resume is not None and (resume != "auto" or out is None):
        raise RunError("folds are resumed with --resume auto and --out, the folder of all folds")
    folder, new = folder_for(recipe, out, False)
    folder.check_free()
    if resume is None and (folder.path / RECORD).exists():
        raise RunError(
            f"{folder.path} already holds folds; go on with them with --resume auto, give another --out, or remove it"
        )

    def one(number: int, own: RunFolder) -> None:
        again(overrides=[*sets, f"fold={number}"], out=own.path, resume=resume, quiet=quiet)

    with reserved(folder, new) as place:
        _run(recipe, place.path, Console(quiet=quiet), one)


def _run(recipe: "Recipe", folder: Path, console: Console, one: Callable[[int, "RunFolder"], None]) -> None:
    """:param one: runs a fold, from 1, in a folder."""
    from ssmtl.json_file import write_model
    from ssmtl.reports.folds import RECORD, FoldsRecord, fold_folder, read_folds, rows_of, spread, write_folds_report
    from ssmtl.runs.signals import StoppedError
    from ssmtl.suite.layout import head_of

    assert recipe.folds is not None
    folder.mkdir(parents=True, exist_ok=True)
    write_model(folder / RECORD, FoldsRecord(name=recipe.name, seed=recipe.seed, folds=recipe.folds))
    for number in range(1, recipe.folds + 1):
        console.print(f"[bold]fold {number} of {recipe.folds}[/]", highlight=False)
        try:
            one(number, fold_folder(folder, number))
        except StoppedError as error:
            raise StoppedError(
                f"{error}; all folds go on with the same command and --out {folder} --resume auto"
            ) from error
    _, results = read_folds(folder)
    table = Table(title=f"{escape(recipe.name)}: mean ± SD over {recipe.folds} folds", title_justify="left")
    for column in ("task", "domain", "metric"):
        table.add_column(column)
    table.add_column("mean ± SD", justify="right")
    for task, domain, metric, values in rows_of(results):
        mean, std = spread(values)
        facts = results[0].metrics.get(task, {}).get(metric)
        head = head_of(metric, facts.unit if facts else "")
        table.add_row(
            escape(task), escape(domain), escape(head), "–" if math.isnan(mean) else f"{mean:.3f} ± {std:.3f}"
        )
    console.print(table, highlight=False)
    page = write_folds_report(folder)
    console.print(f"report [bold]{escape(str(page))}[/]", highlight=False, soft_wrap=True)
