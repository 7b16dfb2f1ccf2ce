"""The contract of a tracker: it copies what a run reports to a program that shows many runs."""

from typing import Literal

from ssmtl.events import CheckpointSaved, Evaluated, RunEnded, RunStarted, StepEnded

Outcome = Literal["finished", "stopped", "failed"]
"""How a run ended; a stopped one can be resumed."""


class Tracker:
    """Tracker(*, options): an observer that a recipe names, with options, under `trackers`.

    Its methods are those hooks of the observers that it needs. They are called in one process of a run only, and one
    that raises is named in a warning and called no more.

    A tracker is also made when a recipe is checked: the constructor imports its library, raises what a user should
    know before training, such as that the library is missing, and has no other effect.

    A run that is resumed tells everything again, from its first step on, since what was told last may be lost, or have
    come after the checkpoint: a tracker replaces what it wrote to the run's folder, or leaves out what it has already.
    """

    def ssmtl_run_started(self, run: RunStarted) -> None:
        """Before the first step, or before the first one of a resumed run."""

    def ssmtl_step_ended(self, step: StepEnded) -> None:
        """A logged step. Losses may be infinite or NaN."""

    def ssmtl_evaluated(self, result: Evaluated) -> None:
        """Validation; then every domain of the test, with the step of the selected weights."""

    def ssmtl_checkpoint_saved(self, saved: CheckpointSaved) -> None:
        """Weights, or a state to resume from."""

    def ssmtl_run_ended(self, run: RunEnded) -> None:
        """After results.json is written; not called where a run is stopped or fails."""

    def close(self, outcome: Outcome) -> None:
        """Write what is left and end what was started; called once however the run ends, also after a failure."""
