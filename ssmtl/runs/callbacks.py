"""What follows a logged step, and one that is not finite."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import monotonic

from ssmtl.errors import RunError, warn
from ssmtl.events import StepEnded
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.observers import Observers
from ssmtl.training.callback import Callback
from ssmtl.training.finite import ids_of, save_batch
from ssmtl.training.train_state import TrainState


@dataclass
class RunClock:
    """The time a run took, including before it was resumed. :param before: seconds until then."""

    before: float = 0.0
    began: float = field(default_factory=monotonic)

    def seconds(self) -> float:
        """Seconds so far."""
        return self.before + monotonic() - self.began


@dataclass(frozen=True)
class Telling(Callback):
    """Notifies the log and the observers."""

    observers: Observers
    clock: RunClock

    def step_logged(self, event: StepEnded) -> None:
        """Adds the time from before the run was resumed."""
        self.observers.step_ended(replace(event, seconds=self.clock.before + event.seconds))

    def not_finite(self, step: int, what: tuple[str, ...]) -> None:
        """Reached only if training continues: `NonFiniteSteps` comes first."""
        self.observers.log.skipped(step, what)


@dataclass(frozen=True)
class NonFiniteSteps(Callback):
    """Saves the batch of a step that is not finite, and skips it or ends the run, as the recipe says.

    :param save: called with the previous step when the run ends, so that the step can be replayed from its state.
    """

    folder: RunFolder
    state: TrainState
    save: Callable[[int], None] | None = None

    def not_finite(self, step: int, what: tuple[str, ...]) -> None:
        """:raises RunError: if the recipe says `stop`, or too many were skipped."""
        train, state = self.state.experiment.recipe.train, self.state
        path = save_batch(self.folder.nonfinite, state, step - 1, what)
        if train.on_nonfinite == "skip" and state.skipped < train.max_skipped:
            state.skipped += 1
            if state.shard.rank == 0:
                warn(f"step {step} is skipped: {', '.join(what)} (its batch: {path})")
            return
        if self.save is not None:
            self.save(step - 1)
        state.fabric.barrier()
        limit = f" after {train.max_skipped} skipped steps (train.max_skipped)" if train.on_nonfinite == "skip" else ""
        raise RunError(
            f"not finite in step {step}{limit}: {', '.join(what)}. Images: {self._images(step, what)}. "
            f"The batch: {path}. Try a lower learning rate, train.clip: 1.0, or train.on_nonfinite: skip"
        )

    def _images(self, step: int, what: tuple[str, ...]) -> str:
        """The images of the tasks named in `what`; of all tasks if none is."""
        every = self.state.experiment.tasks
        tasks = [task for task in every if any(one.startswith(f"{task.name}.") for one in what)] or every
        pools = {(task.name, pool): ids for task in tasks for pool, ids in ids_of(self.state, task, step - 1).items()}
        return "; ".join(f"{task} {pool}: {_some(ids)}" for (task, pool), ids in pools.items())


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
