"""From a constructor's signature to the options of a recipe."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, PositiveInt

from ssmtl.errors import PluginError
from ssmtl.registry.options import build, check_options, options_model
from ssmtl.registry.plugins import load_plugins


class Inner(BaseModel):
    depth: int = 1


class Part:
    def __init__(
        self,
        engine: str,
        /,
        *,
        count: PositiveInt,
        rate: Annotated[float, Field(ge=0, lt=1)] = 0.5,
        mode: Literal["a", "b"] = "a",
        sizes: tuple[int, ...] = (1, 2),
        pair: tuple[int, str] | None = None,
        flag: bool = False,
        names: dict[str, str | None] | None = None,
    ) -> None:
        self.found = (engine, count, rate, mode, sizes, pair, flag, names)


def factory(*, strength: float = 1.0) -> tuple[float]:
    return (strength,)


def problems(**options):
    return [str(problem) for problem in check_options(Part, "part", options, "tasks.t.head")]


def test_defaults_and_required():
    fields = options_model(Part, "part").model_fields
    assert [name for name, field in fields.items() if field.is_required()] == ["count"]
    assert build(Part, "part", {"count": 3}, "given").found == ("given", 3, 0.5, "a", (1, 2), None, False, None)


def test_yaml_values_become_the_types_asked_for():
    options = {"count": 3, "rate": 0, "sizes": [4, 5, 6], "pair": [1, "x"], "flag": True, "names": {"a": None}}
    assert build(Part, "part", options, "e").found == ("e", 3, 0.0, "a", (4, 5, 6), (1, "x"), True, {"a": None})
    assert build(factory, "f", {"strength": 2}) == (2.0,)


def test_problems_name_the_key_and_the_nearest_known():
    assert problems() == ["tasks.t.head.count: is missing"]
    assert problems(count=1, rat=0.1) == ["tasks.t.head.rat: unknown key 'rat' (did you mean 'rate'?)"]
    assert len(problems(coun=1, mode="c", rate=2)) == 4, "all at once"


@pytest.mark.parametrize(
    "options",
    [
        {"count": "5"},
        {"count": 5.5},
        {"count": True},
        {"count": 0},
        {"count": None},
        {"count": 1, "rate": "0.5"},
        {"count": 1, "rate": 1.0},
        {"count": 1, "mode": "c"},
        {"count": 1, "flag": "true"},
        {"count": 1, "flag": 1},
        {"count": 1, "sizes": 3},
        {"count": 1, "sizes": ["3"]},
        {"count": 1, "pair": [1]},
    ],
    ids=str,
)
def test_strictness(options):
    found = problems(**options)
    assert len(found) >= 1
    assert all("found" in message or "missing" in message for message in found)


def test_signatures_that_cannot_be_a_schema():
    def any_option(**options: int) -> None: ...

    def unnamed(*, strength=1.0) -> None: ...

    with pytest.raises(PluginError, match=r"takes \*\*options: a component names each of its options"):
        options_model(any_option, "x")
    with pytest.raises(PluginError, match="the option 'strength' of 'x' has no type annotation"):
        options_model(unnamed, "x")


def test_a_class_without_a_constructor_has_no_options():
    class Plain:
        pass

    assert isinstance(build(Plain, "plain", {}), Plain)
    assert [problem.what for problem in check_options(Plain, "plain", {"a": 1}, "here")] == ["unknown key 'a'"]


def test_nested_models_forbid_extra_keys_themselves():
    def nested(*, inner: Inner = Inner()) -> Inner:  # noqa: B008
        return inner

    assert build(nested, "nested", {"inner": {"depth": 3}}).depth == 3


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_numbers_are_finite(number):
    (problem,) = check_options(factory, "f", {"strength": number}, "balancer")
    assert str(problem).startswith("balancer.strength: should be a finite number, found ")


PLUGINS = load_plugins()


@pytest.mark.parametrize(
    ("kind", "name", "options", "key"),
    [
        *[("strategy", name, {"temperature": 1e-30}, "temperature")
          for name in ("contrastive", "dash", "uda", "comatch", "simmatch", "mixmatch", "remixmatch", "mc_net")],
        ("strategy", "contrastive", {"width": 10**8}, "width"),
        ("strategy", "comatch", {"memory": 10**11}, "memory"),
        ("strategy", "remixmatch", {"remembers": 10**11}, "remembers"),
        ("head", "smp_decoder", {"classes": ["lung"], "width": 10**8}, "width"),
        ("backbone", "timm", {"levels": []}, "levels"),
    ],
)  # fmt: skip
def test_extreme_values_are_refused(kind, name, options, key):
    (problem,) = check_options(PLUGINS[kind][name].make, name, options, "place")
    assert problem.where == f"place.{key}"
