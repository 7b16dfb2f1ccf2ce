"""The runs of a trial, one for each seed: cells as a suite has them, and how far they have come."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean

from ssmtl.contracts.head import Output
from ssmtl.experiment.assemble import assemble
from ssmtl.runs.code_version import code_version
from ssmtl.runs.log import EVALUATED, last_step, read_log
from ssmtl.suite.cell import Cell, folder_of, outcome_of
from ssmtl.suite.digests import SplitDigests
from ssmtl.suite.work import PAUSED, Work
from ssmtl.tuning.searched_recipe import SearchedRecipe
from ssmtl.tuning.space_file import Space
from ssmtl.tuning.trial import Trial

COMMAND = ("ssmtl", "tune")
"""In the record of each run."""


@dataclass(frozen=True)
class Progress:
    """How far a trial's runs have come.

    :param reached: whether all are as far as they were to come. :param score: the mean over the runs of the best
        validation score so far; None if one has none. :param error: of a run that failed; empty: none did.
    """

    reached: bool
    score: float | None
    steps: int
    seconds: float
    error: str


class TrialRuns:
    """Makes the work of trials, and reads what came of it.

    :param folder: of the search. :param local: plugin files.
    """

    def __init__(
        self, searched: SearchedRecipe, space: Space, folder: Path, digests: SplitDigests,
        data_root: Path | None, local: Sequence[Path],
    ) -> None:  # fmt: skip
        self.searched, self.space, self.folder, self.digests = searched, space, folder, digests
        self.data_root, self.local = data_root, tuple(local)
        self.cells: dict[int, tuple[Cell, ...]] = {}

    @property
    def seeds(self) -> list[int]:
        """Of each trial's runs."""
        return self.space.seeds or [self.searched.recipe.seed]

    def cells_of(self, trial: Trial) -> tuple[Cell, ...]:
        """One for each seed.

        :raises RecipeError: if the trial's values together make no recipe. :raises DataError: as the data does.
        """
        if trial.number not in self.cells:
            self.cells[trial.number] = tuple(self._cells(trial))
        return self.cells[trial.number]

    def work(self, trial: Trial, until: int | None) -> list[Work]:
        """What is left to do until a step, or to the end."""
        return [
            replace(
                Work.of(cell, self.folder, self.space.threads, self.data_root, self.local, self.space.time_limit),
                until=until,
                tests=False,
                command=COMMAND,
            )
            for cell in self.cells_of(trial)
            if not _is_there(self.folder, cell.name, until)
        ]

    def progress(self, trial: Trial, until: int | None) -> Progress:
        """Read from the folders of the trial's runs."""
        names = [cell.name for cell in self.cells_of(trial)]
        noted = [outcome_of(self.folder, name) for name in names]
        scores = [self._score(name, until) for name in names]
        known = [score for score in scores if score is not None]
        return Progress(
            reached=all(_is_there(self.folder, name, until) for name in names),
            score=fmean(known) if len(known) == len(names) else None,
            steps=sum(last_step(folder_of(self.folder, name).log) for name in names),
            seconds=sum(one.seconds for one in noted),
            error=next((one.error for one in noted if one.status == "failed"), ""),
        )

    def code(self) -> str:
        """The code version of the searched recipe."""
        return code_version(self.searched.plugins, self.searched.recipe)

    def data(self) -> str:
        """A hash of the data."""
        return self.digests.of(self.searched.recipe, self.outputs)[1]

    def _score(self, cell: str, until: int | None) -> float | None:
        """The validation score of the weights that the run would keep if it ended here; it never reads a test image."""
        log = folder_of(self.folder, cell).log
        records = read_log(log) if log.is_file() else []
        scores = [
            float(one["score"])
            for one in records
            if one.get("event") == EVALUATED and one.get("part") == "validation" and one.get("score") is not None
            if until is None or one["step"] <= until
        ]
        if self.searched.recipe.train.select_by == "last":
            return scores[-1] if scores else None
        return max(scores, default=None)

    def _cells(self, trial: Trial) -> Iterator[Cell]:
        recipe = self.searched.of(trial.parameters, f"trial {trial.number}")
        code = code_version(self.searched.plugins, recipe)
        for seed in self.seeds:
            own = recipe.model_copy(update={"seed": seed})
            split, data = self.digests.of(own, self.outputs)
            key = hashlib.sha256(f"{own.digest()} {split} {data} {code}".encode()).hexdigest()[:8]
            yield Cell(recipe.name, "", {}, seed, own, split, data, code, f"{trial.number:04d}_s{seed}_{key}")

    @cached_property
    def outputs(self) -> dict[str, Output]:
        """Of the heads, by task; no parameter changes them."""
        experiment = assemble(self.searched.recipe, self.searched.plugins, self.searched.text.place, pretrained=False)
        return {task.name: task.output for task in experiment.tasks}


def _is_there(folder: Path, cell: str, until: int | None) -> bool:
    """Whether the run ended, or has trained until this step."""
    status = outcome_of(folder, cell).status
    paused = status == PAUSED and until is not None and last_step(folder_of(folder, cell).log) >= until
    return status in ("finished", "failed") or paused
