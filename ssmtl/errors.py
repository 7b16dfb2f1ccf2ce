"""The exceptions a user may see. Each is shown as plain text, with exit code 2 and no traceback."""

import difflib
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class SsmtlError(Exception):
    """Something the user can fix: the message says what, where, and what was expected."""


class SsmtlWarning(UserWarning):
    """Something the user should know; the run continues."""


def warn(message: str) -> None:
    """Issue an `SsmtlWarning`, which the command line shows as one line."""
    warnings.warn(message, SsmtlWarning, stacklevel=3)


LONGEST = 1500
"""Maximum length, in characters, of a message that may quote its input."""


def _shortened(message: str) -> str:
    return message if len(message) <= LONGEST else f"{message[: LONGEST - 300]} … {message[-300:]}"


class DataError(SsmtlError):
    """A folder, file, image, mask, label or budget that cannot be used.

    :param more: messages of further such mistakes, one line each.
    """

    def __init__(self, message: str, *more: str) -> None:
        self.problems = tuple(map(_shortened, (message, *more)))
        super().__init__("\n".join(self.problems))


class SplitError(DataError):
    """Images that are there, and cannot be divided as the recipe asks: too few with labels, for example."""


class PluginError(SsmtlError):
    """A plugin that cannot be loaded, or two plugins that offer the same name."""


class RunError(SsmtlError):
    """A run folder that cannot be used as requested, or training that cannot continue."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a recipe: `where` is the file and key, `hint` what to write instead."""

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""  # of a whole file, which the caller names
        return f"{place}{self.what}" + (f" ({self.hint})" if self.hint else "")


class RecipeError(SsmtlError):
    """A recipe that cannot be run, with every mistake in it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def first_line(error: BaseException) -> str:
    """The first line of its message, without the native stack that some libraries add; its repr if it has none."""
    try:
        return (str(error).strip() or repr(error)).splitlines()[0]
    except Exception:  # noqa: BLE001 - its own methods fail
        return f"a {type(error).__name__} that cannot be shown"


FEW = 5
"""Names of one folder that are listed one by one."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for an unknown name: the closest known one, or else all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.55)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(_by_folder(names))}" if names else "none is known"


def _by_folder(names: list[str]) -> list[str]:
    """The names; those of a folder, such as 'methods/dash', as one: 'methods/… (57)', if there are many."""
    folders = Counter(name.partition("/")[0] for name in names if "/" in name)
    shown = (f"{name.partition('/')[0]}/…" if folders[name.partition("/")[0]] > FEW else name for name in names)
    return [f"{name} ({folders[name[:-2]]})" if name.endswith("/…") else name for name in dict.fromkeys(shown)]
