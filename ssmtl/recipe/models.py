"""The recipe as frozen models that forbid unknown keys: what the YAML file may contain."""

import hashlib
import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationInfo, field_validator, model_validator

from ssmtl.contracts.norm import Norm
from ssmtl.recipe.components import BalancerEntry, Component, OneOrSeveral, RecipePart, StrategyEntry, as_component
from ssmtl.recipe.image import ImageSpec, Normalize
from ssmtl.recipe.init import Init
from ssmtl.recipe.source_entry import SourceEntry as SourceEntry
from ssmtl.recipe.training import Optimizer, Schedule, Train


def checked_names(named: dict[str, Any]) -> dict[str, Any]:
    """The same names, checked because they become parts of file names."""
    for name in named:
        if not name or len(name) > 60 or not all(character.isalnum() or character in "_-" for character in name):
            raise ValueError(f"the name {name!r:.80} should consist of up to 60 letters, digits, '_' and '-'")
    return named


class TaskSpec(RecipePart):
    """One task.

    :param labeled: how many images of the train part keep labels: a number, a share, `all`, or a number per class.
    :param unlabeled_from: sources whose training images are the unlabelled pool, the others' without what is known of
        them; by default, the task's own.
    :param unlabeled_includes_labeled: whether the unlabelled pool holds the labelled images too, as in FixMatch.
    :param unlabeled_batch: unlabelled rows per step; by default as many as labelled ones.
    :param augment: by the name that strategies ask for: an augmentation, or several, one after another.
    :param evaluate_on: domain name to source name; a task's own source stands for its test part.
    :param normalize: set if this task's images are normalised differently from what `image` says.
    :param disjoint_from: another task, with which this one must share no patient.
    """

    source: str
    labeled: NonNegativeInt | Annotated[float, Field(gt=0, le=1)] | Literal["all"] | dict[str, NonNegativeInt] = "all"
    unlabeled_from: list[str] = []
    unlabeled_includes_labeled: bool = True
    batch: PositiveInt = 10
    unlabeled_batch: PositiveInt | None = None
    disjoint_from: str | None = None
    evaluate_on: dict[str, str] = {}
    bridge: Component | None = None
    head: Component
    normalize: Normalize | None = None
    augment: dict[str, OneOrSeveral] = {}
    strategies: Annotated[list[StrategyEntry], Field(min_length=1)]
    metrics: list[str | Component] = []

    @property
    def pool_sources(self) -> list[str]:
        """The sources whose training images are the unlabelled pool."""
        return self.unlabeled_from or [self.source]

    @property
    def other_sources(self) -> list[str]:
        """Those of them that are not the task's own."""
        return [source for source in self.pool_sources if source != self.source]

    @property
    def includes_labeled(self) -> bool:
        """Whether labelled images are in the unlabelled pool."""
        return self.unlabeled_includes_labeled and self.source in self.pool_sources

    def strategy_names(self) -> list[str]:
        """Of each strategy, numbered from the second on if the task has several of one kind: mixmatch, mixmatch#2."""
        used = [entry.use for entry in self.strategies]
        counts = [used[: place + 1].count(name) for place, name in enumerate(used)]
        return [name if count == 1 else f"{name}#{count}" for name, count in zip(used, counts, strict=True)]

    def augmentations(self, name: str) -> Iterator[tuple[str, Component]]:
        """The augmentations of one name, in the order in which an image passes through them, each with its place."""
        given = self.augment[name]
        if isinstance(given, Component):
            yield f"augment.{name}", given
        else:
            yield from ((f"augment.{name}.{number}", one) for number, one in enumerate(given))

    def components(self) -> Iterator[tuple[str, str, Component]]:
        """Every component of the task: its place, its kind, and itself."""
        yield "head", "head", self.head
        if self.bridge is not None:
            yield "bridge", "bridge", self.bridge
        for name in self.augment:
            yield from ((place, "augmentation", augmentation) for place, augmentation in self.augmentations(name))
        for number, strategy in enumerate(self.strategies):
            yield f"strategies.{number}", "strategy", strategy
        for number, metric in enumerate(self.metrics):
            yield f"metrics.{number}", "metric", as_component(metric)

    @field_validator("evaluate_on")
    @classmethod
    def _domains(cls, named: dict[str, str]) -> dict[str, str]:
        return checked_names(named)

    @field_validator("labeled", mode="before")
    @classmethod
    def _labeled(cls, value: object) -> object:
        counts = isinstance(value, dict) and value and all(type(n) is int and n >= 0 for n in value.values())
        share = type(value) is float and 0 < value <= 1
        if not (counts or share or value == "all" or (type(value) is int and value > 0)):
            raise ValueError("should be a number of images, a share between 0 and 1, 'all', or a number for each class")
        return value


class Recipe(RecipePart):
    """A whole experiment.

    :param plugins: Python files that implement hooks, beside the recipe; they need `--allow-local-plugins`.
    :param folds: into how many the patients of each source that is trained on are divided; `ssmtl run` trains once for
        each, with that fold as the test part. :param fold: one of them, from 1, by itself.
    :param init: the folder of a finished run with whose best weights training begins, where their names and
        shapes fit; `{run: RUN, weights: last}` takes its last ones.
    :param norm: what every 2D batch, instance and group normalisation of backbone, heads and bridges becomes; null: as
        they are.
    :param trackers: programs that the run's curves are copied to; they change no number, and do not identify the run.
    """

    name: Annotated[str, Field(min_length=1, max_length=100)]
    seed: NonNegativeInt = 0
    image: ImageSpec = ImageSpec()
    sources: dict[str, SourceEntry]
    split: str | None = None
    folds: Annotated[int, Field(ge=2, le=100)] | None = None
    fold: PositiveInt | None = None
    init: Annotated[str, Field(min_length=1)] | Init | None = None
    plugins: list[str] = []
    backbone: Component
    norm: Norm | None = None
    tasks: Annotated[dict[str, TaskSpec], Field(min_length=1)]
    balancer: BalancerEntry = BalancerEntry(use="fixed")
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    train: Train = Train()
    trackers: list[str | Component] = []

    @field_validator("init")
    @classmethod
    def _init(cls, init: str | Init | None) -> str | Init | None:
        return init.run if isinstance(init, Init) and init.weights == "best" else init

    @field_validator("folds")
    @classmethod
    def _folds(cls, folds: int | None, others: ValidationInfo) -> int | None:
        if folds is not None and others.data.get("split") is not None:
            raise ValueError("is given beside 'split'; expected one of them")
        return folds

    @field_validator("fold")
    @classmethod
    def _fold(cls, fold: int | None, others: ValidationInfo) -> int | None:
        folds = others.data.get("folds")
        if fold is not None and folds is None:
            raise ValueError("should have 'folds' beside it")
        if fold is not None and folds is not None and fold > folds:
            raise ValueError(f"should be a number from 1 to {folds}")
        return fold

    @property
    def test_fold(self) -> tuple[int, int] | None:
        """Which fold is tested, from 1, of how many; of all of them, the first."""
        return None if self.folds is None else (self.fold or 1, self.folds)

    @model_validator(mode="after")
    def _channels(self) -> "Recipe":
        for name, task in self.tasks.items():
            for key in ("mean", "std") if task.normalize else ():
                if len(getattr(task.normalize, key)) not in (1, self.image.channels):
                    raise ValueError(f"'{key}' of tasks.{name}.normalize should have one value, or one per channel")
        return self

    @field_validator("tasks", "sources")
    @classmethod
    def _names(cls, named: dict[str, Any]) -> dict[str, Any]:
        return checked_names(named)

    def balanced(self, task: str, strategy: str) -> str:
        """Under which name the balancer gets a strategy's loss: that of its task, or 'task.strategy'."""
        return task if self.balancer.over == "tasks" else f"{task}.{strategy}"

    def balanced_names(self) -> tuple[str, ...]:
        """The names of all losses that the balancer gets, in order."""
        names = ((task, name) for task, spec in self.tasks.items() for name in spec.strategy_names())
        return tuple(dict.fromkeys(self.balanced(task, name) for task, name in names))

    def components(self) -> Iterator[tuple[str, str, Component]]:
        """Every component: its place, its kind, and itself."""
        yield "backbone", "backbone", self.backbone
        yield "balancer", "balancer", self.balancer
        for name, source in self.sources.items():
            yield f"sources.{name}", "source", source
        for name, task in self.tasks.items():
            yield from ((f"tasks.{name}.{place}", kind, component) for place, kind, component in task.components())

    def content(self, *, every_key: bool = False) -> dict[str, Any]:
        """The recipe as plain data, with every default filled in, but for keys that it once did not have: what is
        hashed.

        :param every_key: these too.
        """
        content = self.model_dump(mode="json")
        if every_key:
            return content
        for source in content["sources"].values():
            if source["portion"] is None:
                del source["portion"]
        for part, key, unset in (("image", "fit", "stretch"), ("train", "early_stopping", None)):
            if content[part][key] == unset:
                del content[part][key]
        added = ("init", "folds", "fold", "trackers", "norm")
        return {key: value for key, value in content.items() if key not in added or value not in (None, [])}

    def digest(self) -> str:
        """A hash of the resolved recipe without its trackers."""
        content = self.model_copy(update={"trackers": []}).content()
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
