"""Every documented option of every source is usable from a recipe."""

import inspect
import re
from pathlib import Path

import made_up
import pytest

from ssmtl import DataError, Folders
from ssmtl.data.cache import decode
from ssmtl.data.pool import examples_of
from ssmtl.data.rows import rows_of
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.prepare import make_source
from ssmtl.recipe.load import RecipeText
from ssmtl.recipe.models import SourceEntry
from ssmtl.registry.options import options_model
from ssmtl.registry.plugins import load_plugins

PLUGINS = load_plugins()
SOURCES = PLUGINS["source"]

VALUES = {
    "busi": {"root": "x", "group": "image", "conflicting": "drop"},
    "chest_xray": {"root": "x", "parts": ["train"], "only": "with_masks", "keep_split": False, "official_val": True},
    "covid_chestxray": {"root": "x", "masks": "lungvae", "only": "with_masks"},
    "digits": {},
    "folders": {"root": "x", "structure": "lesion", "patient": "^(p[0-9]+)"},
    "jsrt": {"root": "x", "masks": "scr", "invert": False, "split": "train_on_fold1"},
    "manifest": {
        "root": "x",
        "file": "t.csv",
        "image": "path",
        "label": "class",
        "labels": ["a", "b"],
        "numbers": ["age"],
        "mask": "lung",
        "masks": {"lung": "lung_path"},
        "patient": "who",
        "split": "part",
        "outside": True,
    },
    "montgomery": {"root": "x"},
    "nih_chestxray14": {"root": "x", "findings": ["No Finding"], "keep_split": False},
    "phantom": {
        "domain": "jsrt",
        "images": 12,
        "size": 32,
        "seed": 3,
        "pneumonia": 0.25,
        "follow_up": 0.5,
        "difficulty": 0.5,
    },
    "shenzhen": {"root": "x"},
}
"""A value for each option."""

CASES = [(source, option) for source, values in VALUES.items() for option in values]
GUIDE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")


def recipe_of(source, entry, **head):
    """A recipe with one task that trains on this source."""
    content = {
        "name": "options",
        "image": {"size": 32},
        "sources": {"s": {"use": source, **entry}},
        "backbone": {"use": "multimix_encoder", "widths": [4, 4, 6, 6, 8]},
        "train": {"select_by": "last"},
        "tasks": {
            "t": {
                "source": "s",
                "head": {"use": "pooled_linear", "classes": ["a", "b"], **head},
                "augment": {"weak": {"use": "identity"}},
                "strategies": [{"use": "cross_entropy"}],
            }
        },
    }
    return RecipeText(content, "recipe").validated()


def documented(source):
    """The names in the table of options of this source in docs/sources.md."""
    section = re.split(r"^## ", GUIDE.split(f"\n## {source}\n")[1], flags=re.MULTILINE)[0]
    table = section.split("| option |")[1].split("\n\n")[0] if "| option |" in section else ""
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize("source", VALUES)
def test_the_options_above_are_those_of_the_source_and_of_its_documentation(source):
    fields = set(options_model(SOURCES[source].make, source).model_fields)
    assert set(VALUES[source]) == fields
    assert documented(source) == fields - {"root"}, "`root` is explained at the top of the page"
    assert set(SOURCES) == set(VALUES)


@pytest.mark.parametrize(("source", "option"), CASES)
def test_an_option_reaches_the_source_through_a_recipe(source, option, monkeypatch):
    values = VALUES[source]
    required = {
        name: values[name]
        for name, field in options_model(SOURCES[source].make, source).model_fields.items()
        if field.is_required()
    }
    recipe = recipe_of(source, {**required, option: values[option]})
    assemble(recipe, PLUGINS, "recipe")
    assert recipe.sources["s"].options[option] == values[option]
    given = {}
    real = SOURCES[source].make.__init__

    def spy(self, *engine, **options):
        given.update(options)
        real(self, *engine, **options)

    spy.__signature__, spy.__annotations__ = inspect.signature(real), real.__annotations__
    monkeypatch.setattr(SOURCES[source].make, "__init__", spy)
    make_source(recipe, PLUGINS, Folders(), "s")
    assert given[option] == values[option]


def test_no_source_has_an_option_with_the_name_of_a_key_of_the_core():
    for source, entry in SOURCES.items():
        assert not set(options_model(entry.make, source).model_fields) & set(SourceEntry.model_fields)


def multi_label_table(root):
    for name in "abc":
        made_up.grey_image(root / f"{name}.png")
    (root / "manifest.csv").write_text("image,a,b\na.png,1,0\nb.png,1,1\nc.png,,\n", encoding="utf-8")


def test_a_multi_label_table_gives_multi_label_targets(tmp_path):
    multi_label_table(tmp_path)
    recipe = recipe_of("manifest", {"root": str(tmp_path), "labels": ["a", "b"]}, multilabel=True)
    task = assemble(recipe, PLUGINS, "recipe").tasks[0]
    examples = examples_of("s", recipe.sources["s"], make_source(recipe, PLUGINS, Folders(), "s"))
    assert [example.labels for example in examples] == [{"a"}, {"a", "b"}, None]
    decoded = decode(examples, 32, 1, folder=tmp_path / "cache")
    rows = rows_of("s", ["a.png", "b.png"], task.output, examples, decoded)
    assert rows.target(slice(None)).tolist() == [[1, 0], [1, 1]]


def test_its_classes_can_be_renamed_too(tmp_path):
    multi_label_table(tmp_path)
    entry = {"root": str(tmp_path), "labels": ["a", "b"], "rename": {"a": "c", "b": None}}
    recipe = recipe_of("manifest", entry)
    examples = examples_of("s", recipe.sources["s"], make_source(recipe, PLUGINS, Folders(), "s"))
    assert [example.labels for example in examples] == [{"c"}, {"c"}, None]


def test_a_table_with_both_ways_to_label_is_refused(tmp_path):
    recipe = recipe_of("manifest", {"root": str(tmp_path), "labels": ["a"], "label": "b"})
    with pytest.raises(DataError, match="both 'label' and 'labels'"):
        make_source(recipe, PLUGINS, Folders(), "s")
