"""TensorBoard: event files in the run's folder."""

import yaml
from pydantic import PositiveInt

from ssmtl import Evaluated, Outcome, RunEnded, RunStarted, StepEnded, Tracker
from ssmtl_trackers.scalars import last_step, missing, of_step, of_test, of_validation


class TensorBoardTracker(Tracker):
    """Writes an event file to RUN/tensorboard; show it with `tensorboard --logdir RUN`.

    A resumed run writes it anew, with the steps from before.

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
        for before in folder.glob("events.out.tfevents.*"):
            before.unlink()
        self.writer = self.make(str(folder), flush_secs=self.flush_every)
        text = yaml.safe_dump(dict(run.recipe), sort_keys=False, allow_unicode=True)
        self.writer.add_text("recipe", "\n".join(f"    {line}" for line in text.splitlines()))  # code, in Markdown

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
