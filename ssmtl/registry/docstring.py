"""A docstring's parts: what the thing is, and what its parameters mean."""

import inspect
import re

FIELD = re.compile(r":(param ([\w, ]+)|\w+[^:\n]*):\s*")
"""Where a field begins, such as `:param a, b:` or `:raises ValueError:`, at a line's start or after a full stop."""


def described(doc: str | None) -> tuple[str, dict[str, str]]:
    """The first paragraph before any field, and the text of each `:param:` by name; every text is one line."""
    text = inspect.cleandoc(doc or "")
    fields = [found for found in FIELD.finditer(text) if _begins(text, found.start())]
    ends = [found.start() for found in fields[1:]] + [len(text)]
    parameters: dict[str, str] = {}
    for found, end in zip(fields, ends, strict=False):  # without fields, the end is that of the summary
        meaning = _line(text[found.end() : end])
        for name in (found[2] or "").split(","):
            if name.strip():
                parameters[name.strip()] = meaning
    summary = text[: fields[0].start()] if fields else text
    return _line(summary.split("\n\n")[0]), parameters


def _begins(text: str, place: int) -> bool:
    before = text[:place].rstrip(" ")
    return not before or before[-1] in "\n.;"


def _line(text: str) -> str:
    return " ".join(text.split())
