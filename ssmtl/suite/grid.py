"""From a suite to its cells. Data is listed, as a cell's name depends on its split; nothing is decoded or trained."""

import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from ssmtl.contracts.folders import Folders
from ssmtl.contracts.head import Output
from ssmtl.errors import Problem, RecipeError, nearest, warn
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.task import Task
from ssmtl.recipe.defaults import resolved
from ssmtl.recipe.load import RecipeText, read
from ssmtl.recipe.models import Recipe
from ssmtl.registry.plugins import Plugins
from ssmtl.runs.code_version import code_version
from ssmtl.runs.trackers import check_trackers
from ssmtl.suite.asked import check_asked, check_shared
from ssmtl.suite.cell import Cell, Point
from ssmtl.suite.digests import SplitDigests
from ssmtl.suite.suite_file import Grid, Settings, Suite, Variant

MISSPELT = 0.8
"""How alike two names are, from 0 to 1, of which one is taken for the other misspelt."""


def points_of(suite: Suite, plugins: Plugins, folders: Folders, beside: Path) -> list[Point]:
    """Every run that the suite asks for, in the order of its grids, without a look at the data.

    :raises RecipeError: for an invalid recipe, naming the system.
    """
    maker = Maker(suite, plugins, folders, beside)
    maker.check_tasks()
    points = [
        Point(system, Path(sources).stem, budgets, seed, maker.recipe(system, sources, budgets, seed))
        for grid in suite.grids
        for system, sources, budgets, seed in maker.points(grid)
    ]
    check_shared(suite, points)
    return list({(one.system, one.sources, one.budget_text, one.seed): one for one in points}.values())


def cells_of(suite: Suite, plugins: Plugins, folders: Folders, beside: Path) -> list[Cell]:
    """Every cell of the suite once, in the order of its grids.

    :param beside: folder of the suite file, searched first for recipes and sources files.
    :raises RecipeError: for a recipe that cannot be run, naming the system.
    :raises DataError: for missing data, or a budget larger than the data set.
    """
    maker = Maker(suite, plugins, folders, beside)
    maker.check_tasks()
    cells: dict[str, Cell] = {}
    for grid in suite.grids:
        for point in maker.points(grid):
            cell = maker.cell(*point)
            cells.setdefault(cell.name, cell)
    check_asked(suite, maker.found)
    check_shared(suite, cells.values())
    _tell_twins(cells.values())
    return list(cells.values())


def _tell_twins(cells: Iterable[Cell]) -> None:
    """Warn of runs of two systems that differ in their names alone: where both are compared, both are counted."""
    known: dict[tuple[str, str, str], str] = {}
    told = set()
    for cell in cells:
        own = cell.recipe.model_copy(update={"name": ""}).digest(), cell.split_hash, cell.code
        first = known.setdefault(own, cell.system)
        if first != cell.system and (first, cell.system) not in told:
            told.add((first, cell.system))
            where = f" at {cell.budget_text}" if cell.budgets else ""
            warn(f"'{first}' and '{cell.system}' are the same run under two names{where}")


class Maker:
    """Makes cells; caches what they share: a system's tasks and outputs, and what `SplitDigests` keeps."""

    def __init__(self, suite: Suite, plugins: Plugins, folders: Folders, beside: Path) -> None:
        self.suite, self.plugins, self.folders, self.beside = suite, plugins, folders, beside
        self.tasks: dict[tuple[str, str], list[str]] = {}
        self.outputs: dict[tuple[str, str], dict[str, Output]] = {}
        self.found: dict[str, dict[str, Task]] = {}
        """By system, its tasks."""
        self.digests = SplitDigests(plugins, folders)
        self.recipes: dict[tuple[str, str, str], Recipe] = {}
        self.codes: dict[tuple[str, str], str] = {}

    def check_tasks(self) -> None:
        """Of budgets and settings for a task that no system has, which change nothing.

        :raises RecipeError: if its name is nearly that of a task. Otherwise it is a warning: the file may be for more.
        """
        own = {
            system: {task for sources in grid.sources or self.suite.sources for task in self._tasks(system, sources)}
            for grid in self.suite.grids
            for system in grid.systems
        }
        every = set().union(*own.values())
        asked = [("set", _tasks_of(self.suite.set), every)]
        for number, grid in enumerate(self.suite.grids):
            asked.append((f"grids.{number}.budgets", [*grid.budgets], set().union(*(own[one] for one in grid.systems))))
        asked += [(f"variants.{name}.set", _tasks_of(one.set), own[name]) for name, one in self.suite.variants.items()]
        problems = []
        for where, tasks, known in asked:
            for task in (task for task in tasks if task not in known):
                problem = Problem(f"{where}: {task}", "no system that it is for has such a task", nearest(task, known))
                if difflib.get_close_matches(task, known, 1, MISSPELT):
                    problems.append(problem)
                else:
                    warn(f"{problem}, so that it changes nothing")
        if problems:
            raise RecipeError(problems)

    def points(self, grid: Grid) -> Iterator[tuple[str, str, dict[str, Any], int]]:
        """System, sources, budgets (of the tasks that the system has) and seed of each cell, in order."""
        seeds = self.suite.seeds if grid.seeds is None else grid.seeds
        for sources in grid.sources or self.suite.sources:
            for system in grid.systems:
                tasks = [task for task in self._tasks(system, sources) if task in grid.budgets]
                for counts in product(*(grid.budgets[task] for task in tasks)):
                    for seed in seeds:
                        yield system, sources, dict(zip(tasks, counts, strict=True)), seed

    def cell(self, system: str, sources: str, budgets: Mapping[str, Any], seed: int) -> Cell:
        recipe = self.recipe(system, sources, budgets, seed)
        split, data = self.digests.of(recipe, self._outputs(system, sources, recipe))
        code = self._code(system, sources, recipe)
        key = hashlib.sha256(f"{recipe.digest()} {split} {data} {code}".encode()).hexdigest()[:8]
        counts = ["-".join(str(count) for count in budgets.values())] if budgets else []
        name = "_".join([system, *counts, Path(sources).stem, f"s{seed}", key])
        return Cell(system, Path(sources).stem, budgets, seed, recipe, split, data, code, name)

    def _read(self, system: str, sources: str, overrides: Sequence[str] = (), seed: int = 0) -> dict[str, Any]:
        chosen = self.suite.variants.get(system) or Variant(recipe=system)
        recipe, beside = self._beside(chosen.recipe), self._beside(sources)
        file = f"{chosen.recipe}.yaml"
        if recipe not in self.plugins["recipe"] and not Path(recipe).is_file() and (self.beside / file).is_file():
            raise RecipeError([Problem(recipe, f"no shipped recipe; the file beside the suite is '{file}'")])
        try:
            return read(recipe, self.plugins["recipe"], sources=beside, overrides=overrides, seed=seed).content
        except RecipeError as error:
            own = f"variants.{system}.recipe" if system in self.suite.variants else "grids"
            where = f"suite {self.suite.name}: {own}: {recipe}"
            named = [replace(one, where=where) if one.where == recipe else one for one in error.problems]
            raise RecipeError(named) from error

    def _tasks(self, system: str, sources: str) -> list[str]:
        """The names of the system's tasks."""
        if (system, sources) not in self.tasks:
            self.tasks[system, sources] = list(self._read(system, sources).get("tasks") or ())
        return self.tasks[system, sources]

    def _beside(self, name: str) -> str:
        return str(self.beside / name) if (self.beside / name).is_file() else name

    def _code(self, system: str, sources: str, recipe: Recipe) -> str:
        """The code version, which no budget and no seed changes."""
        if (system, sources) not in self.codes:
            self.codes[system, sources] = code_version(self.plugins, recipe)
        return self.codes[system, sources]

    def recipe(self, system: str, sources: str, budgets: Mapping[str, Any], seed: int) -> Recipe:
        """Read once for all seeds."""
        key = system, sources, json.dumps(budgets)
        if key not in self.recipes:
            self.recipes[key] = self._recipe(system, sources, budgets, seed)
        return self.recipes[key].model_copy(update={"seed": seed})

    def _recipe(self, system: str, sources: str, budgets: Mapping[str, Any], seed: int) -> Recipe:
        """The system's recipe with the suite's settings, its own, the budgets and its name applied, in this order."""
        variant = self.suite.variants.get(system)
        labeled = {f"tasks.{task}.labeled": count for task, count in budgets.items()}
        settings: list[Settings] = [self.suite.set, variant.set if variant else {}, labeled, {"name": system}]
        known = self._tasks(system, sources)
        overrides = [
            f"{key}={json.dumps(value)}"
            for one in settings
            for key, value in one.items()
            if not key.startswith("tasks.") or key.split(".")[1] in known
        ]
        text = RecipeText(self._read(system, sources, overrides, seed), f"system {system}")
        recipe = text.validated()
        if recipe.folds is not None and recipe.fold is None:
            what = "a suite's systems have one test part each"
            raise RecipeError([Problem(text.place("folds"), what, "leave it out, or set fold too")])
        if recipe.init is not None:
            raise RecipeError([Problem(text.place("init"), "a suite's systems all begin anew", "leave it out")])
        if problems := check_trackers(recipe, self.plugins):
            raise RecipeError([replace(one, where=text.place(one.where)) for one in problems])
        return resolved(recipe, self.plugins)

    def _outputs(self, system: str, sources: str, recipe: Recipe) -> dict[str, Output]:
        if (system, sources) not in self.outputs:
            experiment = assemble(recipe, self.plugins, f"system {system}", pretrained=False)
            self.outputs[system, sources] = {task.name: task.output for task in experiment.tasks}
            self.found[system] = {task.name: task for task in experiment.tasks}
        return self.outputs[system, sources]


def _tasks_of(settings: Settings) -> list[str]:
    """The tasks that settings name, once each."""
    return list(dict.fromkeys(key.split(".")[1] for key in settings if key.startswith("tasks.")))
