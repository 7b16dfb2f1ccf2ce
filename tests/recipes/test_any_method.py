"""One recipe, any method: `--set ….use=NAME` puts each component in the place of another."""

import itertools
import warnings
from dataclasses import replace

import pytest
import torch

from ssmtl.errors import RecipeError, SsmtlWarning
from ssmtl.experiment.assemble import assemble
from ssmtl.recipe.load import read
from ssmtl.recipe.overrides import overridden
from ssmtl.registry.plugins import load_plugins

PLUGINS = load_plugins()
SMALL = ("image.size=32", "backbone.widths=[3, 4, 5, 6]")
KINDS = {"diagnosis": "multiclass", "lungs": "masks"}
CLASSES, MASKS = "tasks.diagnosis.strategies.1.use", "tasks.lungs.strategies.1.use"
PIXELWISE = "tasks.lungs.augment.strong={use: intensity}"
"""MultiMix's masks have no strong view, which some methods ask for."""

STRATEGIES = {
    task: [name for name, entry in PLUGINS["strategy"].items() if kind in entry.make.accepts]
    for task, kind in KINDS.items()
}
GUIDED = dict.fromkeys(("grad_cam", "saliency", "smooth_grad"), "lungs")
GUIDED |= dict.fromkeys(("anatomical_crop", "anatomical_gate"), "diagnosis")
"""Bridges that one of the tasks alone can have, since the other one guides it."""
BALANCERS = [(f"balancer.use={name}", f"balancer.over={over}") for name, over in
             zip(PLUGINS["balancer"], itertools.cycle(("strategies", "tasks")))]  # fmt: skip
BRIDGES = [
    ("tasks.lungs.bridge=null", f"tasks.{task}.bridge.use={name}")
    for name in PLUGINS["bridge"]
    for task in KINDS
    if task == GUIDED.get(name, task)
]


def each(one, many):
    """As often as the longest list has items, in turns."""
    return [one[number % len(one)] for number in range(many)]


def assembled(*settings, recipe="multimix"):
    text = read(recipe, PLUGINS["recipe"], overrides=[*SMALL, *settings])
    return assemble(text.validated(), PLUGINS, text.place)


@pytest.mark.filterwarnings("ignore:.*labels count twice")
def test_each_by_one_setting():
    """All at once, so that it is quick: a strategy for each task, a balancer and a bridge."""
    several = (STRATEGIES["diagnosis"], STRATEGIES["lungs"], BALANCERS, BRIDGES)
    many = max(map(len, several))
    for classes, masks, balancer, bridge in zip(*(each(one, many) for one in several), strict=True):
        recipe = assembled(f"{CLASSES}={classes}", PIXELWISE, f"{MASKS}={masks}", *balancer, *bridge).recipe
        used = {component.use for _, _, component in recipe.components()}
        assert {classes, masks, balancer[0].split("=")[1], bridge[1].split("=")[1]} <= used


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*labels count twice")
def test_each_pair():
    """Every pair of two of: a strategy of the classes, one of the masks, a balancer, a bridge."""
    base, pairs = read("multimix", PLUGINS["recipe"], overrides=[*SMALL, PIXELWISE]), set()
    for (i, classes), (j, masks) in itertools.product(*(enumerate(names) for names in STRATEGIES.values())):
        balancer, bridge = BALANCERS[(i + j) % len(BALANCERS)], BRIDGES[(i + 2 * j) % len(BRIDGES)]
        content = base.content
        for setting in (f"{CLASSES}={classes}", f"{MASKS}={masks}", *balancer, *bridge):
            content, _ = overridden(content, setting)
        assemble(replace(base, content=content).validated(), PLUGINS)
        pairs |= set(itertools.combinations((("classes", classes), ("masks", masks), balancer, bridge), 2))
    several = ([("classes", one) for one in STRATEGIES["diagnosis"]], [("masks", one) for one in STRATEGIES["lungs"]])
    wanted = (itertools.product(*two) for two in itertools.combinations((*several, BALANCERS, BRIDGES), 2))
    assert pairs == set(itertools.chain(*wanted))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["multilabel", "exclusive", "numbers"])
def test_other_kinds_of_head(kind):
    """Every strategy either learns from the head or says that it cannot, and from which it can."""
    task = "lungs" if kind == "exclusive" else "diagnosis"
    head = "={use: pooled_numbers, numbers: [age]}" if kind == "numbers" else f".{kind}=true"
    metric = {"multilabel": "auroc", "exclusive": "dice", "numbers": "mae"}[kind]
    for name, entry in PLUGINS["strategy"].items():
        exclusive = kind != "exclusive" or entry.make.takes_exclusive
        settings = [f"tasks.{task}.head{head}", PIXELWISE, f"tasks.{task}.metrics=[{metric}]"]
        settings.append(f"tasks.{task}.strategies=[{{use: {name}}}]")
        if ("masks" if kind == "exclusive" else kind) in entry.make.accepts and exclusive:
            assembled(*settings, recipe="umtl")
        else:
            words = "cannot learn from a head of kind|takes each structure by itself"
            with pytest.raises(RecipeError, match=words) as caught:
                assembled(*settings, recipe="umtl")
            assert len(caught.value.problems) == 1


def test_a_balancer_of_strategies_has_their_names():
    """A dot, as in 'task.strategy', is none of a parameter's name."""
    balancer = assembled("balancer.use=uncertainty", "balancer.over=strategies").balancer
    names = [name.removeprefix("log_variances.") for name, _ in balancer.named_parameters()]
    assert names == [
        "diagnosis:cross_entropy", "diagnosis:fixmatch", "lungs:soft_dice", "lungs:kl_consistency",
    ]  # fmt: skip
    losses = {name.replace(":", "."): torch.tensor(float(number)) for number, name in enumerate(names)}
    assert balancer(losses).item() == 0 + 1 + 2 + 3


def options_of(part, *settings):
    component = {place: component for place, _, component in assembled(*settings).recipe.components()}[part]
    return component.options


def test_the_only_other_task_is_meant():
    given = "tasks.lungs.bridge.guided_by=diagnosis"
    left_out, told = (
        assembled("tasks.lungs.bridge.use=grad_cam", *more).recipe.digest() for more in ((), (given,))
    )  # the resolved recipe is the same, and so is its hash
    assert left_out == told
    assert options_of("tasks.lungs.strategies.1", f"{MASKS}=mtpsl")["partner"] == "diagnosis"
    assert options_of("tasks.diagnosis.strategies.1", f"{CLASSES}=mtpsl")["partner"] == "lungs"
    assert options_of("tasks.lungs.strategies.1", f"{MASKS}=jtr")["partners"] == ["diagnosis"]


THIRD = (
    "tasks.other={source: chex, evaluate_on: {in_domain: chex}, head: {use: pooled_linear, classes: [normal, "
    "pneumonia]}, augment: {weak: {use: identity}}, strategies: [{use: cross_entropy}], metrics: [auroc]}"
)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ((THIRD, f"{MASKS}=mtpsl"), "strategies.1.partner: is missing (it names another task: diagnosis, other)"),
        ((THIRD, f"{MASKS}=jtr"), "strategies.1.partners: is missing (it names another task: diagnosis, other)"),
        (
            (THIRD, "tasks.lungs.bridge.use=grad_cam"),
            "tasks.lungs.bridge.guided_by: is missing (it names another task: diagnosis, other)",
        ),
        (
            (f"{MASKS}=unimatch",),
            "'unimatch' asks for the views unlabeled/strong, unlabeled/strong/1, and there is no 'strong' "
            "(set tasks.lungs.augment.strong.use; known: weak)",
        ),
        (("tasks.lungs.bridge.use=anatomical_gate",), "cannot be guided by 'diagnosis', a task of kind multiclass"),
        (("tasks.diagnosis.bridge.use=saliency",), "the bridges form a cycle: diagnosis → lungs → diagnosis"),
        ((f"{MASKS}=remixmatch",), "'remixmatch' cannot learn from a head of kind masks"),
    ],
    ids=str,
)  # fmt: skip
def test_where_there_is_no_one_answer_the_key_is_named(settings, words):
    with pytest.raises(RecipeError) as caught:
        assembled(*settings)
    (problem,) = caught.value.problems
    assert words in str(problem)


def test_alone_there_is_no_other_task():
    with pytest.raises(RecipeError, match=r"guided_by: is missing \(it names another task, and the recipe has none\)"):
        assembled("tasks.diagnosis.bridge={use: saliency}", recipe="enc")


TWICE = "labels count twice: '{}' and '{}' both replace 'cross_entropy'; leave one of them out"


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        ("adamatch", "remixmatch", ("adamatch", "remixmatch")),
        ("mixmatch", "mixmatch, alpha: 0.5", ("mixmatch", "mixmatch#2")),
        ("adamatch", "coral", ("adamatch", "coral")),
    ],
)
def test_two_that_replace_the_same_count_labels_twice(first, second, names):
    both = f"tasks.diagnosis.strategies=[{{use: {first}}}, {{use: {second}}}]"
    with pytest.warns(SsmtlWarning, match=TWICE.format(*names)):
        assembled(both)


def test_a_task_that_is_scored_and_learns_no_label_is_told():
    settings = ("tasks.diagnosis.strategies=[{use: fixmatch}]",)
    with pytest.warns(SsmtlWarning, match="strategies: none learns from the task's labels .'fixmatch'., but it is sco"):
        assembled(*settings)
    for more in ("tasks.diagnosis.metrics=[]", "init=somewhere"):
        with warnings.catch_warnings(action="error"):
            assembled(*settings, more)


def test_labels_that_count_twice_are_told():
    with pytest.warns(SsmtlWarning, match="labels count twice: 'mixmatch' replaces 'cross_entropy'; leave one of them"):
        assembled(f"{CLASSES}=mixmatch")
    with warnings.catch_warnings(action="error"):
        assembled("tasks.diagnosis.strategies=[{use: mixmatch}]")
