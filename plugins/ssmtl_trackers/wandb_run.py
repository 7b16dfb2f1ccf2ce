"""Weights & Biases: a run in files that can be uploaded later, or online."""

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from ssmtl import Evaluated, Outcome, RunEnded, RunStarted, StepEnded, Tracker
from ssmtl_trackers.scalars import missing, of_step, of_test, of_validation

EXIT_CODES = {"finished": 0, "stopped": 75, "failed": 1}


FORBIDDEN = "/\\#?%:"
"""Characters that wandb refuses in a project's name."""


class WandbTracker(Tracker):
    """Writes a run of Weights & Biases to RUN/wandb; `wandb sync RUN/wandb/offline-run-*` uploads it.

    Nothing is sent unless `mode` is online. A resumed run keeps its id; it writes the files anew, with the steps from
    before, or sends what the server does not have.

    :param project: the project's name. :param entity: the user or team whose it is; by default that of the login.
    :param mode: `online` sends what is logged at once, and needs a login.
    """

    def __init__(
        self, *, project: str = "ssmtl", entity: str | None = None, mode: Literal["offline", "online"] = "offline"
    ) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        try:
            import wandb
        except ImportError as error:
            raise missing("wandb", "wandb", error) from error
        if not project or set(project) & set(FORBIDDEN):
            raise ValueError(f"project is {project!r:.200}; expected a name without any of {' '.join(FORBIDDEN)}")
        self.library, self.project, self.entity, self.mode = wandb, project, entity, mode
        self.run: Any = None
        self.first = 0

    def ssmtl_run_started(self, run: RunStarted) -> None:
        folder = run.folder / "wandb"
        folder.mkdir(exist_ok=True)
        record = folder / "run.json"
        if record.is_file():
            own_id = json.loads(record.read_text(encoding="utf-8"))["id"]
        else:
            own_id = uuid.uuid4().hex[:8]
            record.write_text(json.dumps({"id": own_id}), encoding="utf-8")
        for before in folder.glob("offline-run-*"):
            shutil.rmtree(before)
        with _cache_in(folder / "cache"):
            self.run = self.library.init(
                dir=str(run.folder),
                project=self.project,
                entity=self.entity,
                name=run.folder.name,
                id=own_id,
                resume="allow",
                mode=self.mode,
                config=dict(run.recipe),
                settings=self.library.Settings(
                    console="off",  # or it would read what the display writes
                    reinit="create_new",  # a program that trains may have a run of its own
                    symlink=False,  # none belongs in a run's folder
                    silent=True,
                    disable_code=True,
                    disable_git=True,
                    x_disable_stats=True,
                ),
            )
        for link in filter(Path.is_symlink, folder.rglob("*")):  # to its program's log, whatever is set
            link.unlink()
        self.first = self.run.step

    def ssmtl_step_ended(self, step: StepEnded) -> None:
        self._write(of_step(step), step.step)

    def ssmtl_evaluated(self, result: Evaluated) -> None:
        self._write(of_validation(result), result.step)

    def ssmtl_run_ended(self, run: RunEnded) -> None:
        self.run.summary.update(of_test(run))

    def close(self, outcome: Outcome) -> None:
        if self.run is not None:
            self.run.finish(exit_code=EXIT_CODES[outcome])

    def _write(self, values: dict[str, float], step: int) -> None:
        if values and step >= self.first:
            self.run.log(values, step=step)


@contextmanager
def _cache_in(folder: Path) -> Iterator[None]:
    """Where wandb's own process, which starts now, keeps its log: not in the user's home, unless that is set."""
    if "WANDB_CACHE_DIR" in os.environ:
        yield
        return
    os.environ["WANDB_CACHE_DIR"] = str(folder.absolute())
    try:
        yield
    finally:
        del os.environ["WANDB_CACHE_DIR"]
