"""The runs below a folder, with what a table says of each; damaged ones too."""

import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ssmtl.errors import RunError, SsmtlError
from ssmtl.recipe import yaml_file
from ssmtl.recipe.differences import leaves
from ssmtl.runs.files import Environment, Results
from ssmtl.runs.folder import RunFolder, check_own
from ssmtl.runs.lock import is_locked
from ssmtl.runs.log import EVALUATED, last_step, read_log

FACTS = ("run", "recipe", "date", "seed", "steps", "planned", "state", "selected", "score")
"""Keys of what is no metric, in the order of the columns."""

State = Literal["finished", "unfinished", "running", "broken"]


@dataclass(frozen=True)
class ListedRun:
    """One run in a table.

    :param values: by key: `FACTS`, `test.TASK.DOMAIN.METRIC`, `validation.TASK.METRIC`, and every value of the recipe
        by its own key; without what is not known. :param problems: what is damaged; the state is then 'broken'.
    """

    path: Path
    values: Mapping[str, Any]
    problems: tuple[str, ...] = ()

    @property
    def metrics(self) -> list[str]:
        """The keys of its metrics: of the test parts, then of validation; the first of each task before the second."""
        kinds = ("test.", "validation.")
        keys = [key for key in self.values if key.startswith(kinds)]
        before: dict[str, int] = {}
        place = {}
        for key in keys:
            owner = key.rpartition(".")[0]
            place[key] = before[owner] = before.get(owner, -1) + 1
        return sorted(keys, key=lambda key: (not key.startswith("test."), place[key]))


def list_runs(folder: Path) -> list[ListedRun]:
    """Every run in the folder and below it, the oldest first.

    :raises RunError: if there is no such folder.
    """
    if not folder.is_dir():
        raise RunError(f"there is no folder {folder}; expected one with runs in it or below it")
    runs = [listed(path, folder) for path in _run_folders(folder)]
    return sorted(runs, key=lambda run: (str(run.values.get("date", "")), str(run.path)))


def _run_folders(folder: Path) -> Iterator[Path]:
    """Links are not followed; what lies inside a run is its own."""
    for place, folders, files in os.walk(folder):
        if {"recipe.yaml", "results.json", "metrics.jsonl"} & {*files, *folders}:
            folders.clear()
            yield Path(place)
        folders.sort()


def listed(path: Path, below: Path) -> ListedRun:
    """The run in `path`, damaged or not. :param below: its name is relative to this."""
    folder, problems = RunFolder(path), list[str]()

    def tried(read: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return read()
        except (SsmtlError, OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            problems.append(str(error).splitlines()[0])
            return otherwise

    name = os.path.relpath(path, below)
    values: dict[str, Any] = {"run": path.resolve().name if name == "." else name}
    tried(lambda: check_own(path), None)
    if not problems:
        results = tried(folder.read_results, None) if folder.results.exists() else None
        recipe = tried(lambda: _recipe(folder), {})
        made = tried(folder.read_environment, None) if folder.environment.exists() else None
        values |= tried(lambda: _facts(folder, recipe, made, results), {})
        values |= tried(lambda: _measured(results) if results else _so_far(folder), {})
        values |= {key: value for key, value in recipe.items() if key not in values}
    values["state"] = _state(folder, problems)
    return ListedRun(path, {key: value for key, value in values.items() if not _unknown(value)}, tuple(problems))


def _unknown(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _state(folder: RunFolder, problems: list[str]) -> State:
    if not folder.is_finished and is_locked(folder):
        problems.clear()  # its files are being written
        return "running"
    return "broken" if problems else "finished" if folder.is_finished else "unfinished"


def _recipe(folder: RunFolder) -> dict[str, Any]:
    if not folder.is_started:
        raise RunError(f"{folder.path} has no {folder.recipe.name}")
    return {str(key): value for key, value in leaves(yaml_file.read_mapping(folder.recipe))}


def _facts(
    folder: RunFolder, recipe: Mapping[str, Any], made: Environment | None, results: Results | None
) -> dict[str, Any]:
    return {
        "recipe": results.name if results else recipe.get("name"),
        "date": _date(folder, made),
        "seed": results.seed if results else recipe.get("seed"),
        "steps": results.steps if results else last_step(folder.log),
        "planned": recipe.get("train.steps"),
    }


def _date(folder: RunFolder, made: Environment | None) -> str:
    """When it was started, in UTC; of runs that did not record it, when their split was written."""
    if made is not None and made.started:
        return datetime.fromisoformat(made.started).astimezone(UTC).isoformat(timespec="seconds")
    written = folder.split if folder.split.exists() else folder.path
    return datetime.fromtimestamp(written.stat().st_mtime, UTC).isoformat(timespec="seconds")


def _measured(results: Results) -> dict[str, Any]:
    values: dict[str, Any] = {"selected": results.selected.step, "score": results.selected.score}
    for task, domains in results.tasks.items():
        for domain, metrics in domains.items():
            values |= {f"test.{task}.{domain}.{name}": value for name, value in metrics.items()}
    for task, metrics in results.validation.items():
        values |= {f"validation.{task}.{name}": value for name, value in metrics.items()}
    return values


def _so_far(folder: RunFolder) -> dict[str, Any]:
    """Of the best weights so far, from the log."""
    records = read_log(folder.log) if folder.log.exists() else []
    best = [one for one in records if one.get("event") == EVALUATED and one.get("best")]
    if not best:
        return {}
    metrics = {f"validation.{name}": value for name, value in best[-1]["values"].items()}
    return {"selected": best[-1]["step"], "score": best[-1]["score"], **metrics}
