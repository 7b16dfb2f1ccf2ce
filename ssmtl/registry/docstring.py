"""A docstring's parts: what the thing is, what its parameters mean, which paper it is from."""

import inspect
import re

FIELD = re.compile(r":(param ([\w, ]+)|\w+[^:\n]*):\s*")
"""Where a field begins, such as `:param a, b:` or `:raises ValueError:`, at a line's start or after a full stop."""


PAPER = re.compile(r'(?P<before>[^"]*),? "[^"]+",? (?P<venue>[^";]*?\b(?:19|20)\d\d\b)')
"""A reference as docstrings have it: Authors, "Title", Venue Year."""


def paper_of(doc: str | None) -> str:
    """The first reference in short, such as 'Zhang et al., NeurIPS 2021'; empty if there is none.

    It is written as Authors, "Title", Venue Year. More than two authors become the first one and 'et al.'.
    """
    text = _line(inspect.cleandoc(doc or ""))
    found = PAPER.search(text)
    if found is None:
        return ""
    authors = re.split(r"(?<!\bal)\. |: |; ", found["before"].rstrip(", "))[-1].strip()
    names = re.split(r", | and | & ", authors)
    short = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
    return f"{short}, {found['venue']}"


def prose_of(doc: str | None) -> list[str]:
    """The paragraphs before any field, each as one line."""
    text = inspect.cleandoc(doc or "")
    first = next((found.start() for found in FIELD.finditer(text) if _begins(text, found.start())), len(text))
    return [_line(paragraph) for paragraph in text[:first].split("\n\n") if paragraph.strip()]


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
