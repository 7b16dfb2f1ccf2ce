"""A recipe with `folds`: a run for each, and one page."""

from collections.abc import Callable
from pathlib import Path

from ssmtl.api.run_place import folder_of, reserved
from ssmtl.api.trained import TrainedFolds, TrainedRun
from ssmtl.api.watcher import Watcher
from ssmtl.errors import RunError
from ssmtl.json_file import read_model, write_model
from ssmtl.recipe.models import Recipe
from ssmtl.reports.folds import RECORD, FoldsRecord, fold_folder, write_folds_report
from ssmtl.runs.launched import launched
from ssmtl.runs.signals import StoppedError


def run_folds(
    recipe: Recipe, out: Path | None, resume: str | None, shown: Watcher, one: Callable[[int, Path], TrainedRun]
) -> TrainedFolds:
    """Train each fold, and write the page of them all.

    :param one: trains a fold, from 1, in a folder.
    :raises RunError: if the folder holds a run or folds, and is not to be resumed.
    """
    if launched(recipe.train):
        raise RunError("torchrun and Slurm start one fold at a time: give each its --set fold=NUMBER and --out")
    if resume is not None and (resume != "auto" or out is None):
        raise RunError("folds are resumed with --resume auto and --out, the folder of all folds")
    folder, new = folder_of(recipe, out, False)
    folder.check_free(holds=RECORD)
    record = folder.path / RECORD
    begun = record.exists()
    if resume is None and begun:
        raise RunError(
            f"{folder.path} already holds folds; go on with them with --resume auto, give another --out, or remove it"
        )
    assert recipe.folds is not None
    asked = FoldsRecord(name=recipe.name, seed=recipe.seed, folds=recipe.folds)
    if begun and (there := read_model(record, FoldsRecord)) != asked:
        raise RunError(
            f"{record} is of '{there.name}' with {there.folds} folds and seed {there.seed}, not of '{asked.name}' with "
            f"{asked.folds} and {asked.seed}; give another --out"
        )
    with reserved(folder, new) as place:
        try:
            return _all(asked, place.path, shown, one)
        except BaseException:
            if not begun and not list(place.path.glob("fold-*")):  # refused before anything was trained
                (place.path / RECORD).unlink(missing_ok=True)
            raise


def _all(asked: FoldsRecord, folder: Path, shown: Watcher, one: Callable[[int, Path], TrainedRun]) -> TrainedFolds:
    folder.mkdir(parents=True, exist_ok=True)
    write_model(folder / RECORD, asked)
    runs = []
    for number in range(1, asked.folds + 1):
        shown.fold_begins(number, asked.folds)
        try:
            runs.append(one(number, fold_folder(folder, number).path))
        except StoppedError as error:
            raise StoppedError(
                f"{error}; all folds go on with the same command and --out {folder} --resume auto"
            ) from error
    done = TrainedFolds(folder, tuple(runs), write_folds_report(folder))
    shown.folds_ended(asked.name, [run.results for run in runs])
    return done
