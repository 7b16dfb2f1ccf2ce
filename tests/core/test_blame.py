"""Whose mistake: a component that fails is named with its plugin, file and line, wherever it runs."""

import copy
import sys
from pathlib import Path

import pytest
import torch
from test_recipe import small
from torch import nn

from ssmtl import Balancer, Bridge, Folders, Head, Strategy, View
from ssmtl.contracts.head import Output
from ssmtl.errors import DataError, PluginError, RecipeError
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.attribution import attributed
from ssmtl.experiment.prepare import make_source, prepare
from ssmtl.recipe.load import RecipeText
from ssmtl.registry.plugins import load_plugins
from ssmtl.registry.registry import Entry, Origin, Registry
from ssmtl.runs.evaluate_again import evaluate_run
from ssmtl.runs.execute import Job, execute
from ssmtl.runs.folder import RunFolder

ERRORS = (
    AttributeError("lost"), AssertionError("lost"), ImportError("lost"), SystemExit(0), KeyError("lost"),
    GeneratorExit("lost"), BaseExceptionGroup("lost", [KeyError("lost")]),
)  # fmt: skip
HERE = "test_blame.py, line "

RECIPE = {
    "name": "small",
    "image": {"size": 32},
    "sources": {"radiographs": {"use": "phantom", "domain": "chex", "images": 40, "size": 32}},
    "backbone": {"use": "multimix_encoder", "widths": [4, 4, 6, 6, 8]},
    "balancer": {"use": "sick_balancer"},
    "tasks": {
        "diagnosis": {
            "source": "radiographs",
            "labeled": 8,
            "batch": 4,
            "evaluate_on": {"in_domain": "radiographs"},
            "head": {"use": "sick_head"},
            "augment": {"weak": {"use": "identity"}},
            "strategies": [{"use": "sick_strategy"}],
            "metrics": ["sick_metric"],
        }
    },
    "train": {"steps": 2, "evaluate_every": 1, "device": "cpu"},
}


class Sick:
    """What fails, where, and with which error."""

    where = ""
    error: BaseException | None = None
    number = 0


def fail(where):
    if Sick.where == where:
        raise copy.copy(Sick.error)


class SickHead(Head):
    def __init__(self, pyramid, /):
        fail("building the head")
        super().__init__()
        self.output = Output("multiclass", ("normal", "pneumonia"))
        self.linear = nn.Linear(pyramid.channels[-1], 2)

    def forward(self, features):
        fail("the head" if torch.is_grad_enabled() or not self.training else "")
        if not self.training and len(features[0]) > 4:
            fail("the evaluated head")
        return self.linear(features[-1].mean((2, 3)))


class SickBalancer(Balancer):
    def __init__(self, tasks, /):
        super().__init__()

    def forward(self, losses):
        fail("the balancer")
        return sum(losses.values())


class SickStrategy(Strategy):
    accepts = frozenset({"multiclass"})

    def __init__(self, output, /):
        super().__init__()
        self.views = frozenset({View("labeled", "weak")})
        self.register_buffer("seen", torch.zeros(()))

    def loss(self, batch, outputs, progress):
        fail("the strategy")
        if progress > 0:
            fail("the strategy in step 2")
        self.seen += 1
        (view,) = outputs
        return nn.functional.cross_entropy(outputs[view], batch.targets[view])


class SickMetric:
    higher_is_better, unit, selects = True, "", True

    def __call__(self, probabilities, targets):
        fail("the metric")
        if Sick.where == "a metric's name":
            return {5: torch.ones(())}
        if Sick.where == "a metric's value":
            return {"five": 5.0}
        if Sick.where == "a metric's shape":
            return {"m": torch.ones(1000)}
        if Sick.where == "a metric's return":
            return None
        return {"right": (probabilities.argmax(1) == targets).float().mean()}


class SickPixels:
    name = "pixels"

    def __init__(self, image):
        self.image = image

    def fingerprint(self):
        return self.image.fingerprint()

    def read(self):
        fail("reading")
        return self.image.read()


class SickSource:
    def __init__(self, folders, plugins):
        fail("building the source")
        phantom = plugins["source"]["phantom"].make
        self.source = phantom(folders, domain="chex", images=40, size=32)

    def examples(self):
        from dataclasses import replace

        for example in self.source.examples():
            fail("listing")
            yield replace(example, image=SickPixels(example.image))


def with_sick(plugins):
    origin = plugins.origins["sick"] = Origin("sick", "hospital")
    plugins.manager.register(sys.modules[__name__], "sick")
    made = {
        "head": ("sick_head", SickHead),
        "balancer": ("sick_balancer", SickBalancer),
        "strategy": ("sick_strategy", SickStrategy),
        "metric": ("sick_metric", lambda output, /: SickMetric()),
        "source": ("sick_source", lambda folders, /: SickSource(folders, plugins)),
    }
    for kind, (name, make) in made.items():
        plugins.registries[kind].add(Entry(name, make, origin))
    return plugins


PLUGINS = with_sick(load_plugins())


@pytest.fixture
def sick(monkeypatch):
    def fall(where, error=None):
        monkeypatch.setattr(Sick, "where", where)
        monkeypatch.setattr(Sick, "error", error or AttributeError("lost"))

    return fall


def recipe(**changes):
    return RecipeText({**copy.deepcopy(RECIPE), **changes}, "f").validated()


def run(folder, **changes):
    experiment = assemble(recipe(**changes), PLUGINS)
    data = prepare(experiment, PLUGINS, Folders())
    return execute(Job(experiment.recipe, RunFolder(folder), Folders()), PLUGINS, experiment, data)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    ("where", "place", "words"),
    [
        ("building the head", "tasks.diagnosis.head", ""),
        ("the head", "tasks.diagnosis.head", "the head of task 'diagnosis', "),
        ("the balancer", "balancer", "the balancer, "),
        ("the strategy", "tasks.diagnosis.strategies.0", "the strategy 'diagnosis.sick_strategy', "),
    ],
)
def test_before_data(where, place, words, error, sick):
    sick(where, error)
    with pytest.raises(RecipeError) as caught:
        assemble(recipe(), PLUGINS, "file")
    (problem,) = caught.value.problems
    assert problem.where == f"file: {place}"
    assert problem.what == f"{type(error).__name__}: {error}"
    assert f"{words}{HERE}" in problem.hint
    assert problem.hint.endswith("of plugin sick (hospital)")


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("the strategy in step 2", "the strategy 'diagnosis.sick_strategy' failed in step 2: "),
        ("the metric", "the metric 'diagnosis.sick_metric' failed in the validation after step 1: "),
        ("the evaluated head", "the head of task 'diagnosis' failed in the validation after step 1: "),
    ],
)
def test_while_training(where, said, error, sick, tmp_path):
    sick(where, error)
    with pytest.raises(PluginError) as caught:
        run(tmp_path / "run")
    message = str(caught.value)
    assert message.startswith(f"{said}{error!r} ({HERE}")
    assert ", of plugin sick (hospital); --debug" in message
    assert not (tmp_path / "run" / "results.json").exists()


def test_a_copy_of_the_model_is_named_too(sick, tmp_path):
    """The average of the weights is what validation runs."""
    sick("the evaluated head")
    train = {**RECIPE["train"], "ema": 0.5}
    with pytest.raises(PluginError, match="the head of task 'diagnosis' failed in the validation after step 1"):
        run(tmp_path / "run", train=train)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("a metric's name", "it named a value 5, expected a word"),
        ("a metric's value", "its value 'five' is a float, expected a tensor"),
        ("a metric's shape", r"its value 'm' has shape \(1000,\), expected"),
        ("a metric's return", "it returned a NoneType, expected values by name"),
    ],
)
def test_a_metric_that_returns_something_else(where, said, sick, tmp_path):
    sick(where)
    with pytest.raises(PluginError, match=rf"the metric 'diagnosis.sick_metric' failed in .*{said}.*plugin sick"):
        run(tmp_path / "run")


def test_in_evaluation(sick, tmp_path):
    run(tmp_path / "run")
    for where, words in (("the metric", "the metric 'diagnosis.sick_metric'"), ("the evaluated head", "the head of")):
        sick(where)
        with pytest.raises(PluginError, match=rf"{words}.* failed in the evaluation on 'radiographs'.*plugin sick"):
            evaluate_run(RunFolder(tmp_path / "run"), PLUGINS, Folders())


def test_a_test_image_that_the_data_no_longer_has(tmp_path, monkeypatch):
    sources = {"radiographs": {"use": "sick_source"}}
    run(tmp_path / "run", sources=sources)
    (part,) = RunFolder(tmp_path / "run").read_split().tasks["diagnosis"].test.values()
    gone, before = part.ids[0], SickSource.examples
    monkeypatch.setattr(SickSource, "examples", lambda self: [one for one in before(self) if one.id != gone])
    with pytest.raises(DataError, match=rf"task 'diagnosis': the source 'radiographs' no longer has .*{gone}"):
        evaluate_run(RunFolder(tmp_path / "run"), PLUGINS, Folders())


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    ("where", "said"),
    [("building the source", "while it was built"), ("listing", "while listing its"), ("reading", "while reading its")],
)
def test_a_source(where, said, error, sick, tmp_path, monkeypatch):
    monkeypatch.setenv("SSMTL_CACHE", str(tmp_path))
    sick(where, error)
    experiment = assemble(recipe(sources={"radiographs": {"use": "sick_source"}}), PLUGINS)
    with pytest.raises(PluginError) as caught:
        prepare(experiment, PLUGINS, Folders())
    assert str(caught.value).startswith(f"the source 'radiographs' failed {said}")
    assert f"{error!r} ({HERE}" in str(caught.value)
    assert "of plugin sick (hospital)" in str(caught.value)


def test_a_source_that_lists_something_else(monkeypatch):
    monkeypatch.setattr(SickSource, "examples", lambda self: ["image.png"])
    made = make_source(recipe(sources={"radiographs": {"use": "sick_source"}}), PLUGINS, Folders(), "radiographs")
    with pytest.raises(PluginError, match=r"the source 'radiographs' of plugin sick \(hospital\) lists a str, no Ex"):
        made.examples()


def test_a_mistake_of_ours_is_not_blamed_on_a_plugin():
    experiment = assemble(RecipeText(small(), "f").validated(), PLUGINS)
    with pytest.raises(ZeroDivisionError), attributed(experiment, "now"):
        1 / 0  # noqa: B018
    named = pytest.raises(PluginError, match="the training step failed now: ZeroDivisionError")
    with named, attributed(experiment, "now", otherwise="the training step"):
        1 / 0  # noqa: B018


def test_the_dry_run_leaves_no_trace():
    experiment = assemble(recipe(), PLUGINS)
    assert experiment.tasks[0].terms[0].strategy.seen == 0
    assert experiment.rows == 4


def test_a_component_that_cannot_be_copied(monkeypatch):
    before = SickStrategy.__init__

    def locked(self, output, /):
        import threading

        before(self, output)
        self.lock = threading.Lock()

    monkeypatch.setattr(SickStrategy, "__init__", locked)
    with pytest.raises(RecipeError, match=r"the strategy 'diagnosis.sick_strategy' cannot be copied: TypeError"):
        assemble(recipe(), PLUGINS)


@pytest.mark.parametrize(
    ("kind", "make", "said"),
    [
        ("head", lambda pyramid, /: nn.Identity(), r"'other' of plugin sick \(hospital\) is no ssmtl.Head"),
        ("balancer", lambda tasks, /: None, "is no ssmtl.Balancer"),
    ],
)
def test_something_of_another_class(kind, make, said):
    plugins = with_sick(load_plugins())
    plugins.registries[kind].add(Entry("other", make, Origin("sick", "hospital")))
    content = copy.deepcopy(RECIPE)
    place = content if kind == "balancer" else content["tasks"]["diagnosis"]
    place[kind] = {"use": "other"}
    with pytest.raises(RecipeError, match=said):
        assemble(RecipeText(content, "f").validated(), plugins)


def test_a_bridge_without_a_pyramid():
    class Bare(Bridge):
        def __init__(self, pyramid, /):
            super().__init__()

        def forward(self, images, features, guides):
            return features

    plugins = with_sick(load_plugins())
    plugins.registries["bridge"].add(Entry("bare", Bare, Origin("sick", "hospital")))
    content = copy.deepcopy(RECIPE)
    content["tasks"]["diagnosis"]["bridge"] = {"use": "bare"}
    with pytest.raises(RecipeError, match=r"'bare' of plugin sick \(hospital\) does not define pyramid"):
        assemble(RecipeText(content, "f").validated(), plugins)


@pytest.mark.parametrize("name", [5, "", None])
def test_a_component_whose_name_is_no_word(name):
    with pytest.raises(PluginError, match=r"the plugin sick \(hospital\) calls a metric .*; expected a word"):
        Registry("metric").add(Entry(name, SickMetric, Origin("sick", "hospital")))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise SystemExit(0)", r"does not load: SystemExit\(0\) \(plugin.py, line 1\)"),
        ("import nowhere_at_all", r"does not load: ModuleNotFoundError.* \(plugin.py, line 1\)"),
        ("x = 1\nx = = 2", r"does not load: SyntaxError.* \(plugin.py, line 2\)"),
        (
            "from ssmtl import hookimpl\n@hookimpl\ndef ssmtl_heads():\n    raise SystemExit(0)",
            r"plugin.py failed in ssmtl_heads: SystemExit\(0\) \(plugin.py, line 4\)",
        ),
    ],
)
def test_a_plugin_that_does_not_load(text, said, tmp_path):
    path = Path(tmp_path / "plugin.py")
    path.write_text(text)
    with pytest.raises(PluginError, match=said):
        load_plugins([path])
    assert "plugin" not in sys.modules


def test_annotations_that_cannot_be_read():
    class Typo(Head):
        def __init__(self, pyramid, /, *, size: "Intt" = 3):  # noqa: F821
            super().__init__()

        def forward(self, features):
            return features

    plugins = with_sick(load_plugins())
    plugins.registries["head"].add(Entry("typo", Typo, Origin("sick", "hospital")))
    content = copy.deepcopy(RECIPE)
    content["tasks"]["diagnosis"]["head"] = {"use": "typo"}
    with pytest.raises(PluginError, match=r"the options of 'typo' \(.*test_blame.py\) cannot be read: NameError"):
        assemble(RecipeText(content, "f").validated(), plugins)
