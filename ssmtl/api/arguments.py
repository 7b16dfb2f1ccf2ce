"""Arguments of a Python call that are of the wrong type: one clear error before anything is done."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ssmtl.errors import SsmtlError


def path_of(name: str, value: Any) -> Path:
    """:param name: of the argument.

    :raises SsmtlError: if it is no path.
    """
    if isinstance(value, str | os.PathLike):
        try:
            return Path(value)
        except TypeError:  # of bytes
            pass
    raise SsmtlError(f"{name}: {_shown(value)} is no path; expected a str or a Path")


def paths_of(name: str, value: Any) -> list[Path]:
    """Of one or several.

    :raises SsmtlError: if it is neither a path nor a list of paths.
    """
    if isinstance(value, str | os.PathLike):
        return [path_of(name, value)]
    if isinstance(value, bytes) or not hasattr(value, "__iter__"):
        raise SsmtlError(f"{name}: {_shown(value)} is no path; expected a str or a Path, or a list of them")
    return [path_of(name, one) for one in value]


def words_of(name: str, value: Any) -> list[str]:
    """Of one or several.

    :raises SsmtlError: if it is neither a str nor a list of them.
    """
    words = [value] if isinstance(value, str) else value
    if isinstance(words, Sequence) and not isinstance(words, bytes) and all(isinstance(one, str) for one in words):
        return list(words)
    raise SsmtlError(f"{name}: {_shown(value)}; expected a str, or a list of them")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"a {type(value).__name__}"
