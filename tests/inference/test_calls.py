"""`ssmtl.run`, `evaluate`, `report` and `load` from Python; a class as a plugin; the commands do the same."""

import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F
from trained_run import SETTINGS, chest, sources

import ssmtl
from ssmtl.errors import PluginError, RecipeError, RunError
from ssmtl.json_file import write_model
from ssmtl.recipe import yaml_file
from ssmtl.registry.given import name_of
from ssmtl.registry.plugins import load_plugins
from ssmtl.runs.code_version import code_version
from ssmtl.runs.folder import RunFolder
from tests.cli.command_line import call

QUICK = {key: yaml_file.parse(value, key) for key, value in (one.split("=", 1) for one in SETTINGS)}


class PictureBridge(ssmtl.Bridge):
    """The image beside the coarsest features, as a notebook might define it."""

    def __init__(self, pyramid, /, *, scale: float = 1.0) -> None:
        super().__init__()
        self.scale, self.level = scale, len(pyramid.strides) - 1
        self.pyramid = pyramid.widened(self.level, pyramid.image_channels)

    def forward(self, images, features, guides):
        small = F.adaptive_avg_pool2d(images, features[self.level].shape[-2:]) * self.scale
        return (*features[: self.level], torch.cat([features[self.level], small], dim=1))


@pytest.fixture(scope="module")
def bridged(data, tmp_path_factory):
    """A run with that bridge, from Python."""
    changed = {**QUICK, "tasks.lungs.bridge": {"use": "picture_bridge", "scale": 2.0}}
    out = tmp_path_factory.mktemp("runs") / "bridged"
    return ssmtl.run("multimix", sources=sources(data), overrides=changed, plugins=[PictureBridge], out=out)


def test_importing_ssmtl_imports_nothing_heavy():
    script = "import sys, ssmtl; print([name for name in ('torch', 'numpy', 'PIL', 'rich') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr
    assert {"run", "load", "evaluate", "report", "Model", "Prediction"} <= set(ssmtl.__all__)
    assert all(getattr(ssmtl, name) is not None for name in ssmtl.__all__)


@pytest.mark.slow
def test_a_run_from_python_is_the_run_of_the_command(run, data, tmp_path):
    recipe = yaml_file.read_mapping(load_plugins()["recipe"]["multimix"].make)
    done = ssmtl.run(recipe, sources=sources(data), overrides=QUICK, out=tmp_path / "run")
    weights = RunFolder(done.path).weights("last").read_bytes()
    assert weights == RunFolder(run).weights("last").read_bytes()
    assert done.results.tasks == RunFolder(run).read_results().tasks
    assert done.report == ssmtl.report(done.path) == done.path / "report.html"
    assert done.trained
    again = ssmtl.run(resume=done.path)
    assert not again.trained
    assert again.results == done.results


def test_evaluate_and_report_do_what_the_commands_do(run, tmp_path):
    code, _, said = call("evaluate", run, "--out", tmp_path / "results.json")
    assert code == 0, said
    results = ssmtl.evaluate(run)
    write_model(tmp_path / "same.json", results)
    assert (tmp_path / "results.json").read_text() == (tmp_path / "same.json").read_text()
    assert results.counts == RunFolder(run).read_results().counts
    with pytest.raises(RunError, match="neither a run's folder"):
        ssmtl.report(tmp_path / "none")


def test_a_class_is_a_plugin_and_is_needed_again(bridged):
    facts = RunFolder(bridged.path).read_environment()
    assert facts.given_plugins == ["PictureBridge"]
    assert facts.plugins["PictureBridge"] == "PictureBridge"
    model = ssmtl.load(bridged.path, plugins=[PictureBridge], device="cpu")
    bridge = dict(model.experiments[0].model.bridges.items())["lungs"]
    assert (type(bridge), bridge.scale) == (PictureBridge, 2.0)
    assert model.predict(chest(0)[0])[0].masks["lungs"].masks["lung"].shape == (48, 40)
    assert ssmtl.evaluate(bridged.path, plugins=[PictureBridge]).tasks == bridged.results.tasks
    for calling in (ssmtl.load, ssmtl.evaluate):
        with pytest.raises(RecipeError, match=r"started from Python with plugins=\[PictureBridge\]: give this again"):
            calling(bridged.path)
    code, _, said = call("predict", bridged.path, bridged.report, "--out", bridged.path.parent / "none")
    assert code == 2
    assert "plugins=[PictureBridge]: give this again, from Python" in said


def test_a_component_that_fails_in_a_prediction_is_named(bridged, monkeypatch):
    model = ssmtl.load(bridged.path, plugins=[PictureBridge], device="cpu")
    monkeypatch.setattr(PictureBridge, "forward", lambda self, images, features, guides: 1 / 0)
    with pytest.raises(PluginError, match=r"the bridge of task 'lungs'.* failed in a prediction.*ZeroDivisionError"):
        model.predict(chest(0)[0])


def test_the_code_of_a_given_class_is_part_of_the_codes_version(bridged):
    recipe = RunFolder(bridged.path).read_recipe().validated()
    plugins = load_plugins(given=[PictureBridge])
    other = type("PictureBridge", (PictureBridge,), {"forward": lambda self, images, features, guides: features})
    assert code_version(plugins, recipe) == code_version(load_plugins(given=[PictureBridge]), recipe)
    assert code_version(plugins, recipe) != code_version(load_plugins(given=[other]), recipe)


@pytest.mark.parametrize(
    ("name", "called"), [("PictureBridge", "picture_bridge"), ("KLBridge", "kl_bridge"), ("GradCam2", "grad_cam2")]
)
def test_what_a_class_is_called(name, called):
    assert name_of(type(name, (), {})) == called


def test_what_is_no_plugin_is_refused(data, tmp_path):
    class Nothing:
        pass

    for given, words in (
        (Nothing, "the class Nothing is none of Backbone, Head, Bridge, Strategy, Balancer"),
        (3, "3 implements no hook"),
        (tmp_path / "none.py", "no plugin file at"),
    ):
        with pytest.raises(PluginError, match=words):
            ssmtl.run("multimix", plugins=[given], out=tmp_path / "run")
    with pytest.raises(RunError, match=r"train.devices is 2, and PictureBridge exists in this process only"):
        ssmtl.run("multimix", overrides={"train.devices": 2}, plugins=[PictureBridge], out=tmp_path / "run")
    with pytest.raises(RunError, match="which recipe"):
        ssmtl.run()
    with pytest.raises(RecipeError, match=r"image\.size"):
        ssmtl.run("multimix", overrides={"image.size": "large"})
    assert not (tmp_path / "run").exists()


def test_an_object_with_hooks_is_a_plugin():
    import ssmtl_bridges

    class Mine:
        @ssmtl.hookimpl
        def ssmtl_bridges(self):
            return {"picture": PictureBridge}

    found = load_plugins(given=[Mine(), ssmtl_bridges])
    assert found["bridge"]["picture"].make is PictureBridge
    assert found.given == ["Mine"]
