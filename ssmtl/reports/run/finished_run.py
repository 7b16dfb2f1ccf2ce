"""A run folder, read into memory: missing files are empty, damaged ones an error."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ssmtl.data.split_file import SplitFile
from ssmtl.errors import RecipeError, RunError
from ssmtl.evaluation.per_image import PerImage, read_per_image
from ssmtl.evaluation.stored_predictions import StoredPredictions, read_predictions
from ssmtl.recipe import yaml_file
from ssmtl.regular_file import read_text
from ssmtl.reports.domains import in_order
from ssmtl.runs.calibrate import calibration_of
from ssmtl.runs.files import Calibration, Environment, Results
from ssmtl.runs.folder import RunFolder, check_own
from ssmtl.runs.log import EVALUATED, STEP, read_log


@dataclass(frozen=True)
class FinishedRun:
    """The files of a run, finished or not.

    :param recipe: the text of recipe.yaml. :param results, split, environment: None if there is no such file.
    :param steps: the logged steps in metrics.jsonl, in order. :param evaluations: the evaluations in it.
    """

    folder: RunFolder
    results: Results | None
    recipe: str
    split: SplitFile | None
    environment: Environment | None
    steps: tuple[Mapping[str, Any], ...]
    evaluations: tuple[Mapping[str, Any], ...]
    per_image: PerImage
    predictions: tuple[StoredPredictions, ...]
    calibration: Calibration | None = None

    @classmethod
    def read(cls, path: Path) -> Self:
        """:raises RunError: if `path` is not a folder, or one of its files is damaged or not a regular file."""
        if not path.is_dir():
            raise RunError(f"{path}: not a run folder")
        check_own(path)
        folder = RunFolder(path)
        records = read_log(folder.log) if folder.log.is_file() else []
        return cls(
            folder=folder,
            results=folder.read_results() if folder.results.is_file() else None,
            recipe=read_text(folder.recipe, errors="replace") if folder.is_started else "",
            split=folder.read_split() if folder.split.is_file() else None,
            environment=folder.read_environment() if folder.environment.is_file() else None,
            steps=tuple(record for record in records if record.get("event") == STEP),
            evaluations=tuple(record for record in records if record.get("event") == EVALUATED),
            per_image=read_per_image(folder.per_image) if folder.per_image.is_file() else {},
            predictions=_predictions(folder),
            calibration=calibration_of(folder) if folder.calibration.is_file() and folder.results.is_file() else None,
        )

    @property
    def name(self) -> str:
        """The recipe's name, or else the folder's."""
        name = self.results.name if self.results else self._recipe_value("name")
        return str(name or self.folder.path.resolve().name)

    @property
    def seed(self) -> str:
        """The seed as text; '?' if unknown."""
        seed = self.results.seed if self.results else self._recipe_value("seed")
        return "?" if seed is None else str(seed)

    def class_names(self, task: str, count: int) -> list[str]:
        """`count` names of the task's classes or structures, numbered if the run has no names."""
        names = self.results.classes.get(task, []) if self.results else []
        return names if len(names) == count else [f"class {index}" for index in range(count)]

    def unit(self, task: str, metric: str) -> str:
        """The unit of the metric's values; empty for a share, or if unknown."""
        facts = self.results.metrics.get(task, {}).get(metric) if self.results else None
        return facts.unit if facts else ""

    def is_count(self, task: str, metric: str) -> bool:
        """Whether the metric counts something; False if unknown."""
        facts = self.results.metrics.get(task, {}).get(metric) if self.results else None
        return facts is not None and facts.is_count

    def bridge(self, task: str) -> str:
        """The name of the task's bridge; empty if it has none, or if unknown."""
        tasks = self._recipe_value("tasks")
        spec = tasks.get(task) if isinstance(tasks, dict) else None
        bridge = spec.get("bridge") if isinstance(spec, dict) else None
        return str(bridge.get("use", "")) if isinstance(bridge, dict) else ""

    def _recipe_value(self, key: str) -> Any:
        try:
            recipe = yaml_file.parse(self.recipe, str(self.folder.recipe))
        except RecipeError:
            return None
        return recipe.get(key) if isinstance(recipe, dict) else None


def _predictions(folder: RunFolder) -> tuple[StoredPredictions, ...]:
    """Tasks in the order of their files, domains in the usual order."""
    stored = [read_predictions(path) for path in sorted(folder.predictions.glob("*.npz"))]
    tasks = list(dict.fromkeys(item.task for item in stored))
    order = {domain: place for place, domain in enumerate(in_order(item.domain for item in stored))}
    return tuple(sorted(stored, key=lambda item: (tasks.index(item.task), order[item.domain])))
