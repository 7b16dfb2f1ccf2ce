"""TensorBoard: event files in the run's folder."""

import yaml
from pydantic import PositiveInt

from ssmtl import Evaluated, Outcome, RunEnded, RunStarted, StepEnded, Tracker
from ssmtl_trackers.scalars import last_step, missing, of_step, of_test, of_validation


class TensorBoardTracker(Tracker):
    """Writes event files to RUN/tensorboard; show them with `tensorboard --logdir RUN`.

    A resumed run goes on in another file, whose first record makes TensorBoard forget the steps that are told again.

    :param flush_every: seconds until what is logged is on disk.
    """

    def __init__(self, *, flush_every: PositiveInt = 10) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise missing("tensorboard", "tensorboard", error) from error
        self.make, self.flush_every = SummaryWriter, flush_every

    def ssmtl_run_started(self, run: RunStarted) -> None:
        folder = run.folder / "tensorboard"
        new = not run.done or not any(folder.glob("events.*"))
        purge = run.done + 1 if run.done else 0
        self.writer = self.make(str(folder), purge_step=purge, flush_secs=self.flush_every)
        if new:
            text = yaml.safe_dump(dict(run.recipe), sort_keys=False, allow_unicode=True)
            self.writer.add_text("recipe", "\n".join(f"    {line}" for line in text.splitlines()), run.done)

    def ssmtl_step_ended(self, step: StepEnded) -> None:
        self._write(of_step(step), step.step)

    def ssmtl_evaluated(self, result: Evaluated) -> None:
        self._write(of_validation(result), result.step)

    def ssmtl_run_ended(self, run: RunEnded) -> None:
        self._write(of_test(run), last_step(run))

    def close(self, outcome: Outcome) -> None:
        if hasattr(self, "writer"):
            self.writer.close()

    def _write(self, values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)
