"""Name → component, and the plugin that offers it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ssmtl.errors import PluginError, nearest


@dataclass(frozen=True)
class Origin:
    """Where a component comes from: the plugin's name, and its distribution ('' for a local file)."""

    plugin: str
    distribution: str = ""

    def __str__(self) -> str:
        return f"{self.plugin} ({self.distribution})" if self.distribution else self.plugin


@dataclass(frozen=True)
class Entry:
    """A component under its name."""

    name: str
    make: Callable[..., Any]
    origin: Origin


class Registry(Mapping[str, Entry]):
    """All components of one kind, such as 'bridge'."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}

    def add(self, entry: Entry) -> None:
        """:raises PluginError: if the name is taken, naming both plugins, or is not a word."""
        if not isinstance(entry.name, str) or not entry.name:
            raise PluginError(f"the plugin {entry.origin} calls a {self.kind} {entry.name!r:.60}; expected a word")
        taken = self._entries.get(entry.name)
        if taken is not None:
            raise PluginError(
                f"two plugins offer the {self.kind} '{entry.name}': {taken.origin} and {entry.origin}. "
                "Uninstall one of them, or rename its component"
            )
        self._entries[entry.name] = entry

    def missing(self, name: str) -> str:
        """A hint for a name that no plugin offers."""
        return nearest(name, self)

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
