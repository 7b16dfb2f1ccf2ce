"""Docstrings taken apart, and options in words."""

from typing import Annotated, Literal

import pytest
from pydantic import Field, PositiveInt

from ssmtl.recipe.json_schema import recipe_schema
from ssmtl.registry.docstring import described
from ssmtl.registry.option_text import options_in_words
from ssmtl.registry.plugins import load_plugins


@pytest.mark.parametrize(
    ("doc", "summary", "parameters"),
    [
        (None, "", {}),
        ("One line.", "One line.", {}),
        (
            "First\n    line.\n\n    Then.\n\n    :param a, b: both\n        of them.\n    :raises ValueError: never.",
            "First line.",
            {"a": "both of them.", "b": "both of them."},
        ),
        (":param a: as in `x: y`. :param b: another.", "", {"a": "as in `x: y`.", "b": "another."}),
    ],
)
def test_a_docstring(doc, summary, parameters):
    assert described(doc) == (summary, parameters)


def test_options_in_words():
    def make(
        *, classes: tuple[str, ...], stride: PositiveInt = 8, how: Literal["max", "none"] | None = None,
        share: Annotated[float, Field(ge=0, lt=1)] = 0.5, fast: bool = False, pair: tuple[int, float] = (1, 2.0),
        shares: dict[str, float | None] | None = None,
    ):  # fmt: skip
        return None

    assert list(options_in_words(make, "made")) == [
        "classes: list of text, required",
        "stride: whole number > 0, default 8",
        "how: max | none | null, default null",
        "share: number \u2265 0 and < 1, default 0.5",
        "fast: true or false, default false",
        "pair: [whole number, number], default [1, 2.0]",
        "shares: mapping to (number | null) | null, default null",
    ]


def test_the_schema_describes_options_in_prose():
    def descriptions(content):
        if isinstance(content, dict):
            yield from (value for key, value in content.items() if key == "description" and isinstance(value, str))
            for value in content.values():
                yield from descriptions(value)
        elif isinstance(content, list):
            for value in content:
                yield from descriptions(value)

    schema = recipe_schema(load_plugins())
    found = list(descriptions(schema))
    assert len(found) > 100
    assert not [text for text in found if ":param" in text or ":raises" in text]
    (fixmatch,) = [one for one in schema["$defs"]["strategy"]["anyOf"] if one["title"] == "fixmatch"]
    assert "confidence" in fixmatch["properties"]["threshold"]["description"]
    assert "labels" in schema["$defs"]["TaskSpec"]["properties"]["labeled"]["description"]
