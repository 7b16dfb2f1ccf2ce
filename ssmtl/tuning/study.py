"""A search: rounds of trials, from proposals to their ends. Nothing depends on how many runs train at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ssmtl.errors import DataError, RecipeError, RunError
from ssmtl.json_file import read_model, write_model
from ssmtl.recipe.differences import differences
from ssmtl.recipe.training import Train
from ssmtl.runs.folder import check_own
from ssmtl.runs.signals import StoppedError
from ssmtl.suite.executor import Executor
from ssmtl.suite.suite_run import run_cells
from ssmtl.suite.work import Work
from ssmtl.tuning.budget import next_round
from ssmtl.tuning.outputs import write_outputs
from ssmtl.tuning.proposals import proposals
from ssmtl.tuning.rungs import survivors
from ssmtl.tuning.space_file import Space
from ssmtl.tuning.trial import StudyRecord, Trial
from ssmtl.tuning.trial_runs import Progress, TrialRuns

RECORD = "study.json"
"""Marks a search's folder, and is all that it goes on from besides the runs themselves."""

EXTENDED = ("trials", "steps", "time_limit")
"""Keys of a space that may change when a search goes on."""


class StudyWatcher:
    """Who is told how a search comes along; tells nobody, unless a subclass does."""

    def began(self, folder: Path, record: StudyRecord) -> None:
        """When the folder is open. :param record: as it was left; without trials if the search is new."""

    def proposed(self, trials: Sequence[Trial], until: int) -> None:
        """A round begins, or goes on. :param until: steps of each run."""

    def started(self, work: Work) -> None:
        """A run begins."""

    def run_ended(self, work: Work, well: bool) -> None:
        """A run has ended, or paused."""

    def idle(self) -> None:
        """Several times a second."""

    def ended(self, trial: Trial, record: StudyRecord) -> None:
        """A trial has ended."""


class Study:
    """A search in its folder.

    :param rungs: the steps after which trials are compared. :param fresh: its record as it would begin now.
    """

    def __init__(self, space: Space, rungs: Sequence[int], train: Train, runs: TrialRuns, fresh: StudyRecord) -> None:
        self.space, self.rungs, self.train, self.runs = space, tuple(rungs), train, runs
        self.folder, self.fresh = runs.folder, fresh
        self.whole = train.steps * len(runs.seeds)

    @contextmanager
    def opened(self) -> Iterator[StudyRecord]:
        """Its record, new or as it was left; no other process can work on it meanwhile.

        :raises RunError: if another process does, or the folder is another search's or cannot be written.
        """
        check_place(self.folder)
        try:
            (self.folder / "cells").mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / ".lock")
            lock.acquire(timeout=0)
        except Timeout as error:
            raise RunError(f"another process searches in {self.folder}; wait for it, or give another --out") from error
        except OSError as error:
            raise RunError(f"the search's folder {self.folder} cannot be written: {error.strerror}") from error
        try:
            yield self._record()
        finally:
            lock.release()

    def _record(self) -> StudyRecord:
        path = self.folder / RECORD
        if not path.is_file():
            return self.fresh
        record = read_model(path, StudyRecord)
        other = [f"{part}: {value}" for part, value in self._differences(record)]
        if other:
            listed = "\n  ".join(other[:10])
            raise RunError(f"{self.folder} holds another search:\n  {listed}\nGive another --out")
        if [one.number for one in record.trials] != list(range(len(record.trials))):
            raise RunError(f"{path}: trials: should be numbered from 0; it was changed, or is damaged")
        for one in record.trials:
            if set(one.parameters) != set(self.space.parameters):
                raise RunError(f"{path}: trials.{one.number}.parameters: should be those of the space; it is damaged")
            for key, value in one.parameters.items():
                if not self.space.parameters[key].has(value):
                    place = f"{path}: trials.{one.number}.parameters.{key}"
                    raise RunError(f"{place}: {value!r:.80} is not in the space; it was changed, or is damaged")
        return record.model_copy(update={"space": self.fresh.space})

    def _differences(self, record: StudyRecord) -> Iterator[tuple[str, str]]:
        for part in ("recipe", "space"):
            for key, was, now in differences(getattr(record, part), getattr(self.fresh, part)):
                if part == "recipe" or key not in EXTENDED:
                    yield f"{part}.{key}", f"was {was}, is {now}"
        for part, what in (("code", "the code that can change a number"), ("data", "the data")):
            if getattr(record, part) != getattr(self.fresh, part):
                yield what, "changed since its first trial"

    def run(self, record: StudyRecord, executor: Executor, watcher: StudyWatcher) -> StudyRecord:
        """Until the budget is spent.

        :raises StoppedError: if a run was stopped by a signal, and not the search itself.
        """
        watcher.began(self.folder, record)
        while True:
            if all(one.ended for one in record.trials):
                count = next_round(self.space, record, self.whole)
                if count == 0:
                    self.save(record)
                    return record
                number, place = len(record.trials), record.trials[-1].round + 1 if record.trials else 0
                proposed = proposals(self.space, record.trials, count)
                record.trials += [
                    Trial(number=number + ahead, round=place, parameters=values)
                    for ahead, values in enumerate(proposed)
                ]
                self.save(record)
            self._round(record, executor, watcher)

    def save(self, record: StudyRecord) -> None:
        """study.json, and what is made from it."""
        write_model(self.folder / RECORD, record)
        write_outputs(self.folder, record, self.runs.searched)

    def _round(self, record: StudyRecord, executor: Executor, watcher: StudyWatcher) -> None:
        """The trials that run now, from comparison to comparison. Each comparison is recorded at once for all."""
        going = [one for one in record.trials if not one.ended]
        earlier = [one for one in record.trials if one.round < going[0].round]
        for until in (*self.rungs, None):
            if until is not None and str(until) in going[0].scores:
                continue
            watcher.proposed(going, until or self.train.steps)
            ended = self._advanced(going, until, executor, watcher)
            if until is not None:
                came = {one.number: one.scores[str(until)] for one in going if not one.ended}
                kept = survivors(self.space.pruner, came, until, earlier)
                for one in going:
                    if one.number in came.keys() - kept:
                        one.state, one.value, one.pruned_at = "pruned", came[one.number], until
                        ended.append(one)
            self.save(record)
            for one in sorted(ended, key=lambda trial: trial.number):
                watcher.ended(one, record)
            going = [one for one in going if not one.ended]
            if not going:
                return

    def _advanced(
        self, going: Sequence[Trial], until: int | None, executor: Executor, watcher: StudyWatcher
    ) -> list[Trial]:
        """Train these trials until a step, or to their ends; returns those that have ended."""
        ended, work = [], list[Work]()
        for trial in going:
            try:
                work += self.runs.work(trial, until)
                trial.runs = [cell.name for cell in self.runs.cells_of(trial)]
            except (RecipeError, DataError) as error:
                trial.state, trial.error = "failed", str(error)
                ended.append(trial)
        if work:
            run_cells(work, executor, watcher.started, watcher.run_ended, watcher.idle)
        for trial in going:
            if not trial.ended:
                self._take(trial, self.runs.progress(trial, until), until)
                ended += [trial] if trial.ended else []
        return ended

    def _take(self, trial: Trial, progress: Progress, until: int | None) -> None:
        if not progress.reached and not progress.error:
            raise StoppedError("a run was stopped by a signal, and saved; the same command goes on")
        trial.steps, trial.seconds = progress.steps, round(progress.seconds, 1)
        if progress.error or progress.score is None:
            trial.state, trial.error = "failed", progress.error or "validation gave no score"
        elif until is None:
            trial.state, trial.value = "finished", progress.score
        else:
            trial.scores = {**trial.scores, str(until): progress.score}


def check_place(folder: Path) -> None:
    """:raises RunError: if it is a file, holds a link, or is a folder of something else."""
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file; --out names the search's folder")
    check_own(folder)
    if folder.is_dir() and not (folder / RECORD).is_file():
        others = sorted({path.name for path in folder.iterdir()} - {"cells", "logs", ".lock"})
        if others:
            raise RunError(f"{folder} holds no search, but {others[0]}; give another --out, or an empty folder")
