"""Recipes as plain data: every value by its key, and where two differ."""

import json
from collections.abc import Iterator
from typing import Any


def leaves(content: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of plain data with its key."""
    if isinstance(content, dict) and content:
        for key, value in content.items():
            yield from leaves(value, f"{place}.{key}" if place else key)
    else:
        yield place, content


def differences(before: Any, after: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Key, value before and value after, wherever two pieces of plain data differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        pairs = [(str(key), before.get(key), after.get(key)) for key in dict.fromkeys([*before, *after])]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = [(str(number), *pair) for number, pair in enumerate(zip(before, after, strict=True))]
    else:
        if before != after:
            yield place, before, after
        return
    for key, one, other in pairs:
        yield from differences(one, other, f"{place}.{key}" if place else key)


def as_text(value: Any) -> str:
    """Text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
