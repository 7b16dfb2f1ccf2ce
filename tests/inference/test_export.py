"""`ssmtl export`: files that say what the network says, without ssmtl, and what is refused."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import yaml
from trained_run import SETTINGS, SIZE, sources, train

import ssmtl
from ssmtl import Bridge
from ssmtl.contracts.head import Kind
from ssmtl.exports.model_card import PIPELINE
from ssmtl.exports.outputs import NamedOutputs
from ssmtl.exports.parity import largest_difference
from tests.cli.command_line import call

EXPORT = Path(__file__).parents[2] / "docs/export.md"
MULTIMIX = ("diagnosis", "lungs", "lungs.image", "lungs.saliency")


def batches():
    """Of 1, 2, 3 and 7 smooth images, and of one grey value."""
    random = torch.Generator().manual_seed(5)
    for rows in (1, 2, 3, 7):
        coarse = torch.rand(rows, 1, 8, 8, generator=random)
        yield torch.nn.functional.interpolate(coarse, SIZE, mode="bilinear")
    yield torch.full((2, 1, SIZE, SIZE), 0.3)


def onnx_said(path, images):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(names, {"images": images.numpy()}), strict=True))


def assert_same(module, said, maps=1e-4):
    for images in batches():
        with torch.no_grad():
            expected = module(images)
        found = said(images)
        assert list(found) == list(expected)
        for name, values in expected.items():
            if "." in name and len(images.unique()) == 1:
                continue  # a gradient of nothing but ties
            np.testing.assert_allclose(found[name], values.numpy(), atol=maps if "." in name else 1e-4, rtol=0)


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    """The ONNX file with maps, written by the command into a folder that it makes; and what the command said."""
    path = tmp_path_factory.mktemp("onnx") / "new/deep/chest.onnx"
    code, shown, said = call("export", run, "--out", path, "--maps")
    assert code == 0, said
    assert said == ""
    return path, shown


def test_an_onnx_file_says_what_the_network_says_maps_included(exported, model):
    path, shown = exported
    module = NamedOutputs(model.module, maps=True)
    assert_same(module, lambda images: onnx_said(path, images))
    maps = onnx_said(path, next(batches()))["lungs.saliency"]
    assert maps.max() > 0.01, "no gradient came through"
    assert "images to diagnosis, lungs, lungs.image, lungs.saliency" in shown


def test_the_file_says_what_it_is(exported, model, run):
    file = onnx.load(exported[0])
    onnx.checker.check_model(file)
    facts = {one.key: one.value for one in file.metadata_props}
    results = json.loads((run / "results.json").read_text())
    assert json.loads(facts["classes"]) == {"diagnosis": ["normal", "pneumonia"], "lungs": ["lung"]}
    assert facts["recipe_hash"] == results["recipe_hash"]
    assert json.loads(facts["thresholds"]) == {"lungs": {"lung": 0.5}}
    assert json.loads(facts["image"])["size"] == SIZE
    assert json.loads(facts["normalization"])[0]["lungs"] == {"mean": [0.5], "std": [0.25]}
    assert json.loads(facts["runs"])[0]["weights_sha256"] == model.weights[0]
    assert [one.type.tensor_type.shape.dim[0].dim_param for one in (*file.graph.input, *file.graph.output)] == [
        "batch"
    ] * 5
    content = exported[0].read_bytes()
    for place in (str(Path(ssmtl.__file__).parents[1]), "site-packages"):
        assert place.encode() not in content


def test_the_model_card_has_data_metrics_and_limits(exported, run):
    text = exported[0].with_name("chest.onnx.md").read_text()
    _, header, body = text.split("---\n", 2)
    facts = yaml.safe_load(header)
    assert facts["pipeline_tag"] == "image-segmentation"
    results = json.loads((run / "results.json").read_text())
    (entry,) = facts["model-index"]
    dice = next(
        metric["value"]
        for one in entry["results"]
        if one["task"]["name"] == "lungs"
        for metric in one["metrics"]
        if metric["type"] == "dice"
    )
    assert dice == pytest.approx(results["tasks"]["lungs"]["in_domain"]["dice"], abs=1e-4)
    for part in (
        "## Intended use",
        "## Training data",
        "## Evaluation",
        "## Limits",
        "Not for diagnosis",
        "over images",
    ):
        assert part in body
    assert "| `lungs` | own (`manifest`) | 4 |" in body


def test_the_model_card_has_a_word_for_every_kind_of_task():
    assert set(PIPELINE) == set(get_args(Kind)) - {"none"}


@pytest.mark.slow
def test_a_torch_program_runs_without_ssmtl(run, model, tmp_path):
    path = tmp_path / "chest.pt2"
    code, _, said = call("export", run, "--format", "torch", "--out", path, "--maps")
    assert code == 0, said
    program = torch.export.load(path)
    assert_same(NamedOutputs(model.module, maps=True), program.module())
    np.save(tmp_path / "images.npy", next(batches()).numpy())
    script = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0].startswith("ssmtl"):
            raise ImportError(name)
sys.meta_path.insert(0, Blocker())
import json, numpy, torch
facts = {"ssmtl.json": ""}
program = torch.export.load("chest.pt2", extra_files=facts).module()
print(json.loads(facts["ssmtl.json"])["classes"]["lungs"], sorted(program(torch.from_numpy(numpy.load("images.npy")))))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"['lung'] {sorted(MULTIMIX)}"


def test_an_onnx_file_needs_no_torch_and_the_documented_code_runs(exported, tmp_path):
    """In an environment of onnxruntime and NumPy alone."""
    site = tmp_path / "site"
    site.mkdir()
    for module in (onnxruntime, np):
        folder = Path(module.__file__).parent
        for one in (folder, folder.with_name(f"{folder.name}.libs")):
            if one.exists():
                (site / one.name).symlink_to(one)
    (code,) = re.findall(r"^```python\n(.*?)^```$", EXPORT.read_text(), re.MULTILINE | re.DOTALL)
    assert code.count("multimix.onnx") == code.count("(1, 1, 64, 64)") == 1
    code = code.replace("multimix.onnx", str(exported[0])).replace("64, 64", f"{SIZE}, {SIZE}")
    script = f"""
import sys, importlib.util
sys.path.insert(0, {str(site)!r})
assert not any(importlib.util.find_spec(name) for name in ("torch", "ssmtl", "onnx", "PIL"))
{code}
print({{name: values.shape for name, values in outputs.items()}})
"""
    command = [sys.executable, "-I", "-S", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    shapes = [(1, 2), (1, 1, SIZE, SIZE), (1, 1, 4, 4), (1, 1, 4, 4)]
    assert done.stdout.strip() == str(dict(zip(MULTIMIX, shapes, strict=True)))


@pytest.mark.slow
def test_several_runs_are_one_file(run, other_run, both, tmp_path):
    done = ssmtl.export([run, other_run], tmp_path / "both.onnx")
    assert done.outputs == ("diagnosis", "lungs")
    assert_same(both.module, lambda images: onnx_said(done.path, images))
    assert "not of the ensemble" in done.card.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--out", "a.pt2"), "expected a name that ends in .onnx"),
        (("--out", "taken.onnx/a.onnx"), "--out: taken.onnx/a.onnx cannot be written"),
        (("--out", "taken.onnx"), "taken.onnx is already there; remove it"),
        (("--opset", "99"), "--opset 99: PyTorch"),
        (("--opset", "18", "--format", "torch"), "expected it with --format onnx alone"),
        (("--format", "onxx"), "'onxx' is not one of"),
    ],
)
def test_what_cannot_be_written_is_refused(arguments, words, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken.onnx").write_text("mine")
    code, _, said = call("export", run, *arguments)
    assert code == 2
    assert words in said
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["taken.onnx"]
    assert (tmp_path / "taken.onnx").read_text() == "mine"


def test_a_run_that_is_not_finished_is_refused(tmp_path):
    (tmp_path / "run").mkdir()
    code, _, said = call("export", tmp_path / "run", "--out", tmp_path / "a.onnx")
    assert code == 2
    assert "holds no finished run" in said


def test_without_the_extra_the_error_names_it(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    code, _, said = call("export", run, "--out", tmp_path / "a.onnx")
    assert code == 2
    assert "pip install 'ssmtl[onnx]'" in said


class Counting(Bridge):
    """Fixes the batch, or draws random numbers."""

    draws = False

    def __init__(self, pyramid, /):
        super().__init__()
        self.pyramid = pyramid

    def forward(self, images, features, guides):
        finest = features[0]
        if self.draws:
            finest = finest + 1e-3 * torch.rand_like(finest)
        return (finest * torch.ones(len(images), 1, 1, 1), *features[1:])


@pytest.mark.parametrize(
    ("draws", "words"),
    [(False, "fixes the number of images"), pytest.param(True, "draws random numbers", marks=pytest.mark.slow)],
)
def test_a_component_that_cannot_be_exported_is_named(draws, words, data, tmp_path, monkeypatch):
    monkeypatch.setattr(Counting, "draws", draws)
    bridge = {"tasks.lungs.bridge": {"use": "counting"}}
    settings = dict(one.split("=", 1) for one in SETTINGS)
    overrides = {key: yaml.safe_load(value) for key, value in settings.items()} | bridge
    out = tmp_path / "run"
    ssmtl.run("multimix", sources=sources(data), overrides=overrides, plugins=[Counting], out=out)
    with pytest.raises(ssmtl.SsmtlError, match=f"the bridge of task 'lungs' failed while it was exported.*{words}"):
        ssmtl.export(out, tmp_path / "a.onnx", plugins=[Counting])
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize(
    ("structured", "constant", "nudge", "fine"),
    [
        (0, 0, 0, True),
        (2e-4, 0, 1, False),
        (5e-5, 5e-4, 1e-3, True),
        (0, 5e-4, 2e-4, False),
        (0, float("nan"), 1, False),
    ],
)
def test_a_file_may_differ_on_one_grey_by_as_much_as_the_network_from_itself(model, structured, constant, nudge, fine):
    def grey(images):
        return len(images.unique()) <= 2 and float(images.min()) > 0.2

    def network(images):
        moved = nudge if grey(images) and len(images.unique()) == 2 else 0.0
        return {"diagnosis": torch.full((len(images), 2), 0.5 + moved)}

    def file(images):
        return {"diagnosis": torch.full((len(images), 2), 0.5 + (constant if grey(images) else structured))}

    module = torch.nn.Module()
    module.forward = network
    if fine:
        assert largest_difference(model, module, file) == pytest.approx(structured, abs=1e-6)
        return
    with pytest.raises(ssmtl.SsmtlError, match="differs from PyTorch's by"):
        largest_difference(model, module, file)


@pytest.mark.slow
def test_maps_that_no_bridge_gives_are_said_to_be_missing(data, tmp_path):
    run = train(data, tmp_path / "plain", "tasks.lungs.bridge=null")
    code, _, said = call("export", run, "--out", tmp_path / "plain.onnx", "--maps")
    assert code == 0, said
    assert "--maps: no bridge of this network gives its head maps" in said


@pytest.mark.slow
def test_an_onnx_file_that_differs_names_the_other_format(run, tmp_path, monkeypatch):
    def differs(*_):
        raise ssmtl.errors.RunError("the exported 'lungs' differs")

    monkeypatch.setattr("ssmtl.exports.export.largest_difference", differs)
    code, _, said = call("export", run, "--out", tmp_path / "off.onnx")
    assert code != 0
    assert "the exported 'lungs' differs; --format torch may agree better" in said
    assert not list(tmp_path.iterdir())
