"""`ssmtl plugins --table`: facts of classes, of docstrings and of measured rows; and the tables of docs/methods.md."""

import importlib.util
import re
from dataclasses import asdict
from itertools import pairwise

import pytest
import torch
import yaml
from torch import nn

from ssmtl import Balancer, GradientBalancer, Strategy, hookimpl
from ssmtl.cli.methods_table import HEADS
from ssmtl.contracts.backbone import Backbone, Pyramid
from ssmtl.contracts.head import Head, Output
from ssmtl.cost.measured_methods import KINDS, read_measured
from ssmtl.cost.method_facts import method_facts
from ssmtl.cost.rows_through import rows_counted
from ssmtl.errors import PluginError
from ssmtl.registry.docstring import paper_of
from ssmtl.registry.plugins import load_plugins, plural
from tests.cli.command_line import REPOSITORY, call

PLUGINS = load_plugins()
FACTS = {(one.kind, one.name): one for one in method_facts(PLUGINS)}
WITHOUT_IMAGES = {"mae", "mse", "number_consistency"}
"""No shipped source has numbers, so that they were not measured."""

PAPERLESS = {
    "anatomical_crop", "anatomical_gate", "cross_entropy", "fixed", "image_only", "mae", "mse", "random_map",
    "soft_dice",
}  # fmt: skip


def script(path):
    spec = importlib.util.spec_from_file_location(path.split("/")[-1].removesuffix(".py"), REPOSITORY / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("doc", "paper"),
    [
        (None, ""),
        ("Ours.", ""),
        ('What.\n\nLee, "One: Two", ICML 2013 workshop.', "Lee, ICML 2013"),
        ('What. Zhang et al., "A\n   title", NeurIPS 2021,\n   equation (5).', "Zhang et al., NeurIPS 2021"),
        ('Liu, Johns and Davison, "T", CVPR 2019, section 3.', "Liu et al., CVPR 2019"),
        ('Laine and Aila, "T", ICLR 2017, algorithm 1.', "Laine and Aila, ICLR 2017"),
        ('Tarvainen & Valpola, "T," NeurIPS 2017: it.', "Tarvainen and Valpola, NeurIPS 2017"),
        ('Xie, Dai, Hovy, Luong and Le, "T", arXiv 2410.10777, 2024: it.', "Xie et al., arXiv 2410.10777, 2024"),
        ('It, 2 %. By Du et al.: A and B, "T", 2017. C, "U", ICLR 2018.', "A and B, 2017"),
    ],
)
def test_the_paper_is_the_first_reference(doc, paper):
    assert paper_of(doc) == paper


def test_every_method_has_a_line_and_but_for_our_own_a_paper():
    assert {(kind, name) for kind in KINDS for name in PLUGINS[kind]} == set(FACTS)
    assert {name for (_, name), one in FACTS.items() if not one.paper} == PAPERLESS


def test_every_method_was_measured():
    rows = {(one.kind, one.name): one for one in read_measured()}
    assert {name for _, name in FACTS.keys() - rows.keys()} == WITHOUT_IMAGES
    assert rows.keys() <= FACTS.keys()
    for (kind, name), row in rows.items():
        if name in ("cross_entropy", "soft_dice", "fixed"):
            assert (row.pairs, row.ratio, row.rows_trained) == (0, 1.0, 0)
            continue
        assert row.pairs >= 20
        assert 0 < row.low <= row.ratio <= row.high
        gradients = issubclass(PLUGINS[kind][name].make, GradientBalancer)
        assert (row.rows_backward > row.rows_trained + row.rows_in_images) == gradients
        assert (row.bytes_averages > 0) == ("average" in FACTS[kind, name].state)


def test_what_classes_say():
    assert FACTS["strategy", "flexmatch"].learns_from == "classes"
    assert FACTS["strategy", "mixmatch"].learns_from == "classes, labels; replaces cross_entropy"
    assert FACTS["strategy", "cutmix_seg"].learns_from == "masks, exclusive masks"
    assert FACTS["balancer", "upgrad"].learns_from == "gradients"
    assert FACTS["balancer", "dwa"].learns_from == "losses"
    assert FACTS["bridge", "grad_cam"].learns_from == "a task of classes, labels"
    assert FACTS["bridge", "anatomical_gate"].learns_from == "a task of masks"
    assert FACTS["bridge", "nddr"].learns_from == "another task's features"
    assert FACTS["bridge", "mtan"].learns_from == "its own task"
    assert FACTS["strategy", "fixmatch"].passes == "+1 trained, +1 plain"
    assert FACTS["strategy", "defixmatch"].passes == "+2 trained, +2 plain"
    assert FACTS["balancer", "upgrad"].passes == "+2 backward"
    assert FACTS["bridge", "saliency"].passes == "+1 in the images"


class Unmeasured(Balancer):
    """A. Nobody, "Nothing", Nowhere 2026."""

    def __init__(self, _tasks, /):
        super().__init__()

    def forward(self, losses):
        return sum(losses.values())


def test_of_other_peoples_methods_nothing_is_made_up():
    class Mine:
        @hookimpl
        def ssmtl_balancers(self):
            return {"unmeasured": Unmeasured}

    facts = next(one for one in method_facts(load_plugins(given=[Mine()]), ["balancer"]) if one.name == "unmeasured")
    assert asdict(facts) == {
        "kind": "balancer", "name": "unmeasured", "learns_from": "losses", "over": "?", "passes": "?", "state": "?",
        "cost": "?", "interval": "", "paper": "Nobody, Nowhere 2026",
    }  # fmt: skip


@pytest.mark.parametrize("columns", [80, 140])
def test_the_table_fits_the_terminal(columns):
    code, shown, _ = call("plugins", "--table", columns=columns)
    assert code == 0
    assert max(map(len, shown.splitlines())) <= columns
    for _, name in FACTS:
        assert re.search(rf"^{name}\b", shown, re.MULTILINE), "names are not folded"


def columns_of(lines):
    """By method, the text of each of its cells, which lie below their heads."""
    heads = next(line for line in lines if line.startswith("method "))
    places = [*sorted(heads.index(head) for head in HEADS if head in heads), None]
    cells, rows = {}, lines[lines.index(heads) + 1 :]
    for line in rows[: rows.index("")]:
        parts = [line[low:high].strip() for low, high in pairwise(places)]
        if parts[0]:
            cells[parts[0]] = parts
        else:
            last = next(reversed(cells.values()))
            last[:] = [f"{before} {more}".strip() for before, more in zip(last, parts, strict=True)]
    return [head for head in HEADS if head in heads], cells


@pytest.mark.parametrize("columns", [80, 90, 100, 110, 140])
def test_no_word_of_the_table_is_cut(columns):
    shown = call("plugins", "--table", columns=columns)[1]
    for kind in KINDS:
        lines = [line.rstrip() for line in shown.splitlines()]
        heads, cells = columns_of(lines[lines.index(plural(kind)) :])
        assert {"method", "learns from", "cost", "paper"} <= set(heads)
        assert ("state" in heads) or "State and over are shown from 110 columns" in shown
        for name, found in cells.items():
            one = FACTS[kind, name]
            whole = {
                "method": name, "learns from": one.learns_from, "over": one.over,
                "more passes": one.passes.replace(", ", " "),
                "state": one.state, "cost": f"{one.cost} {one.interval}".strip(), "paper": one.paper or "–",
            }  # fmt: skip
            assert dict(zip(heads, found, strict=True)) == {head: whole[head] for head in heads}


def test_the_table_as_markdown():
    code, shown, _ = call("plugins", "bridge", "--markdown")
    assert code == 0
    rows = [line for line in shown.splitlines() if line.startswith("| `")]
    assert [re.match(r"\| `(\w+)`", row)[1] for row in rows] == list(PLUGINS["bridge"])
    assert {row.count("|") for row in shown.splitlines() if row.startswith("|")} == {8}


def test_over_is_the_recipe_that_the_methods_own_recipe_extends():
    found = {(one.kind, one.name): one.over for one in FACTS.values()}
    for kind, name in found:
        recipe = PLUGINS["recipe"].get(f"methods/{name}")
        if recipe is not None and found[kind, name] != "?":
            assert found[kind, name] == yaml.safe_load(recipe.make.read_text(encoding="utf-8"))["extends"]
    assert (found["strategy", "flexmatch"], found["strategy", "unimatch"], found["balancer", "dwa"]) == (
        "enc", "unet", "umtl",
    )  # fmt: skip
    assert "| `unimatch` | masks, exclusive masks | unet |" in (REPOSITORY / "docs" / "methods.md").read_text("utf-8")


def test_a_kind_without_methods_is_named():
    code, _, said = call("plugins", "head", "--table")
    assert code == 2
    assert "the table of methods has no kind 'head' (known: strategy, balancer, bridge)" in said


def test_the_page_of_methods_is_made_from_the_same():
    made = script("benchmarks/methods_page.py")
    page = made.PAGE.read_text(encoding="utf-8")
    assert made.rendered(page) == page
    assert set(made.TABLE.findall(page)) == set(made.remarks())
    names = [name for section in made.remarks().values() for name in section]
    assert len(names) == len(set(names))
    assert {name for _, name in FACTS} - set(names) == {"cross_entropy", "mae", "mse", "soft_dice"}


def test_where_to_start_quotes_the_measured_rows():
    page = script("benchmarks/methods_page.py").PAGE.read_text(encoding="utf-8")
    section = page[page.index("## Where to start") : page.index("## Running one")]
    pages = [
        (REPOSITORY / "benchmarks" / name).read_text(encoding="utf-8")
        for name in ("LEADERBOARD.md", "leaderboard/digits.md", "leaderboard/classes.md")
    ]
    results = (REPOSITORY / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    pages.append(re.sub(r"([+−]\d\.\d+) \| ([+−]\d\.\d+) to ([+−]\d\.\d+)", r"\1 [\2, \3]", results))
    quoted = re.findall(r"[+−]\d\.\d+ \[[+−]\d\.\d+, [+−]\d\.\d+\]", section)
    assert len(quoted) == 30
    for one in quoted:
        assert any(one in page for page in pages), one
    for recipe in re.findall(r"`((?:methods|busi|strong)/\w+)`", section):
        assert recipe in PLUGINS["recipe"]
    for name in re.findall(r"(?<=, )`(\w+)`(?=[,.] |, | \|)", section.split("LEADERBOARD")[0]):
        assert f"methods/{name}" in PLUGINS["recipe"] or name in PLUGINS["recipe"]


class Doubling(Backbone):
    def __init__(self):
        super().__init__()
        self.pyramid = Pyramid((1,), (1,))
        self.layer = nn.Conv2d(1, 1, 1)

    def forward(self, images):
        return (self.layer(images),)


class Mean(Head):
    output = Output("multilabel", ("a",))

    def forward(self, features):
        return features[0].mean((2, 3))


def test_rows_are_counted_by_what_their_gradient_reaches():
    backbone, head, images = Doubling(), Mean(), torch.rand(3, 1, 4, 4)
    with rows_counted() as rows:
        head(backbone(images)).sum().backward()
        with torch.no_grad():
            head(backbone(images[:2]))
        frozen = backbone.requires_grad_(False)
        loss = frozen(images[:1].clone().requires_grad_())[0].sum()
        loss.backward(retain_graph=True)
        loss.backward()
    assert asdict(rows) == {"trained": 3, "plain": 2, "in_images": 1, "head": 5, "backward": 5}
    backbone(images)
    assert rows.plain == 2, "nothing is counted afterwards"


def test_a_strategy_may_say_nothing_of_itself():
    assert Strategy.replaces == frozenset()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"accepts": 5}, "accepts is 5, expected a frozenset"),
        ({"replaces": 3}, "replaces is 3, expected a frozenset"),
        ({"accepts": frozenset({"multiclas"})}, "no kind of output (did you mean 'multiclass'?)"),
        ({"accepts": frozenset({"martian"})}, "accepts has 'martian', no kind of output (known: "),
    ],
)
def test_a_class_that_says_what_it_may_not_is_blamed(said, message):
    odd = type("Odd", (Strategy,), {"accepts": frozenset({"masks"}), **said})

    class Plugin:
        @hookimpl
        def ssmtl_strategies(self):
            return {"odd": odd}

    with pytest.raises(PluginError, match="the strategy 'odd' of plugin Plugin") as caught:
        [*method_facts(load_plugins(installed=False, given=[Plugin()]))]
    assert message in str(caught.value)
