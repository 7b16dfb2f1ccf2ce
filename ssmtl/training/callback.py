"""What is notified as training proceeds, in each process."""

from typing import Protocol

from ssmtl.events import StepEnded


class Callback(Protocol):
    """Steps count from 1. A callback overrides the methods it needs; the others do nothing."""

    def step_logged(self, event: StepEnded) -> None:
        """A step whose numbers are logged; before `after_step`."""
        return

    def not_finite(self, step: int, what: tuple[str, ...]) -> None:
        """The step changed nothing, since `what` was NaN or infinite; raise to end training."""
        return

    def after_step(self, step: int, *, last: bool) -> None:
        """After every step, even one that changed nothing.

        :param last: whether no step follows in this process.
        """
        return

    def has_enough(self) -> bool:
        """Whether training should end, though steps are left; asked after evaluations if the recipe stops early."""
        return False
