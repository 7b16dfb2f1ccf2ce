"""A recipe's values, each with the file that says so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Said:
    """A value and the last file that said something about it.

    :param value: keys to `Said`, a list of `Said`, or anything else as it is in YAML.
    :param of: for the weight of a strategy that another one took the place of: the name of the one it was given to.
    """

    value: Any
    file: Path
    of: str = ""

    def plain(self) -> Any:
        """The values alone."""
        if isinstance(self.value, dict):
            return {key: one.plain() for key, one in self.value.items()}
        return [one.plain() for one in self.value] if isinstance(self.value, list) else self.value

    def files(self) -> set[Path]:
        """Every file that says something in here."""
        inner = self.value.values() if isinstance(self.value, dict) else self.value
        inner = inner if isinstance(self.value, dict | list) else ()
        return {self.file}.union(*(one.files() for one in inner))

    def along(self, key: str) -> "Iterator[Said]":
        """This and what the key leads through, as far as there is something.

        :param key: with dots; items of lists by number.
        """
        place: Said | None = self
        parts = key.split(".")
        while place is not None:
            yield place
            place = place._step(parts.pop(0)) if parts else None

    def at(self, key: str) -> "Said | None":
        """What the key leads to, if that is there."""
        found = list(self.along(key))
        return found[-1] if len(found) == key.count(".") + 2 else None

    def saying(self, key: str) -> Path:
        """The last file that says something about a key, or about the closest place around it."""
        return list(self.along(key))[-1].file

    def _step(self, part: str) -> "Said | None":
        number = int(part) if part.isdecimal() and len(part) < 10 else None
        if isinstance(self.value, dict):
            found: Said | None = self.value.get(part, self.value.get(number))
            return found
        if isinstance(self.value, list) and number is not None and number < len(self.value):
            item: Said = self.value[number]
            return item
        return None


def said(value: Any, file: Path) -> Said:
    """Everything in `value`, as this file says it."""
    if isinstance(value, Mapping):
        return Said({key: said(one, file) for key, one in value.items()}, file)
    return Said([said(one, file) for one in value] if isinstance(value, list) else value, file)
