"""Evaluation, what is written of it, weights on disk, and the recipes' JSON Schema."""

import json
import math
from types import SimpleNamespace

import pytest
import torch
from test_recipe import PLUGINS, small
from torch import nn

from ssmtl.errors import RunError
from ssmtl.evaluate import Predictions, score, selection_score
from ssmtl.events import Evaluated, StepEnded
from ssmtl.head import Output
from ssmtl.journal import Journal, without_nan
from ssmtl.options import options_model
from ssmtl.recipe_file import read
from ssmtl.schema import PLACES, recipe_schema
from ssmtl.weights import load_weights, save_weights


def task(kind="multiclass", name="t", **metrics):
    return SimpleNamespace(name=name, output=Output(kind, ("a", "b")), metrics=metrics)


def test_values_an_image_are_kept_and_averaged():
    values = torch.tensor([0.0, 0.5, 1.0, 1.0])
    metrics = {
        "one": lambda p, t: {"dice": values, "count": torch.tensor(3)},
        "two": lambda p, t: {"f1": values.amax()},
    }
    found = score(task(**metrics), Predictions(("a", "b", "c", "d"), torch.zeros(4, 2), torch.zeros(4)))
    assert found.values == {"dice": 0.625, "count": 3.0, "f1": 1.0}
    assert list(found.per_image) == ["dice"]
    assert found.per_image["dice"] is values


def test_the_selection_score_is_the_mean_over_tasks():
    tasks = (task(x=1), task("masks", "lungs", y=1), task(name="silent"))
    values = {"t": {"accuracy": 0.1, "auroc": 0.8}, "lungs": {"ssim": 0.9, "dice": 0.6}}
    assert selection_score(values, tasks) == pytest.approx(0.7)


def test_the_first_metric_selects_where_the_usual_one_is_not_asked_for():
    assert selection_score({"t": {"f1": 0.4, "accuracy": 0.9}}, (task(x=1),)) == 0.4


def test_a_score_that_is_no_number_counts_as_zero():
    values = {"t": {"auroc": math.nan}, "lungs": {"dice": 0.6}}
    assert selection_score(values, (task(x=1), task("masks", "lungs", y=1))) == pytest.approx(0.3)


def test_json_has_no_nan():
    found = without_nan(
        {"a": math.nan, "b": [1.5, math.inf, (None, -math.inf)], "c": {"d": 0.0, "e": "nan", "f": True}}
    )
    assert found == {"a": None, "b": [1.5, None, [None, None]], "c": {"d": 0.0, "e": "nan", "f": True}}


def test_the_journal_is_one_object_a_line(tmp_path):
    journal = Journal(tmp_path / "metrics.jsonl")
    journal.step_ended(StepEnded(1, math.nan, {"t.ce": math.inf}, {}, 1e-4, 30.0, 0.5))
    journal.evaluated(Evaluated(1, "validation", {"t.auroc": math.nan}, None))
    text = (tmp_path / "metrics.jsonl").read_text()
    assert "NaN" not in text
    first, second = (json.loads(line) for line in text.splitlines())
    assert first == {
        "event": "step", "step": 1, "total": None, "losses": {"t.ce": None}, "diagnostics": {},
        "learning_rate": 1e-4, "rows_per_second": 30.0, "seconds": 0.5,
    }  # fmt: skip
    assert second["values"] == {"t.auroc": None}


def net(width=3):
    return nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width))


def test_weights_come_back_byte_for_byte(tmp_path):
    first, second = net(), net()
    first(torch.randn(4, 2))
    first[0].weight.data = first[0].weight.data.T.contiguous().T  # not contiguous
    save_weights(tmp_path / "weights" / "best.safetensors", first, {"step": "3"})
    load_weights(tmp_path / "weights" / "best.safetensors", second)
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())
    assert [path.name for path in (tmp_path / "weights").iterdir()] == ["best.safetensors"]


def test_shared_weights_can_be_saved(tmp_path):
    tied = net()
    tied.again = tied[0]
    save_weights(tmp_path / "w.safetensors", tied, {})
    load_weights(tmp_path / "w.safetensors", tied)


@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "missing", "folder"])
def test_damaged_weights_are_named(tmp_path, damage):
    path = tmp_path / "best.safetensors"
    save_weights(path, net(), {})
    content = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes({"cut": content[:-20], "empty": b"", "noise": b"\xff" * 200}[damage])
    with pytest.raises(RunError, match=r"best\.safetensors cannot be read"):
        load_weights(path, net())


def test_weights_of_another_model(tmp_path):
    save_weights(tmp_path / "w.safetensors", net(), {})
    with pytest.raises(RunError, match="are not of this recipe's model"):
        load_weights(tmp_path / "w.safetensors", net(5))


SCHEMA = recipe_schema(PLUGINS)


def fits(value, schema):
    """Enough of JSON Schema to judge recipes: what is not understood here is an error of the test."""
    known = {
        "$ref",
        "anyOf",
        "oneOf",
        "const",
        "enum",
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
    }
    known |= {"prefixItems", "minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum"}
    known |= {"exclusiveMaximum", "pattern", "title", "description", "default", "$defs", "$schema", "minProperties"}
    assert set(schema) <= known, set(schema) - known
    if "$ref" in schema:
        return fits(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")])
    if "anyOf" in schema:
        return any(fits(value, option) for option in schema["anyOf"])
    if "const" in schema and value != schema["const"]:
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "integer": int}
    kind = schema.get("type")
    if kind == "number":
        fine = isinstance(value, int | float) and not isinstance(value, bool)
    else:
        fine = kind is None or (isinstance(value, types[kind]) and not (kind == "integer" and isinstance(value, bool)))
    if fine and isinstance(value, dict):
        properties, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
        fine = set(schema.get("required", ())) <= set(value)
        for key, item in value.items():
            inner = properties.get(key, rest)
            fine = fine and (inner if isinstance(inner, bool) else fits(item, inner))
    if fine and isinstance(value, list) and "items" in schema and isinstance(schema["items"], dict):
        fine = all(fits(item, schema["items"]) for item in value) and len(value) >= schema.get("minItems", 0)
    if fine and isinstance(value, int | float) and not isinstance(value, bool):
        fine = value >= schema.get("minimum", value) and value > schema.get("exclusiveMinimum", -math.inf)
    return fine


@pytest.mark.parametrize("name", list(PLUGINS["recipe"]))
def test_the_schema_accepts_shipped_recipes(name):
    text = read(name, PLUGINS["recipe"], sources="phantom")
    assert fits(text.content, SCHEMA)
    assert fits({**text.content, "sources": "sources/phantom.yaml"}, SCHEMA)


def test_the_schema_accepts_a_resolved_recipe_and_the_small_one():
    assert fits(small(), SCHEMA)


@pytest.mark.parametrize(
    "changes",
    [
        {"sead": 1},
        {"seed": "1"},
        {"backbone__use": "multimix"},
        {"backbone__width": 3},
        {"backbone__widths": "wide"},
        {"tasks__lungs__head__classes": ...},
        {"tasks__lungs__bridge__guided_by": 3},
        {"tasks__lungs__strategies__0__over": "row"},
        {"tasks__lungs__metrics": ["dise"]},
        {"tasks__lungs__strategies": []},
        {"sources__films__domain": "mars"},
        {"train__steps": 0},
    ],
    ids=str,
)
def test_the_schema_refuses_mistakes(changes):
    assert not fits(small(**changes), SCHEMA)


def test_every_component_and_option_is_in_the_schema():
    json.dumps(SCHEMA)
    for kind in PLACES:
        options = {found["title"]: found for found in SCHEMA["$defs"][kind]["anyOf"]}
        assert set(options) == set(PLUGINS[kind])
        for name, entry in PLUGINS[kind].items():
            assert set(options_model(entry.make, name).model_fields) <= set(options[name]["properties"])


def test_every_reference_leads_somewhere():
    def references(thing):
        if isinstance(thing, dict):
            if "$ref" in thing:
                yield thing["$ref"].removeprefix("#/$defs/")
            for inner in thing.values():
                yield from references(inner)
        elif isinstance(thing, list):
            for inner in thing:
                yield from references(inner)

    assert set(references(SCHEMA)) <= set(SCHEMA["$defs"])
