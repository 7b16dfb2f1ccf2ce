"""Evaluation and its files, weights on disk, and the JSON Schema of recipes."""

import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_recipe import PLUGINS, small
from torch import nn

from ssmtl.contracts.head import Output
from ssmtl.errors import RunError, SsmtlWarning
from ssmtl.evaluation.predict import Predictions
from ssmtl.evaluation.score import score, tell_undefined
from ssmtl.evaluation.selection import selection_score
from ssmtl.events import Evaluated, StepEnded
from ssmtl.experiment.attribution import WrongResultError
from ssmtl.json_file import without_nan
from ssmtl.model.weights import load_weights, save_weights
from ssmtl.recipe.json_schema import PLACES, recipe_schema
from ssmtl.recipe.load import read
from ssmtl.registry.options import options_model
from ssmtl.runs.log import RunLog


@dataclass(frozen=True)
class Made:
    """A metric with these values."""

    values: Mapping[str, float | torch.Tensor]
    higher_is_better: bool | None = True
    selects: bool = False
    unit: str = ""

    def __call__(self, probabilities, targets):
        return {name: torch.as_tensor(value) for name, value in self.values.items()}

    def __hash__(self):
        return id(self)


def scores(*metrics):
    task = SimpleNamespace(metrics=dict(enumerate(metrics)))
    return score(task, [Predictions(("a", "b", "c", "d"), ("p", "p", "q", "r"), torch.zeros(4, 2), torch.zeros(4))])


def test_values_of_single_images_are_kept_and_averaged():
    values = torch.tensor([0.0, 0.5, 1.0, 1.0])
    one, two = Made({"dice": values, "count": torch.tensor(3)}), Made({"f1": values.amax()})
    found = scores(one, two)
    assert found.values == {"dice": 0.625, "count": 3.0, "f1": 1.0}
    assert list(found.per_image) == ["dice"]
    assert found.per_image["dice"] is values
    assert found.metrics == {"dice": one, "count": one, "f1": two}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (torch.ones(3), r"its value 'm' has shape \(3,\), expected \(\) or \(4,\), one for each image"),
        (torch.ones(4, 2), r"has shape \(4, 2\)"),
        (torch.ones(0), r"has shape \(0,\)"),
        (torch.ones(1), r"has shape \(1,\)"),
        (torch.tensor(1 + 5j), "is complex, expected real numbers"),
        (torch.ones(4, device="meta"), "on meta, expected a dense one on the CPU"),
        (torch.ones(4).to_sparse(), "is a torch.sparse_coo tensor"),
    ],
)
def test_a_value_of_another_shape_or_kind_is_the_metrics_mistake(value, said):
    metric = Made({"m": value})
    with pytest.raises(WrongResultError, match=said) as caught:
        scores(metric)
    assert caught.value.component is metric
    with pytest.raises(WrongResultError, match="it returned no value"):
        scores(Made({}))


def test_two_metrics_do_not_return_the_same_name():
    one, two = Made({"dice": 0.5, "f1": 1.0}), Made({"f1": 0.0})
    with pytest.raises(WrongResultError, match="'1' and '0' both return a value called 'f1'") as caught:
        scores(one, two)
    assert caught.value.component is two


def test_what_a_metric_changes_is_its_own_copy():
    class Greedy(Made):
        def __call__(self, probabilities, targets):
            seen.append((probabilities.sum().item(), targets.sum().item()))
            probabilities.zero_(), targets.zero_()
            return super().__call__(probabilities, targets)

    seen = []
    predictions = Predictions(("a", "b"), ("p", "q"), torch.ones(2, 2), torch.ones(2))
    score(SimpleNamespace(metrics={"x": Greedy({"x": 1.0}), "y": Greedy({"y": 1.0})}), [predictions])
    assert seen == [(4.0, 2.0), (4.0, 2.0)]
    assert predictions.probabilities.sum() == 4
    assert predictions.targets.sum() == 2


def test_the_selection_score_is_the_mean_over_tasks_of_what_selects():
    diagnosis = scores(Made({"accuracy": 0.1}), Made({"auroc": 0.8, "auroc_b": 0.3}, selects=True))
    lungs = scores(Made({"ssim": 0.9}), Made({"dice": 0.6}, selects=True))
    assert selection_score([diagnosis, lungs]) == pytest.approx(0.7)


def test_the_first_metric_selects_where_none_claims_to():
    assert selection_score([scores(Made({"f1": 0.4}), Made({"accuracy": 0.9}))]) == pytest.approx(0.4)


def test_a_score_that_is_not_a_number_counts_as_zero():
    assert selection_score([scores(Made({"auroc": math.nan})), scores(Made({"dice": 0.6}))]) == pytest.approx(0.3)


def test_where_no_score_is_a_number_nothing_selects():
    assert selection_score([scores(Made({"auroc": math.nan})), scores(Made({"dice": math.nan}))]) is None


@dataclass(frozen=True)
class Warns(Made):
    """A metric that says why."""

    def __call__(self, probabilities, targets):
        warnings.warn("one class only", stacklevel=2)
        return super().__call__(probabilities, targets)


def test_what_is_not_defined_is_told_once_in_one_line_with_its_reason(recwarn):
    found = scores(Warns({"auroc": math.nan, "auroc_a": 0.5}), Made({"f1": 0.1}))
    assert found.undefined == {"auroc": "one class only"}
    assert not list(recwarn), "the metric's own warning is not shown"
    told = set()
    for _ in range(2):
        tell_undefined("diagnosis", "in_domain", found, told)
    (line,) = recwarn
    assert line.category is SsmtlWarning
    assert str(line.message) == "task 'diagnosis', in_domain: auroc not defined: one class only"
    tell_undefined("diagnosis", "cross_domain", found, told)
    assert len(recwarn) == 2


def test_a_warning_about_something_else_is_shown_as_ours():
    with pytest.warns(SsmtlWarning, match="one class only"):
        assert not scores(Warns({"f1": 0.5})).undefined


@given(st.floats(0, 1000), st.floats(0, 1000))
def test_less_is_better_where_the_metric_says_so(one, other):
    near, far = (selection_score([scores(Made({"distance": value}, False))]) for value in sorted((one, other)))
    assert 0 < far <= near <= 1


def test_a_count_selects_nothing():
    count = Made({"empty": 3.0}, None)
    assert selection_score([scores(count)]) is None
    assert selection_score([scores(count, Made({"dice": 0.5}))]) == pytest.approx(0.5)


def test_every_shipped_metric_says_whether_higher_is_better():
    """As a reader of a table expects; some are used for selection."""
    facts = {}
    for name, entry in PLUGINS["metric"].items():
        kind = next(kind for kind in ("masks", "multiclass", "numbers") if kind in entry.make.accepts)
        metric = entry.make(Output(kind, ("a", "b")))
        facts[name] = (metric.higher_is_better, metric.unit, metric.selects)
    assert facts.pop("average_hausdorff") == (False, "px", False)
    assert facts.pop("empty_masks") == (None, "masks", False)
    assert facts.pop("mae") == (False, "", True)
    assert facts.pop("rmse") == (False, "", False)
    assert facts.pop("rank_error") == (False, "classes", False)
    selecting = {name for name, (_, _, selects) in facts.items() if selects}
    assert selecting == {"dice", "auroc", "quadratic_kappa"}
    assert {(better, unit) for better, unit, _ in facts.values()} == {(True, "")}
    spaced = PLUGINS["metric"]["average_hausdorff"].make(Output("masks", ("a",)), spacing=(0.5, 0.5))
    assert spaced.unit == "mm"


def test_json_has_no_nan():
    found = without_nan(
        {"a": math.nan, "b": [1.5, math.inf, (None, -math.inf)], "c": {"d": 0.0, "e": "nan", "f": True}}
    )
    assert found == {"a": None, "b": [1.5, None, [None, None]], "c": {"d": 0.0, "e": "nan", "f": True}}


def test_the_log_has_one_object_on_each_line(tmp_path):
    log = RunLog(tmp_path / "metrics.jsonl")
    log.step_ended(StepEnded(1, math.nan, {"t.ce": math.inf}, {}, 1e-4, 30.0, 0.5))
    log.evaluated(Evaluated(1, "validation", {"t.auroc": math.nan}, None))
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
    """Implements as much of JSON Schema as recipes need; an unknown keyword fails the test."""
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
    known |= {"if", "then", "else"}
    assert set(schema) <= known, set(schema) - known
    if "if" in schema:
        return fits(value, schema["then"] if fits(value, schema["if"]) else schema["else"])
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


@pytest.mark.parametrize("name", [one for one in PLUGINS["recipe"] if "methods/" not in one] + ["methods/mtpsl"])
def test_the_schema_accepts_shipped_recipes(name):
    text = read(name, PLUGINS["recipe"], sources="phantom")
    assert fits(text.content, SCHEMA)
    assert fits({**text.content, "sources": "sources/phantom.yaml"}, SCHEMA)


def test_the_schema_accepts_a_resolved_recipe_and_the_small_one():
    assert fits(small(), SCHEMA)
    assert fits({"extends": "multimix", "tasks": {"diagnosis": {"strategies": {1: {"use": "flexmatch"}}}}}, SCHEMA)
    assert not fits({"extends": 3}, SCHEMA)


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
        {"sources__radiographs__domain": "mars"},
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
