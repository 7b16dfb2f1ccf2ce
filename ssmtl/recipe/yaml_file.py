"""Read and write YAML: safe loading, YAML 1.2 numbers and booleans, no duplicate keys."""

import math
import re
from pathlib import Path
from typing import Any

import yaml

from ssmtl.errors import Problem, RecipeError
from ssmtl.regular_file import read_text

NULL, BOOL, INT, FLOAT = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float"))

CORE_SCHEMA = (
    (NULL, r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    (BOOL, r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    (INT, r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        FLOAT,
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+0123456789."),
    ),
)
"""What a plain word means in YAML 1.2 (section 10.3.2), by its first letters; anything else is text."""


class _Loader(yaml.SafeLoader):
    """PyYAML has YAML 1.1, where 1e-4 is text, `no` is false, 010 is 8 and 1:10 is 70."""

    yaml_implicit_resolvers: dict[str, Any] = {}


class _Dumper(yaml.SafeDumper):
    """Quotes text that either version of YAML would read as something else."""


for _tag, _pattern, _first in CORE_SCHEMA:
    for _reader in (_Loader, _Dumper):
        _reader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), _first)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if not isinstance(key, str | int | float | None):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a word", key_node.start_mark)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key '{key}' appears twice", key_node.start_mark)
        seen.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


LARGEST = 2**63 - 1
"""The largest whole number: PyTorch and NumPy count in 64 bits."""


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    if len(text) > 100:
        raise yaml.constructor.ConstructorError(None, None, _too_large(node), node.start_mark)
    value = int(text[2:], {"0o": 8, "0x": 16}[text[:2]]) if text[:2] in ("0o", "0x") else int(text)
    if abs(value) > LARGEST:
        raise yaml.constructor.ConstructorError(None, None, _too_large(node), node.start_mark)
    return value


def _float(loader: _Loader, node: yaml.ScalarNode) -> float:
    value = float(yaml.SafeLoader.construct_yaml_float(loader, node))
    if math.isinf(value) and "inf" not in node.value.lower():
        raise yaml.constructor.ConstructorError(None, None, _too_large(node), node.start_mark)
    return value


def _too_large(node: yaml.ScalarNode) -> str:
    return f"the number {node.value:.20}{'…' if len(node.value) > 20 else ''} is too large"


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor(INT, _integer)
_Loader.add_constructor(FLOAT, _float)


MAX_CHARACTERS = 2_000_000
"""Limit for one text; a recipe has a few thousand characters."""

MAX_DEPTH = 64
"""Limit on mappings and lists inside each other; a recipe has about eight."""

MAX_NODES = 200_000
"""Limit on the nodes of one text with its aliases expanded: a few lines of nested aliases can expand to billions."""


def _size(node: yaml.Node | None, known: dict[int, int], depth: int = 0) -> int:
    """The number of nodes with aliases expanded."""
    if depth > MAX_DEPTH:
        raise yaml.YAMLError(f"nested too deeply: more than {MAX_DEPTH} levels")
    if id(node) in known:
        if not known[id(node)]:
            raise yaml.YAMLError("an alias that contains itself")
        return known[id(node)]
    known[id(node)] = 0  # being counted
    size = 1
    if isinstance(node, yaml.MappingNode):
        size += sum(_size(key, known, depth + 1) + _size(value, known, depth + 1) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_size(item, known, depth + 1) for item in node.value)
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
    text: str = yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110
    )
    return text
