"""A component's options in words: name, what may be given, and the default."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ssmtl.contracts.another_task import MARK
from ssmtl.registry.options import options_model

WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false", "null": "null", "number": "number"}
"""JSON Schema's names of types, in words."""


def options_in_words(make: Callable[..., Any], name: str) -> Iterator[str]:
    """One line for each option: 'stride: whole number > 0, default 8', 'guided_by: text, required'."""
    schema = options_model(make, name).model_json_schema()
    definitions = schema.get("$defs", {})
    for option, one in schema.get("properties", {}).items():
        default = f"default {_plain(one['default'])}" if "default" in one else _required(one)
        yield f"{option}: {_words(one, definitions)}, {default}"


def _required(one: Mapping[str, Any]) -> str:
    return "required if there are several" if MARK in one or MARK in one.get("items", {}) else "required"


def _words(one: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """What a value may be."""
    if "$ref" in one:
        return _words(definitions[one["$ref"].rpartition("/")[2]], definitions)
    if MARK in one:
        return "another task"
    if "const" in one or "enum" in one:
        return " | ".join(map(_plain, one.get("enum", [one.get("const")])))
    if "anyOf" in one:
        return " | ".join(dict.fromkeys(_words(member, definitions) for member in one["anyOf"]))
    if one.get("type") == "array":
        return _list(one, definitions)
    if one.get("type") == "object":
        return f"mapping to {_grouped(_words(one['additionalProperties'], definitions))}" if _typed(one) else "mapping"
    return f"{WORDS.get(str(one.get('type')), 'anything')}{_range(one)}"


def _typed(one: Mapping[str, Any]) -> bool:
    return isinstance(one.get("additionalProperties"), dict)


def _list(one: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "prefixItems" in one:
        return f"[{', '.join(_words(member, definitions) for member in one['prefixItems'])}]"
    inner = _words(one["items"], definitions) if one.get("items") else "anything"
    return f"list of {_grouped(inner)}"


def _grouped(inner: str) -> str:
    return f"({inner})" if " " in inner else inner


def _range(one: Mapping[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {one[key]:g}" for key, sign in signs.items() if key in one]
    pattern = [f"like {one['pattern']}"] if "pattern" in one else []
    return f" {' and '.join([*limits, *pattern])}" if limits or pattern else ""


def _plain(value: Any) -> str:
    """As YAML would take it; text without quotes."""
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
