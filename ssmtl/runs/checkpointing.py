"""When the state of a run is saved, and how the run resumes from it."""

import time
from collections.abc import Mapping

import torch

from ssmtl.errors import RunError, warn
from ssmtl.events import CheckpointSaved
from ssmtl.runs.callbacks import RunClock
from ssmtl.runs.checkpoint import FORMAT, Checkpoint, Checkpoints
from ssmtl.runs.files import CheckpointFacts
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.trained_by import TrainedBy
from ssmtl.runs.validation import Validation
from ssmtl.training.callback import Callback
from ssmtl.training.saved_state import numbers_of, restore, tensors_of
from ssmtl.training.schedule import in_minutes, in_steps
from ssmtl.training.train_state import TrainState, steps_per_epoch


class Checkpointing(Callback):
    """Saves the state of model, log, best weights and time when it is due; in the first process only.

    :param fingerprints: by source, a hash of its content. :param code: the code version.
    """

    def __init__(
        self, folder: RunFolder, state: TrainState, validation: Validation, clock: RunClock,
        fingerprints: Mapping[str, str], code: str,
    ) -> None:  # fmt: skip
        self.state, self.validation, self.clock = state, validation, clock
        self.observers, self.log = validation.observers, validation.observers.log
        train = state.experiment.recipe.train
        self.run = folder.path
        self.checkpoints = Checkpoints(folder, train.keep_checkpoints)
        self.saved_step, self.last_saved = 0, time.monotonic()
        self.minutes = in_minutes(train.checkpoint_every)
        self.steps = None if self.minutes else in_steps(train.checkpoint_every, steps_per_epoch(state))
        self.fingerprints = dict(fingerprints)
        self.code = code

    def resume(self) -> int:
        """Go back to the latest intact checkpoint that the log still covers, if any; returns the steps done."""
        checkpoint = self._newest()
        if checkpoint is None:
            self.log.cut(0)
        else:
            facts = checkpoint.facts
            trained = TrainedBy(facts.recipe_origin, facts.split_origin)
            self.validation.origin.check(trained, f"the checkpoint {checkpoint.folder.name}", self.run)
            self._warn_of_changes(checkpoint)
            self.checkpoints.put_back_best(checkpoint)
            self.validation.best, self.validation.waited = checkpoint.facts.best, checkpoint.facts.waited
            self.validation.step = checkpoint.facts.step
            self.clock.before, self.saved_step = checkpoint.facts.seconds, checkpoint.facts.step
        done = self.state.fabric.broadcast(checkpoint.facts.step if checkpoint else 0)
        if checkpoint is not None:
            restore_from(checkpoint, self.state)
        return int(done)

    def after_step(self, step: int, *, last: bool) -> None:
        """Save if it is time."""
        by_steps = self.steps is not None and step % self.steps == 0
        by_time = self.minutes is not None and time.monotonic() - self.last_saved >= 60 * self.minutes
        if last or self.validation.has_enough() or by_steps or by_time:
            self.save(step)

    def save(self, step: int) -> None:
        """Save the state after this step, unless it is already saved.

        :raises OSError: if it cannot be written.
        """
        if step == self.saved_step:
            return
        facts = CheckpointFacts(
            format=FORMAT,
            step=step,
            recipe_hash=self.state.experiment.recipe.digest(),
            data_fingerprints=self.fingerprints,
            code_version=self.code,
            recipe_origin=self.validation.origin.recipe,
            split_origin=self.validation.origin.split,
            torch=torch.__version__,
            threads=torch.get_num_threads(),
            numbers=numbers_of(self.state),
            best=self.validation.best,
            waited=self.validation.waited,
            log_bytes=self.log.length(),
            skipped=self.state.skipped,
            seconds=round(self.clock.seconds(), 1),
        )
        path = self.checkpoints.save(tensors_of(self.state), facts)
        self.saved_step, self.last_saved = step, time.monotonic()
        self.observers.checkpoint_saved(CheckpointSaved(step, "state", path))

    def _newest(self) -> Checkpoint | None:
        for checkpoint in self.checkpoints.whole():
            try:
                self.log.cut(checkpoint.facts.log_bytes)
            except RunError as error:
                warn(f"{error}; the checkpoint {checkpoint.folder} is skipped")
                continue
            return checkpoint
        return None

    def _warn_of_changes(self, checkpoint: Checkpoint) -> None:
        facts = checkpoint.facts
        made_by = {
            "code_version": (facts.code_version, self.code),
            "torch": (facts.torch, torch.__version__),
            "threads": (facts.threads, torch.get_num_threads()),
        }
        for name, (was, now) in made_by.items():
            if was != now:
                warn(
                    f"{name} was {was} at the checkpoint and is {now} now: the last bits of the run's numbers may "
                    "differ from those of an uninterrupted one"
                )


def resume_along(folder: RunFolder, state: TrainState) -> int:
    """As `Checkpointing.resume`, in the other processes: restores the step that the first process chose."""
    done = int(state.fabric.broadcast(0))
    if done:
        restore_from(Checkpoints(folder, state.experiment.recipe.train.keep_checkpoints).at(done), state)
    return done


def restore_from(checkpoint: Checkpoint, state: TrainState) -> None:
    """Restore the checkpoint's tensors and numbers."""
    restore(state, checkpoint.tensors(), checkpoint.facts.numbers)
    state.skipped = checkpoint.facts.skipped
