"""recipes/methods: a few lines for each method, over a supervised recipe."""

import importlib.util
import math
import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from lightning_fabric import Fabric
from tiny_runs import BUDGETS, TINY, tasks_of

from ssmtl import Folders
from ssmtl.cost.measured_methods import read_measured
from ssmtl.cost.rows_through import rows_counted
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.prepare import prepare
from ssmtl.recipe.defaults import resolved
from ssmtl.recipe.load import read
from ssmtl.suite.suite_file import read_suite
from ssmtl.training.engine import training_step
from ssmtl.training.train_state import make_train_state
from tests.cli.command_line import call

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

spec = importlib.util.spec_from_file_location("methods_cost", BENCHMARKS / "cost/methods_cost.py")
cost = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cost)

PLUGINS = cost.PLUGINS
NAMES = sorted(name for name in PLUGINS["recipe"] if name.startswith("methods/"))
SUPERVISED = {"cross_entropy", "fixed", "mae", "mse", "soft_dice"}
"""What the recipes that are extended have."""

WITHOUT_IMAGES = {"number_consistency"}
"""No shipped source has numbers."""

BASES = {"enc": "diagnosis", "unet": "lungs", "umtl": None}
SUITE = BENCHMARKS / "quality/methods.yaml"
LONGEST = 12
METHODS = [name.removeprefix("methods/") for name in NAMES]


def components_of(name):
    recipe = read(name, PLUGINS["recipe"]).validated()
    return {component.use for _, _, component in recipe.components()}


def resolved_of(name):
    return resolved(read(name, PLUGINS["recipe"]).validated(), PLUGINS)


def test_every_method_has_one():
    methods = {name for kind in ("strategy", "balancer", "bridge") for name in PLUGINS[kind]}
    assert {f"methods/{name}" for name in methods - SUPERVISED - WITHOUT_IMAGES} == set(NAMES)


def test_each_is_a_few_lines_over_a_supervised_recipe():
    for name in NAMES:
        text = PLUGINS["recipe"][name].make.read_text(encoding="utf-8")
        content = yaml.safe_load(text)
        assert len(text.splitlines()) <= LONGEST
        assert text.startswith("# ")
        assert f"\n# ssmtl run {name}\n" in text
        assert content["extends"] in BASES
        assert content["name"] == name.removeprefix("methods/")
        assert f"use: {content['name']}" in text
    assert all(components_of(base) & {"fixmatch", "saliency", "uncertainty"} == set() for base in BASES)


@pytest.mark.slow
def test_the_suite_of_methods_has_the_same_settings():
    """The leaderboard ranks what these recipes do."""
    compared = set()
    for system, variant in read_suite(SUITE).variants.items():
        name = f"methods/{re.sub('^(unet|balancer|bridge)_', '', system)}"
        task = next((one for recipe, one in BASES.items() if recipe == variant.recipe), None) or "diagnosis"
        if name not in NAMES or task not in tasks_of(name) or system == "tsa_cross_entropy":  # there with uda beside it
            continue
        method = {place: one for place, _, one in resolved_of(name).components()}
        for place, wanted in variant.set.items():
            components = enumerate(wanted) if isinstance(wanted, list) else [("", wanted)]
            for number, one in components:
                found = method[f"{place}.{number}".rstrip(".")].model_dump(mode="json")
                assert one == {key: found[key] for key in one}, (system, place)
        compared.add(name.removeprefix("methods/"))
    assert compared
    assert not {"flexmatch", "cutmix_seg", "upgrad", "saliency"} - compared


@pytest.mark.parametrize("pairs", [6, 20, 21, 30])
def test_the_interval_is_the_narrowest_that_holds_the_median_often_enough(pairs):
    """Below the k-th of n values lie at least k of n; so many tosses of a coin show heads."""
    low, high = cost.interval([float(one) for one in range(pairs, 0, -1)])
    assert low + high == pairs + 1

    def often(place):
        return 1 - 2 * sum(math.comb(pairs, heads) for heads in range(place)) / 2**pairs

    assert often(int(low)) >= 0.95 > often(int(low) + 1)


def state_of(name):
    overrides = [*TINY, *(override for task in tasks_of(name) for override in BUDGETS[task])]
    text = read(name, PLUGINS["recipe"], overrides=overrides)
    experiment = assemble(text.validated(), PLUGINS, text.place)
    fabric = Fabric(accelerator="cpu", devices=1)
    return make_train_state(fabric, experiment, prepare(experiment, PLUGINS, Folders()).tasks)


ROWS = ("trained", "in_images", "plain", "head", "backward")


def counted(state, step):
    """Rows of a step, of batches of 4."""
    with rows_counted() as rows:
        assert training_step(state, step, diagnose=True).total.isfinite()
    return [getattr(rows, name) for name in ROWS]


@cache
def supervised(base):
    return counted(state_of(base), 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_is_right_and_trains_and_takes_the_passes_that_were_measured(name):
    code, shown, said = call("check", name, "--sources", "phantom")
    assert (code, said) == (0, "")
    assert "has no errors, nor has what its sources list" in shown
    state = state_of(name)
    before = {key: value.clone() for key, value in state.experiment.model.state_dict().items()}
    assert training_step(state, 0).total.isfinite()
    rows = counted(state, 1)
    assert any(not value.equal(before[key]) for key, value in state.experiment.model.state_dict().items())
    measured = next(one for one in read_measured() if one.name == name.removeprefix("methods/"))
    more = [(ours - theirs) / 4 for ours, theirs in zip(rows, supervised(measured.base), strict=True)]
    assert more == [getattr(measured, f"rows_{kind}") / measured.batch for kind in ROWS]
