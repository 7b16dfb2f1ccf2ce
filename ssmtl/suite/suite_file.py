"""The models of a suite's YAML file: frozen, and without unknown keys."""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    model_validator,
)

from ssmtl.errors import Problem, RecipeError, nearest
from ssmtl.json_file import FileModel
from ssmtl.recipe import yaml_file
from ssmtl.validation_errors import problems_of


def _budget(value: object) -> object:
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else 0
    if value == "all" or 0 < number < 1 or (isinstance(number, int) and number > 0):
        return value
    raise ValueError("should be a number of images, a share between 0 and 1, or 'all'")


Budget = Annotated[PositiveInt | Annotated[float, Field(gt=0, lt=1)] | Literal["all"], BeforeValidator(_budget)]
Settings = dict[str, Any]
"""Dotted recipe keys, as for `--set`, and their values. Keys of a task apply to the systems that have it."""

RECORD = "suite.json"
"""Marks a suite's folder."""


class SuitePart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Variant(SuitePart):
    """A system that is a recipe with its own settings."""

    recipe: str
    set: Settings = {}


class Grid(SuitePart):
    """Systems × budgets × seeds × sources.

    :param budgets: labelled images by task; every combination, each system with the tasks that it has.
    :param seeds, sources: override the suite's.
    """

    systems: Annotated[list[str], Field(min_length=1)]
    budgets: dict[str, Annotated[list[Budget], Field(min_length=1)]] = {}
    seeds: list[NonNegativeInt] | None = None
    sources: list[str] | None = None


class Compare(SuitePart):
    """What is tested for significance: one system against others, for each task in the given metrics.

    Each entry is one question, and p-values are corrected for the number of tests within it. Entries with the same
    words are one question.

    :param question: its words in tables.
    :param domains: by task; every domain of a task that is not named.
    :param budgets: labelled images by task; every budget of a task that is not named.
    """

    question: str = ""
    system: str
    against: dict[str, list[str]]
    metrics: dict[str, list[str]]
    domains: dict[str, Annotated[list[str], Field(min_length=1)]] = {}
    budgets: dict[str, Annotated[list[Budget], Field(min_length=1)]] = {}


class Suite(SuitePart):
    """A grid of runs.

    :param sources: sources files, or names of shipped ones.
    :param set: settings of every system.
    :param threads: of one run on a CPU. The last digit of a sum depends on their number, so the suite fixes it, not
        the machine.
    :param time_limit: seconds after which a cell is ended and counts as failed; None for no limit.
    :param variants: systems that differ from the recipe of their name.
    :param names: of systems in tables.
    :param reference: a CSV file of published numbers, relative to the suite file.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=60)]
    title: str = ""
    note: str = ""
    sources: Annotated[list[str], Field(min_length=1)] = ["phantom"]
    seeds: Annotated[list[NonNegativeInt], Field(min_length=1)] = [0]
    threads: PositiveInt = 1
    time_limit: Annotated[float, Field(gt=0)] | None = None
    set: Settings = {}
    variants: dict[str, Variant] = {}
    grids: Annotated[list[Grid], Field(min_length=1)]
    names: dict[str, str] = {}
    compare: list[Compare] = []
    reference: str | None = None

    @property
    def systems(self) -> list[str]:
        """Each system once, in the order of the grids."""
        return list(dict.fromkeys(system for grid in self.grids for system in grid.systems))

    @model_validator(mode="after")
    def _folders(self) -> "Suite":
        for system in self.systems:
            if not re.fullmatch(r"\w[\w.-]{0,60}", system):
                raise ValueError(
                    f"grids: the system {system!r:.80} should be made of letters, digits, '_', '-' and '.'; "
                    "for a recipe in a folder, give the system a name under 'variants', with 'recipe'"
                )
        return self

    @model_validator(mode="after")
    def _named(self) -> "Suite":
        compared = [
            name
            for one in self.compare
            for name in (one.system, *(other for others in one.against.values() for other in others))
        ]
        for key, named in (("variants", self.variants), ("names", self.names), ("compare", compared)):
            for name in named:
                if name not in self.systems:
                    raise ValueError(f"{key}: no grid has a system '{name}' (the grids have {_some(self.systems)})")
        return self

    @model_validator(mode="after")
    def _told_apart(self) -> "Suite":
        shown: dict[str, str] = {}
        for system in self.systems:
            name = self.names.get(system, system)
            if name in shown or (name != system and name in self.systems):
                other = shown.get(name, name)
                raise ValueError(f"names.{system}: '{name}' is the name of '{other}' too; give each its own")
            shown[name] = system
        return self

    @model_validator(mode="after")
    def _asked(self) -> "Suite":
        counts: dict[str, set[Budget]] = {}
        for grid in self.grids:
            for task, budgets in grid.budgets.items():
                counts.setdefault(task, set()).update(budgets)
        for number, asked in enumerate(self.compare):
            for key, known in (("metrics", asked.against), ("domains", asked.against), ("budgets", counts)):
                for task in getattr(asked, key):
                    if task not in known:
                        raise ValueError(
                            f"compare.{number}.{key}: the task '{task}' is not asked for ({nearest(task, known)})"
                        )
            for task, others in asked.against.items():
                if asked.system in others:
                    raise ValueError(f"compare.{number}.against.{task}: '{asked.system}' is compared with itself")
                if task not in asked.metrics:
                    raise ValueError(f"compare.{number}.metrics: none for the task '{task}', which 'against' names")
                for key, names in (("against", others), ("metrics", asked.metrics[task])):
                    if not names:
                        raise ValueError(f"compare.{number}.{key}.{task}: should have at least 1 item")
                    if twice := [name for place, name in enumerate(names) if name in names[:place]]:
                        raise ValueError(f"compare.{number}.{key}.{task}: '{twice[0]}' stands there twice")
            for task, budgets in asked.budgets.items():
                if unknown := sorted(str(count) for count in set(budgets) - counts[task]):
                    known_counts = ", ".join(sorted(map(str, counts[task])))
                    raise ValueError(
                        f"compare.{number}.budgets.{task}: {unknown[0]} is in no grid (there are {known_counts})"
                    )
        return self


def _some(names: list[str]) -> str:
    """Which of two spellings is the slip, a reader knows best: the names themselves, the first of many."""
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def read_suite(path: Path) -> Suite:
    """:raises RecipeError: with every error of form and where it is."""
    content = yaml_file.read_mapping(path)
    try:
        suite = Suite.model_validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        raise RecipeError(
            [Problem(f"{path}: {one.where}".rstrip(": "), one.what, one.hint) for one in problems_of(error, "", Suite)]
        ) from error
    if suite.reference is not None and not (path.parent / suite.reference).is_file():
        raise RecipeError([Problem(f"{path}: reference", f"no file {path.parent / suite.reference}")])
    return suite


class SuiteRecord(FileModel):
    """suite.json: what a suite's folder records about the suite, besides everything else in its file.

    :param systems: in the order of the grids. :param reference: an absolute path.
    """

    name: str
    title: str = ""
    note: str = ""
    names: dict[str, str] = {}
    systems: list[str]
    compare: list[Compare] = []
    reference: str | None = None


def record_of(suite: Suite, path: Path) -> SuiteRecord:
    """:param path: of the suite file."""
    reference = str((path.parent / suite.reference).resolve()) if suite.reference else None
    return SuiteRecord(**suite.model_dump(mode="json") | {"systems": suite.systems, "reference": reference})
