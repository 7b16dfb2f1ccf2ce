"""Reports what happens: to the run's log first, then to the plugins that observe, none of which can end the run."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pluggy

from ssmtl.errors import warn
from ssmtl.events import CheckpointSaved, Evaluated, RunEnded, RunStarted, StepEnded
from ssmtl.recipe.models import Recipe
from ssmtl.registry.blame import FAILURES, place
from ssmtl.registry.plugins import Plugins
from ssmtl.runs.log import RunLog, told_in
from ssmtl.runs.trackers import NamedTracker, tracking


class Observers:
    """An observer that raises is named in one warning and then left out; a log that cannot be written ends the run.

    :param trackers: those of the recipe, told after the others.
    """

    def __init__(self, manager: pluggy.PluginManager, log: RunLog, trackers: Sequence[NamedTracker] = ()) -> None:
        self.manager, self.log, self.trackers = manager, log, trackers
        self.failed: set[str] = set()

    def run_started(self, run: RunStarted) -> None:
        """Before the first step. The trackers of a resumed run are told anew what its log has."""
        self._notify("run_started", run=run)
        for event in told_in(self.log.path) if self.trackers else ():
            hook, name = ("step_ended", "step") if isinstance(event, StepEnded) else ("evaluated", "result")
            for tracker in self.trackers:
                tracker.notify(hook, {name: event})

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
        for tracker in self.trackers:
            tracker.notify(hook, event)


@contextmanager
def observing(recipe: Recipe, plugins: Plugins, added: Sequence[object], log: RunLog) -> Iterator[Observers]:
    """The plugins' own observers, and while the context lasts, these and the recipe's trackers."""
    manager = plugins.manager
    for observer in added:
        manager.register(observer)
    try:
        with tracking(recipe, plugins) as trackers:
            yield Observers(manager, log, trackers)
    finally:
        for observer in added:
            manager.unregister(observer)
