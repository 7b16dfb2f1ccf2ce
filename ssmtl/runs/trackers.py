"""The trackers that a recipe names: checked before the run, and closed after it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ssmtl.errors import Problem, SsmtlError, warn
from ssmtl.recipe.components import Component, as_component
from ssmtl.recipe.models import Recipe
from ssmtl.registry.blame import FAILURES, place, said
from ssmtl.registry.options import build, check_options
from ssmtl.registry.plugins import Plugins
from ssmtl.registry.registry import Entry
from ssmtl.tracker import Outcome, Tracker


@dataclass
class NamedTracker:
    """:param failed: whether it raised, and is left out. :param ended: whether the run came to its end."""

    name: str
    entry: Entry
    tracker: Tracker
    failed: bool = False
    ended: bool = False

    def notify(self, hook: str, event: Mapping[str, Any]) -> None:
        """Call the hook; a failure is named in a warning, and ends the calls."""
        self.ended = self.ended or hook == "run_ended"
        if not self.failed:
            self._call(f"ssmtl_{hook}", "is left out", event)

    def close(self, *, raised: bool) -> None:
        """Even if it failed: what it started has to end. :param raised: whether the run did."""
        outcome: Outcome = "failed" if raised else "finished" if self.ended else "stopped"
        self._call("close", "may not have written all", {"outcome": outcome})

    def _call(self, method: str, so: str, arguments: Mapping[str, Any]) -> None:
        try:
            getattr(self.tracker, method)(**arguments)
        except FAILURES as error:
            self.failed = True
            where = place(error, self.entry.make, self.entry.origin)
            warn(f"the tracker '{self.name}' failed in {method} and {so}: {said(error)} ({where})")


def check_trackers(recipe: Recipe, plugins: Plugins) -> list[Problem]:
    """Unknown names, options that do not fit, libraries that are missing; each with its place in the recipe."""
    problems: list[Problem] = []
    used: list[str] = []
    for number, named in enumerate(recipe.trackers):
        component, where = as_component(named), f"trackers.{number}"
        entry = plugins["tracker"].get(component.use)
        if entry is None:
            what, hint = f"no tracker is called '{component.use}'", plugins["tracker"].missing(component.use)
            problems.append(Problem(f"{where}.use", what, hint))
        elif component.use in used:
            problems.append(Problem(where, f"'{component.use}' is there twice", "remove one of them"))
        else:
            problems += _tried(entry, component, where)
        used.append(component.use)
    return problems


def _tried(entry: Entry, component: Component, where: str) -> list[Problem]:
    wrong = check_options(entry.make, entry.name, component.options, where)
    if wrong:
        return wrong
    try:
        tracker = build(entry.make, entry.name, component.options)
    except SsmtlError as error:
        return [Problem(where, str(error))]
    except FAILURES as error:
        return [Problem(where, said(error), place(error, entry.make, entry.origin))]
    if not isinstance(tracker, Tracker):
        return [Problem(where, f"'{entry.name}' of plugin {entry.origin} is no ssmtl.Tracker, but a {type(tracker)}")]
    return []


@contextmanager
def tracking(recipe: Recipe, plugins: Plugins) -> Iterator[Sequence[NamedTracker]]:
    """The recipe's trackers, closed however the context ends."""
    trackers = []
    for component in map(as_component, recipe.trackers):
        entry = plugins["tracker"][component.use]
        trackers.append(NamedTracker(entry.name, entry, build(entry.make, entry.name, component.options)))
    raised = True
    try:
        yield trackers
        raised = False
    finally:
        for one in trackers:
            one.close(raised=raised)
