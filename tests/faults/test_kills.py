"""A run that is killed at any moment and resumed ends bit for bit as the uninterrupted one."""

import random
import re

import pytest
from children import DEVICE, assert_same, command, killed_at, random_moment, tiny
from first_users import FIRST_USERS

from ssmtl.registry.plugins import load_plugins

RECIPES = ["multimix", "enc_mm", "supervised_tuned"]
"""MixMatch's mixing and the moving average are among them."""

QUIET = re.compile(r"fewer than|use of fork\(\)")
"""Warnings of the smallest runs, and of Python 3.12 where a process of several threads forks."""

METHODS = FIRST_USERS | ({"16 bits": ("train.precision=16-mixed",)} if DEVICE == "cuda" else {})
OTHERS = sorted(name for name in load_plugins()["recipe"] if "/" not in name and name not in RECIPES)
PLACES = [
    ("checkpoints", 1),
    ("checkpoints", 6),
    ("checkpoints", 9),
    ("checkpoints", 14),
    ("checkpoints", 23),
    ("checkpoints", 34),
    ("weights", 3),
    ("metrics.jsonl", 2),
    ("recipe.yaml", 2),
    ("split.json", 3),
    ("results.json", 1),
    ("results.json", 3),
    ("report.html", 2),
]


def killed_and_resumed(arguments, tmp_path, first):
    """The run's folder, after one kill and one resume."""
    cut, log = tmp_path / "cut", tmp_path / "log"
    killed = command([*arguments, "--out", cut, "--resume", "auto"], log, first=first)
    assert killed.code == -9, killed.out
    again = command([*arguments, "--out", cut, "--resume", "auto"], log)
    assert again.code == 0, again.out
    assert not [line for line in again.out.splitlines() if "Warning" in line and not QUIET.search(line)], again.out
    return cut


@pytest.mark.parametrize(
    "recipe", ["multimix", *(pytest.param(name, marks=pytest.mark.slow) for name in [*RECIPES[1:], *OTHERS])]
)
def test_killed_twice_at_random_it_ends_as_if_nothing_had_been(recipe, whole, tmp_path):
    stream = random.Random(recipe)
    cut, log = tmp_path / "cut", tmp_path / "log"
    for _ in range(2):
        killed = command([*tiny(recipe), "--out", cut, "--resume", "auto"], log, first=random_moment(stream, cut))
        assert killed.code == -9, killed.out
    again = command([*tiny(recipe), "--out", cut, "--resume", "auto"], log)
    assert again.code == 0, again.out
    assert_same(whole(recipe)[0], cut)


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_other_methods_killed_and_resumed(name, whole, tmp_path):
    cut = killed_and_resumed(tiny("multimix", *METHODS[name]), tmp_path, killed_at("checkpoints", 14))
    assert_same(whole("multimix", *METHODS[name])[0], cut)


FEW = [("checkpoints", 6), ("results.json", 1)]


@pytest.mark.parametrize(
    ("place", "count"), [one if one in FEW else pytest.param(*one, marks=pytest.mark.slow) for one in PLACES]
)
def test_killed_at_a_file_operation(place, count, whole, tmp_path):
    cut = killed_and_resumed(tiny("multimix"), tmp_path, killed_at(place, count))
    assert_same(whole("multimix")[0], cut)
    assert not list(cut.rglob(".*.part"))
    assert not list(cut.rglob(".*.old"))


@pytest.mark.parametrize("count", [4, *(pytest.param(count, marks=pytest.mark.slow) for count in (1, 2, 7))])
def test_killed_while_the_cache_is_built(count, whole, tmp_path, monkeypatch):
    """A half-built entry is never used."""
    monkeypatch.setenv("SSMTL_CACHE", str(tmp_path / "cache"))
    cut = killed_and_resumed(tiny("multimix"), tmp_path, killed_at("cache/.building", count))
    assert_same(whole("multimix")[0], cut)


@pytest.mark.slow  # tests/parity/test_state.py tests the same without a process
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("uncertainty balancer", ("balancer={use: uncertainty}",)),
        ("cosine schedule", ("schedule={use: cosine, warmup: 3}", "train.clip=1.0")),
        ("SGD", ("optimizer={use: sgd, lr: 0.01}", "train.ema=0.9")),
        ("bfloat16", ("train.precision=bf16-mixed",)),
        ("ramp", ("tasks.lungs.strategies.kl_consistency.weight={to: 0.1, until: 0.9}", "train.select_by=last")),
    ],
)
def test_with_every_kind_of_state(name, settings, tmp_path, whole):
    cut = killed_and_resumed(tiny("multimix", *settings), tmp_path, killed_at("checkpoints", 30))
    assert_same(whole("multimix", *settings)[0], cut)
