"""A finished run folder, read into memory: what is missing is empty, what cannot be read is an error."""

import csv
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
import yaml
from numpy.typing import NDArray

from ssmtl.errors import RunError
from ssmtl.run_files import Results, Split, read_json

FIRST_DOMAINS = ("in_domain", "cross_domain")


@dataclass(frozen=True)
class Predictions:
    """The arrays of one `predictions/TASK.DOMAIN.npz`."""

    task: str
    domain: str
    arrays: Mapping[str, NDArray[Any]]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.arrays[name]


@dataclass(frozen=True)
class FinishedRun:
    """What a run left behind.

    :param steps: the 'step' records of metrics.jsonl, in order. :param evaluations: its 'evaluated' records.
    :param per_image: (task, domain, metric) → a value per image; undefined ones are NaN.
    """

    folder: Path
    results: Mapping[str, Any]
    recipe: str
    split: Mapping[str, Any]
    environment: Mapping[str, Any]
    steps: tuple[Mapping[str, Any], ...]
    evaluations: tuple[Mapping[str, Any], ...]
    per_image: Mapping[tuple[str, str, str], tuple[float, ...]]
    predictions: tuple[Predictions, ...]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read `folder`.

        :raises RunError: if it is no folder, or one of its files is damaged.
        """
        if not folder.is_dir():
            raise RunError(f"{folder}: not a run folder")
        events = _events(folder / "metrics.jsonl")
        recipe = folder / "recipe.yaml"
        return cls(
            folder=folder,
            results=_checked(folder / "results.json", Results),
            recipe=recipe.read_text(encoding="utf-8", errors="replace") if recipe.is_file() else "",
            split=_checked(folder / "split.json", Split),
            environment=_mapping(folder / "environment.json"),
            steps=tuple(event for event in events if event.get("event") == "step"),
            evaluations=tuple(event for event in events if event.get("event") == "evaluated"),
            per_image=_per_image(folder / "per_image.csv"),
            predictions=_predictions(folder / "predictions"),
        )

    @property
    def name(self) -> str:
        """The recipe's name, else the folder's."""
        return str(self.results.get("name") or self._recipe_value("name") or self.folder.resolve().name)

    @property
    def seed(self) -> str:
        """The seed as text; '?' if no file tells."""
        seed = self.results.get("seed", self._recipe_value("seed"))
        return "?" if seed is None else str(seed)

    def class_names(self, task: str, count: int) -> list[str]:
        """`count` names of the task's classes or structures, numbered where the run does not name them."""
        names = [str(name) for name in self.results.get("classes", {}).get(task, [])]
        return names if len(names) == count else [f"class {index}" for index in range(count)]

    def _recipe_value(self, key: str) -> Any:
        try:
            recipe = yaml.safe_load(self.recipe)
        except yaml.YAMLError:
            return None
        return recipe.get(key) if isinstance(recipe, dict) else None


def in_order(domains: Iterable[str]) -> list[str]:
    """Each domain once: in_domain, cross_domain, then the others as they came."""
    found = list(dict.fromkeys(domains))
    first = [domain for domain in FIRST_DOMAINS if domain in found]
    return first + [domain for domain in found if domain not in first]


def number(value: object) -> float:
    """`value` as a float; NaN for null, text and all else that is no number."""
    if isinstance(value, int | float):
        return float(value)
    try:
        return float(str(value))
    except ValueError:
        return math.nan


def _checked(path: Path, form: type[Results | Split]) -> Mapping[str, Any]:
    return read_json(path, form) if path.is_file() else {}


def _mapping(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise RunError(f"{path}: a JSON object was expected")
    return content


def _events(path: Path) -> list[Mapping[str, Any]]:
    """The records of a JSON Lines file; a last line cut short by a killed run is left out."""
    if not path.is_file():
        return []
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    events: list[Mapping[str, Any]] = []
    for position, line in enumerate(lines, start=1):
        try:
            events.append(json.loads(line))
        except ValueError as error:
            if position < len(lines):
                raise RunError(f"{path}: line {position} is not valid JSON: {error}") from error
    return events


def _per_image(path: Path) -> Mapping[tuple[str, str, str], tuple[float, ...]]:
    if not path.is_file():
        return {}
    values: dict[tuple[str, str, str], list[float]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if missing := {"task", "domain", "metric", "value"} - set(reader.fieldnames or ()):
            raise RunError(f"{path}: no column {', '.join(sorted(missing))}")
        for row in reader:
            values.setdefault((row["task"], row["domain"], row["metric"]), []).append(number(row["value"]))
    return {key: tuple(column) for key, column in values.items()}


def _predictions(folder: Path) -> tuple[Predictions, ...]:
    found = []
    for path in sorted(folder.glob("*.npz")):
        task, _, domain = path.stem.partition(".")
        try:
            with np.load(path, allow_pickle=False) as archive:
                found.append(Predictions(task, domain, dict(archive)))
        except (BadZipFile, OSError, ValueError, EOFError) as error:
            raise RunError(f"{path}: cannot be read as predictions: {error}") from error
    tasks = list(dict.fromkeys(item.task for item in found))
    order = {domain: place for place, domain in enumerate(in_order(item.domain for item in found))}
    return tuple(sorted(found, key=lambda item: (tasks.index(item.task), order[item.domain])))
