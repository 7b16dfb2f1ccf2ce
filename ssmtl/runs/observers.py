"""Reports what happens: to the run's log first, then to the plugins that observe, none of which can end the run."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pluggy

from ssmtl.errors import warn
from ssmtl.events import CheckpointSaved, Evaluated, RunEnded, RunStarted, StepEnded
from ssmtl.registry.blame import FAILURES, place
from ssmtl.runs.log import RunLog


class Observers:
    """An observer that raises is named in one warning and then left out; a log that cannot be written ends the run."""

    def __init__(self, manager: pluggy.PluginManager, log: RunLog) -> None:
        self.manager, self.log = manager, log
        self.failed: set[str] = set()

    def run_started(self, run: RunStarted) -> None:
        """Before the first step."""
        self._notify("run_started", run=run)

    def step_ended(self, step: StepEnded) -> None:
        """A logged step."""
        self.log.step_ended(step)
        self._notify("step_ended", step=step)

    def evaluated(self, result: Evaluated) -> None:
        """Validation, or a domain at the end."""
        self.log.evaluated(result)
        self._notify("evaluated", result=result)

    def checkpoint_saved(self, saved: CheckpointSaved) -> None:
        """Weights, or a state to resume from."""
        self._notify("checkpoint_saved", saved=saved)

    def run_ended(self, run: RunEnded) -> None:
        """After results.json is written."""
        self._notify("run_ended", run=run)

    def _notify(self, hook: str, **event: Any) -> None:
        for implementation in getattr(self.manager.hook, f"ssmtl_{hook}").get_hookimpls():
            name = implementation.plugin_name
            if name in self.failed:
                continue
            try:
                implementation.function(**event)
            except FAILURES as error:
                self.failed.add(name)
                where = place(error, implementation.function, None)
                warn(f"the observer '{name}' failed in ssmtl_{hook} and is left out: {error!r} ({where})")


@contextmanager
def observing(manager: pluggy.PluginManager, added: Sequence[object], log: RunLog) -> Iterator[Observers]:
    """The manager's own observers, and these while the context lasts."""
    for observer in added:
        manager.register(observer)
    try:
        yield Observers(manager, log)
    finally:
        for observer in added:
            manager.unregister(observer)
