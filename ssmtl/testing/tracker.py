"""The contract check for a tracker."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ssmtl.events import CheckpointSaved, Evaluated, RunEnded, RunStarted, StepEnded
from ssmtl.regular_file import strangers
from ssmtl.testing.constructor import Make, made, name_of
from ssmtl.tracker import Tracker

STEPS = 6
SAVED, STOPPED = 2, 4
"""The step of the checkpoint, and the last one before the run is stopped."""


def check_tracker(make: Make, /, **options: Any) -> None:
    """It takes a run that is stopped, resumed and finished, with losses that are not finite and names of any letters.

    It prints nothing, leaves the run's own files alone, adds only regular files to its folder, and can be closed
    before anything was told.
    """
    name = name_of(make)
    with TemporaryDirectory() as place:
        folder = Path(place) / "run"
        folder.mkdir()
        own = folder / "metrics.jsonl"
        own.write_text("the run's own\n", encoding="utf-8")
        made(make, options).close("failed")
        assert [*folder.parent.rglob("*")] == [folder, own], f"{name} writes files before the run starts"
        for done, until in ((0, STOPPED), (SAVED, STEPS)):
            tracker = made(make, options)
            assert isinstance(tracker, Tracker), f"{name} is not an ssmtl.Tracker"
            with _silent(name):
                tell(tracker, folder, done, until)
                tracker.close("finished" if until == STEPS else "stopped")
        assert own.read_text(encoding="utf-8") == "the run's own\n", f"{name} changes {own.name}"
        assert not (odd := [*strangers(folder)]), f"{name} leaves {odd[0]}; a run's folder holds regular files only"


def tell(tracker: Tracker, folder: Path, done: int, until: int) -> None:
    """What a run of `STEPS` tells, its results too if it gets so far. :param done: steps before it was resumed."""
    recipe = {"name": "made up", "tasks": {"a": {"head": {"use": "h", "classes": ["x", "y"]}, "augment": {}}}}
    tracker.ssmtl_run_started(RunStarted("made up", folder, STEPS, {}, recipe, done))
    for step in range(1, until + 1):
        tracker.ssmtl_step_ended(step_told(step))
        if step % 2 == 0:
            tracker.ssmtl_evaluated(validation_told(step))
        if step % 2 == 0 and step > done:
            tracker.ssmtl_checkpoint_saved(CheckpointSaved(step, "best", folder / "weights" / "best.safetensors"))
        if step == SAVED > done:
            tracker.ssmtl_checkpoint_saved(CheckpointSaved(step, "state", folder / "checkpoints"))
    if until == STEPS:
        tested = {"a": {"in_domain": {"dice": 0.5, "auroc": None}}}
        tracker.ssmtl_evaluated(Evaluated(4, "in_domain", {"a.dice": 0.5, "a.auroc": math.nan}))
        results = {"tasks": tested, "steps": STEPS, "selected": {"by": "validation", "step": 4, "score": 0.4}}
        tracker.ssmtl_run_ended(RunEnded(folder, results, 1.5))


def step_told(step: int) -> StepEnded:
    """The third and fourth are not finite."""
    total = {3: math.nan, 4: math.inf}.get(step, 1 / step)
    losses = {"a.mixmatch": total, "a.mixmatch#2": 0.25 * step}
    return StepEnded(step, total, losses, {"a.rate.Größe, (x)": 0.5 + step}, 0.1 / step, 100.0, 0.5 * step)


def validation_told(step: int) -> Evaluated:
    """The second is the best; one metric is not defined."""
    return Evaluated(step, "validation", {"a.dice": step / 10, "a.auroc": math.nan}, step / 10, best=step <= STOPPED)


@contextmanager
def _silent(name: str) -> Iterator[None]:
    shown = io.StringIO()
    with redirect_stdout(shown):
        yield
    assert not shown.getvalue(), f"{name} prints {shown.getvalue()!r:.80}, which breaks the display of a run"
