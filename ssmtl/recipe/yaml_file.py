"""Read and write YAML: safe loading, YAML 1.2 numbers and booleans, no duplicate keys."""

import re
from pathlib import Path
from typing import Any

import yaml

from ssmtl.errors import Problem, RecipeError
from ssmtl.regular_file import read_text


class _Loader(yaml.SafeLoader):
    """PyYAML reads 1e-4 as a string and `no` as false; this loader does neither."""


FLOAT, BOOL = "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool"

_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (FLOAT, BOOL)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    FLOAT,
    re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$"),
    list("-+0123456789."),
)
_Loader.add_implicit_resolver(BOOL, re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if isinstance(key, list | dict):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a word", key_node.start_mark)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key '{key}' appears twice", key_node.start_mark)
        seen.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


MAX_CHARACTERS = 2_000_000
"""Limit for one text; a recipe has a few thousand characters."""

MAX_NODES = 200_000
"""Limit on the nodes of one text with its aliases expanded: a few lines of nested aliases can expand to billions."""


def _size(node: yaml.Node | None, known: dict[int, int]) -> int:
    """The number of nodes with aliases expanded."""
    if id(node) in known:
        if not known[id(node)]:
            raise yaml.YAMLError("an alias that contains itself")
        return known[id(node)]
    known[id(node)] = 0  # being counted
    size = 1
    if isinstance(node, yaml.MappingNode):
        size += sum(_size(key, known) + _size(value, known) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_size(item, known) for item in node.value)
    if size > MAX_NODES:
        raise yaml.YAMLError(f"more than {MAX_NODES:,} nodes with its aliases expanded")
    known[id(node)] = size
    return size


def _loaded(text: str) -> Any:
    if len(text) > MAX_CHARACTERS:
        raise yaml.YAMLError(f"{len(text):,} characters; expected at most {MAX_CHARACTERS:,}")
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        _size(node, {})
        return loader.construct_document(node) if node is not None else None
    finally:
        loader.dispose()


def parse(text: str, where: str) -> Any:
    """:raises RecipeError: with `where` and the line, if `text` is not YAML, or is too large."""
    try:
        return _loaded(text)
    except (RecursionError, ValueError, OverflowError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise RecipeError([Problem(where, f"not YAML: {what}")]) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or error
        raise RecipeError([Problem(f"{where}{line}", f"not YAML: {reason}")]) from error


def read_mapping(path: Path) -> dict[str, Any]:
    """:raises RecipeError: if the file cannot be read, or is not a mapping."""
    try:
        content = parse(read_text(path), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError([Problem(str(path), f"cannot be read: {error}")]) from error
    if not isinstance(content, dict):
        raise RecipeError([Problem(str(path), "is not a mapping of keys to values")])
    return content


def dump(content: Any) -> str:
    """YAML text with keys in the order given."""
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
