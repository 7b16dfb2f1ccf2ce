"""Who listens to the training: the first process validates, writes, saves and tells; the others train along."""

import time
from dataclasses import replace
from pathlib import Path

import torch

from ssmtl.checkpoint import Checkpoint, Checkpoints
from ssmtl.data.prepare import Prepared
from ssmtl.errors import RunError, warn
from ssmtl.events import CheckpointSaved, StepEnded
from ssmtl.keeper import Keeper
from ssmtl.learner import Learner, steps_an_epoch
from ssmtl.nonfinite import ids_of, save_batch
from ssmtl.notify import Notifier
from ssmtl.schedule import in_minutes, in_steps
from ssmtl.state import numbers_of, restore, tensors_of
from ssmtl.stopping import Stopping


class Other:
    """Listens in a process that writes nothing, but for the batch of a loss that is not finite."""

    def __init__(self, folder: Path, learner: Learner, asked: Stopping) -> None:
        self.folder, self.learner, self.asked = folder, learner, asked
        self.recipe = learner.experiment.recipe
        self.checkpoints = Checkpoints(folder, self.recipe.train.keep_checkpoints)
        self.skipped = 0

    def go_on(self) -> int:
        """Put back the state of the checkpoint that the first process chose, if any; the steps done."""
        found = self._chosen()
        done = self.learner.fabric.broadcast(found.step if found else 0)
        if done:
            found = found or self.checkpoints.at(done)
            restore(self.learner, found.tensors(), found.facts["numbers"])
            self.skipped = found.facts["skipped"]
        return int(done)

    def _chosen(self) -> Checkpoint | None:
        return None

    def step_ended(self, step: StepEnded) -> None:
        """Not told: the first process tells."""

    def evaluate(self, step: int) -> None:
        """Wait for the first process."""
        self.learner.fabric.barrier()

    def not_finite(self, step: int, broken: tuple[str, ...]) -> None:
        """Save the batch, and end or count.

        :raises RunError: if the recipe says `stop`, or too many were skipped.
        """
        train, data, shard = self.recipe.train, self.learner.data, self.learner.shard
        every = self.learner.experiment.tasks
        place = save_batch(self.folder, every, data, self.recipe.seed, step - 1, shard, broken)
        if train.on_nonfinite == "skip" and self.skipped < train.max_skipped:
            self.skipped += 1
            self._skip(step, broken, place)
            return
        self._end(step - 1)
        self.learner.fabric.barrier()
        tasks = [task for task in every if any(one.startswith(f"{task.name}.") for one in broken)] or every
        ids = {task.name: ids_of(task, data[task.name], self.recipe.seed, step - 1, shard) for task in tasks}
        images = "; ".join(
            f"{task} {pool}: {_some(found)}" for task, pools in ids.items() for pool, found in pools.items()
        )
        limit = f" after {train.max_skipped} skipped steps (train.max_skipped)" if train.on_nonfinite == "skip" else ""
        raise RunError(
            f"not finite in step {step}{limit}: {', '.join(broken)}. Images: {images}. The batch: {place}. "
            "Try a lower learning rate, train.clip: 1.0, or train.on_nonfinite: skip"
        )

    def _skip(self, step: int, broken: tuple[str, ...], place: Path) -> None:
        """Not told."""

    def _end(self, step: int) -> None:
        """Not saved."""

    def goes_on(self, step: int) -> bool:
        """Unless some process was asked to stop."""
        return not self.learner.agreed(self.asked.requested)


class First(Other):
    """Listens in the process that validates, writes, saves and tells."""

    def __init__(
        self, folder: Path, learner: Learner, prepared: Prepared, notify: Notifier, asked: Stopping, code: str
    ) -> None:
        super().__init__(folder, learner, asked)
        self.notify, self.journal = notify, notify.journal
        self.keeper = Keeper(folder, learner, notify)
        self.began = self.last_saved = time.monotonic()
        self.before = 0.0
        self.saved_step = 0
        every = self.recipe.train.checkpoint_every
        self.minutes = in_minutes(every)
        self.steps = None if self.minutes else in_steps(every, steps_an_epoch(learner))
        self.facts = {
            "recipe_hash": self.recipe.digest(),
            "data_fingerprints": dict(prepared.fingerprints),
            "code_version": code,
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
        }

    def seconds(self) -> float:
        """Of this process and of those before it."""
        return self.before + time.monotonic() - self.began

    def _chosen(self) -> Checkpoint | None:
        """The last whole one that the log reaches to. Log, best weights and time go back to it too."""
        for found in self.checkpoints.whole():
            try:
                self.journal.cut(found.facts["journal"])
            except RunError as error:
                warn(f"{error}; the checkpoint {found.folder} is passed over")
                continue
            self._warn_of_changes(found)
            self.checkpoints.put_back_best(found)
            self.keeper.restore(found.facts["best"])
            self.before, self.saved_step = found.facts["seconds"], found.step
            return found
        self.journal.cut(0)
        return None

    def _warn_of_changes(self, found: Checkpoint) -> None:
        for name in ("code_version", "torch", "threads"):
            if found.facts[name] != self.facts[name]:
                warn(
                    f"{name} was {found.facts[name]} at the checkpoint and is {self.facts[name]} now: the last bits "
                    "of the run's numbers may differ from those of an uninterrupted one"
                )

    def save(self, step: int) -> None:
        """Save the state after this step, unless it is saved.

        :raises OSError: if it cannot be written.
        """
        if step == self.saved_step:
            return
        facts = {
            **self.facts,
            "numbers": numbers_of(self.learner),
            "best": self.keeper.state(),
            "journal": self.journal.length(),
            "skipped": self.skipped,
            "seconds": round(self.seconds(), 1),
        }
        place = self.checkpoints.save(step, tensors_of(self.learner), facts)
        self.saved_step, self.last_saved = step, time.monotonic()
        self.notify.checkpoint_saved(CheckpointSaved(step, "state", place))

    def step_ended(self, step: StepEnded) -> None:
        """Tell, with the time of earlier processes."""
        self.notify.step_ended(replace(step, seconds=self.before + step.seconds))

    def evaluate(self, step: int) -> None:
        """Validate."""
        self.keeper.validate(step)
        self.learner.fabric.barrier()

    def _skip(self, step: int, broken: tuple[str, ...], place: Path) -> None:
        """Note it and say it."""
        self.journal.skipped(step, broken)
        warn(f"step {step} is skipped: {', '.join(broken)} (its batch: {place})")

    def _end(self, step: int) -> None:
        """Save the state before the step, from which it can be replayed."""
        self.save(step)

    def goes_on(self, step: int) -> bool:
        """Save where it is time."""
        goes_on = super().goes_on(step)
        by_steps = self.steps is not None and step % self.steps == 0
        by_time = self.minutes is not None and time.monotonic() - self.last_saved >= 60 * self.minutes
        if not goes_on or by_steps or by_time or step == self.recipe.train.steps:
            self.save(step)
        return goes_on


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
