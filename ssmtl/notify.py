"""Telling observers: one that raises is named once and left out, and never ends a run."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pluggy


class Notifier:
    """Sends events to every observer that is registered with a manager.

    :param manager: None: nobody is told (the other processes of a run).
    """

    def __init__(self, manager: pluggy.PluginManager | None) -> None:
        self.manager = manager
        self.failed: set[str] = set()

    def send(self, hook: str, **event: Any) -> None:
        """Call every implementation of the observer hook `ssmtl_{hook}`."""
        if self.manager is None:
            return
        for implementation in getattr(self.manager.hook, f"ssmtl_{hook}").get_hookimpls():
            name = implementation.plugin_name
            if name in self.failed:
                continue
            try:
                implementation.function(**event)
            except Exception as error:  # noqa: BLE001 - whatever an observer raises, the run goes on
                self.failed.add(name)
                warnings.warn(f"the observer '{name}' failed in ssmtl_{hook} and is left out: {error!r}", stacklevel=2)


@contextmanager
def notifying(manager: pluggy.PluginManager, observers: Sequence[object]) -> Iterator[Notifier]:
    """The manager's own observers, and these while the context lasts."""
    for observer in observers:
        manager.register(observer)
    try:
        yield Notifier(manager)
    finally:
        for observer in observers:
            manager.unregister(observer)
