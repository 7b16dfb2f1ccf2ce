"""The JSON Schema of recipes, with the options of every installed component."""

from collections.abc import Callable
from typing import Any

from ssmtl.contracts.another_task import MARK
from ssmtl.recipe.components import BalancerEntry, Component, StrategyEntry
from ssmtl.recipe.models import Recipe, SourceEntry
from ssmtl.recipe.other_tasks import naming_tasks
from ssmtl.registry.docstring import described
from ssmtl.registry.options import options_model
from ssmtl.registry.plugins import Plugins
from ssmtl.registry.registry import Registry

PLACES: dict[str, str] = {
    "backbone": "Recipe.backbone",
    "balancer": "Recipe.balancer",
    "head": "TaskSpec.head",
    "bridge": "TaskSpec.bridge",
    "augmentation": "TaskSpec.augment",
    "strategy": "TaskSpec.strategies",
    "metric": "TaskSpec.metrics",
    "source": "Recipe.sources",
    "tracker": "Recipe.trackers",
}
"""Where components of each kind appear in a recipe."""

CORE: dict[str, type[Component]] = {"balancer": BalancerEntry, "strategy": StrategyEntry, "source": SourceEntry}
"""Kinds whose entries have keys for the core besides `use`."""


EXTENDS = "The recipe that this one changes: a name, or a file beside this one. All other keys are changes to it."


def recipe_schema(plugins: Plugins) -> dict[str, Any]:
    """JSON Schema (draft 2020-12). `sources` may also be the path of a sources file."""
    schema = Recipe.model_json_schema()
    definitions: dict[str, Any] = schema["$defs"]
    for one in (schema, *definitions.values()):
        _describe(one, one.get("description"))
    for kind in PLACES:
        core = CORE.get(kind, Component)
        definitions[kind] = {"anyOf": _components(plugins[kind], core, definitions)}
    properties, task = schema["properties"], definitions["TaskSpec"]["properties"]
    for kind in ("backbone", "balancer"):
        properties[kind] = {"$ref": f"#/$defs/{kind}"}
    properties["sources"] = {
        "anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"$ref": "#/$defs/source"}}]
    }
    task["head"] = {"$ref": "#/$defs/head"}
    task["bridge"] = {"anyOf": [{"$ref": "#/$defs/bridge"}, {"type": "null"}]}
    one = {"$ref": "#/$defs/augmentation"}
    several = {"type": "array", "minItems": 1, "items": one}
    task["augment"] = {"type": "object", "additionalProperties": {"anyOf": [one, several]}}
    task["strategies"] = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/strategy"}}
    for part, kind in ((task, "metric"), (properties, "tracker")):
        named = {"enum": list(plugins[kind])}
        part[f"{kind}s"] = {"type": "array", "items": {"anyOf": [named, {"$ref": f"#/$defs/{kind}"}]}}
    definitions["recipe"] = {key: value for key, value in schema.items() if key != "$defs"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ssmtl recipe",
        "if": {"type": "object", "required": ["extends"]},
        "then": {"properties": {"extends": {"type": "string", "description": EXTENDS}}},
        "else": {"$ref": "#/$defs/recipe"},
        "$defs": definitions,
    }


def _components(registry: Registry, core: type[Component], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    shared = core.model_json_schema(ref_template="#/$defs/{model}")
    _describe(shared, core.__doc__)
    definitions.update(shared.pop("$defs", {}))
    result = []
    for entry in registry.values():
        make: Callable[..., Any] = entry.make
        options = options_model(make, entry.name).model_json_schema(ref_template="#/$defs/{model}")
        definitions.update(options.pop("$defs", {}))
        for option in options.get("properties", {}).values():
            option.pop(MARK, None)
            option.get("items", {}).pop(MARK, None)
        may_lack = naming_tasks(make, entry.name)
        required = [option for option in options.get("required", []) if option not in may_lack]
        one = {
            "type": "object",
            "title": entry.name,
            "properties": {**options.get("properties", {}), **shared["properties"], "use": {"const": entry.name}},
            "required": ["use", *required],
            "additionalProperties": False,
        }
        _describe(one, make.__doc__)
        result.append(one)
    return result


def _describe(schema: dict[str, Any], doc: str | None) -> None:
    """Take the descriptions of an object and of its properties from a docstring."""
    schema.pop("description", None)
    summary, parameters = described(doc)
    if summary:
        schema["description"] = summary
    for name, meaning in parameters.items():
        if name in schema.get("properties", {}):
            schema["properties"][name]["description"] = meaning
