"""Whose mistake an exception is: the component, the plugin that offers it, the file and the line."""

import functools
import inspect
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ssmtl.errors import PluginError, SsmtlError, first_line
from ssmtl.registry.registry import Entry, Origin

FAILURES = (Exception, SystemExit, GeneratorExit, BaseExceptionGroup)
"""What a plugin's code may raise: one that asks Python to exit has failed too."""

ALLOCATION = re.compile(r"can't allocate memory: you tried to allocate (\d+) bytes")
"""What PyTorch's allocator says on the CPU."""

NESTED = "site-packages"
"""An environment below a plugin's folder holds other people's code."""


@contextmanager
def blaming(who: str, entry: Entry, when: str, *, only_its_code: bool = False) -> Iterator[None]:
    """Wraps code that runs a component.

    :param who: such as "the source 'chex'". :param when: such as 'while listing its images'.
    :param only_its_code: leave exceptions alone that did not pass through a file in the component's folder.
    :raises PluginError: for any exception that is not an `SsmtlError`.
    """
    try:
        yield
    except SsmtlError:
        raise
    except FAILURES as error:
        if only_its_code and not _own_lines(error, entry.make):
            raise
        raise PluginError(sentence(who, when, error, entry.make, entry.origin)) from error


def sentence(who: str, when: str, error: BaseException, component: Any, origin: Origin | None) -> str:
    """'… failed …: …', with the place."""
    return f"{who} failed {when}: {shown(error):.600} ({place(error, component, origin)}; --debug shows the traceback)"


def shown(error: BaseException) -> str:
    """Its `repr`, or its type if that fails too."""
    try:
        return repr(error)
    except Exception:  # noqa: BLE001 - its own methods fail
        return f"a {type(error).__name__} that cannot be shown"


def place(error: BaseException, component: Any, origin: Origin | None) -> str:
    """'encoder.py, line 40, of plugin timm (ssmtl)': the innermost line in the component's folder, if there is one."""
    lines = _own_lines(error, component) or _lines(error)
    parts = [f"{Path(lines[-1][0]).name}, line {lines[-1][1]}"] if lines else []
    return ", ".join([*parts, f"of plugin {origin}"] if origin is not None else parts)


def said(error: BaseException) -> str:
    """The error's message; its type too unless the message was written to be read."""
    line = first_line(error)
    if isinstance(error, RuntimeError) and (needed := ALLOCATION.search(line)):
        return f"needs more memory than there is: {int(needed[1]) / 1e9:,.1f} GB at once"
    return line if isinstance(error, ValueError | SsmtlError) else f"{type(error).__name__}: {line}"


def function_of(component: Any) -> Any:
    """The function behind partial applications and decorators."""
    while isinstance(component, functools.partial):
        component = component.func
    return inspect.unwrap(component) if callable(component) else component


def file_of(component: Any) -> str:
    """The file of a component, or of its class; empty if it has none."""
    written = function_of(component)
    for thing in (written, type(written)):
        members = vars(thing).values() if inspect.isclass(thing) else (thing,)
        codes = [
            function.__code__.co_filename for function in map(function_of, members) if inspect.isfunction(function)
        ]
        own = next((file for file in codes if not file.startswith("<")), "")  # a local plugin's module is not imported
        if own:
            return own
    try:
        return inspect.getfile(written if inspect.isclass(written) else type(written))
    except (TypeError, OSError):
        return ""


def _lines(error: BaseException) -> list[tuple[str, int]]:
    """File and line of every frame, the innermost last; for a file that is not Python, the line that is wrong."""
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        frames.append((error.filename, error.lineno or 1))
    return [(file, line) for file, line in frames if not file.startswith("<")]


def _own_lines(error: BaseException, component: Any) -> list[tuple[str, int]]:
    folder = Path(file_of(component)).parent
    own = []
    for file, line in _lines(error):
        path = Path(file)
        if path.is_relative_to(folder) and NESTED not in path.relative_to(folder).parts:
            own.append((file, line))
    return own if folder.name else []
