"""A run on images that keep their aspect ratio, with a task that estimates a number."""

import contextlib
import csv

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from trained_run import SETTINGS, SIZE, chest, sources, write_images

import ssmtl
from ssmtl.exports.facts import facts_of
from ssmtl.exports.model_card import model_card
from ssmtl.exports.parity import largest_difference
from ssmtl.recipe import yaml_file
from ssmtl.registry.plugins import load_plugins
from ssmtl.runs.folder import RunFolder
from tests.cli.command_line import call

AGE = "tasks.age={source: own, labeled: all, batch: 4, evaluate_on: {in_domain: own}, metrics: [mae], "
AGE += "head: {use: pooled_numbers, numbers: [age]}, augment: {weak: {use: identity}}, strategies: [{use: mse}]}"


@pytest.fixture(scope="module")
def padded_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("padded")
    data = write_images(folder / "own")
    rows = list(csv.reader((data / "manifest.csv").open()))
    with (data / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([[*row, str(30 + at) if at else "age"] for at, row in enumerate(rows)])
    own = sources(data)
    entry = {**own["own"], "numbers": ["age"]}
    recipe = yaml_file.read_mapping(load_plugins()["recipe"]["multimix"].make)
    settings = (*SETTINGS, "image.fit=pad", AGE)
    done = ssmtl.run(recipe, sources={**own, "own": entry}, overrides=settings, out=folder / "run")
    return done.path


@pytest.fixture(scope="module")
def padded(padded_run):
    return ssmtl.load(padded_run, device="cpu")


def test_masks_are_cut_out_of_the_square_that_the_network_saw(padded):
    grey = chest(7, (80, 40))[0]
    found = padded.predict(grey)[0]
    half = np.asarray(Image.fromarray(grey.astype(np.float32)).resize((16, 32), Image.Resampling.BILINEAR))
    square = np.zeros((SIZE, SIZE), np.float32)
    square[:, 8:24] = np.rint(half) / 255
    seen = padded.module(torch.from_numpy(square)[None, None])["lungs"][0, 0].numpy()
    large = Image.fromarray(np.ascontiguousarray(seen[:, 8:24])).resize((40, 80), Image.Resampling.BILINEAR)
    mask = found.masks["lungs"].masks["lung"]
    assert mask.shape == (80, 40)
    assert (mask != (np.asarray(large) > 0.5)).mean() < 0.01


def test_a_model_card_says_what_a_number_is(padded, padded_run):
    run = RunFolder(padded_run)
    results = [run.read_results()]
    facts = facts_of(padded, results, {"age": (1,)})
    text = model_card([run], results, facts, "onnx", "a.onnx", 0.0, padded.decides)
    header = yaml.safe_load(text.split("---\n")[1])
    assert "image-regression" in header["tags"]
    (entry,) = [one for one in header["model-index"][0]["results"] if one["task"]["name"] == "age"]
    assert entry["metrics"][0]["value"] == pytest.approx(results[0].tasks["age"]["in_domain"]["mae"], abs=1e-4)
    assert "| `age` | (batch, 1) | age, in units of the training data |" in text


@pytest.mark.parametrize(("off", "fine"), [(0.03, True), (3e3, False)])
def test_an_exported_number_may_be_in_any_unit(off, fine, padded):
    """Platelets per microlitre: the last digits of float32 are whole cells."""
    module = torch.nn.Module()
    module.forward = lambda images: {"age": torch.full((len(images), 1), 250_000.0)}

    def file(images):
        return {"age": torch.full((len(images), 1), 250_000.0 + off)}

    with contextlib.nullcontext() if fine else pytest.raises(ssmtl.SsmtlError, match="differs from PyTorch's"):
        largest_difference(padded, module, file)


def test_the_worst_numbers_are_those_that_are_far_off(padded_run):
    code, shown, said = call("evaluate", padded_run, "--data-root", padded_run.parent)
    assert code == 0, said
    assert "age, in_domain: worst first, by absolute error: " in shown
    assert "lungs, in_domain: worst first, by 1 − Dice: " in shown


def test_numbers_have_a_name_and_no_decision(padded, tmp_path):
    grey = chest(8, (48, 40))[0]
    found = padded.predict(grey, saliency=True)[0]
    assert set(found.numbers["age"].values) == {"age"}
    assert found.numbers["age"].saliency["age"].shape == (48, 40)
    assert set(found.labels) == {"diagnosis"}
    network = padded.module(torch.zeros(1, 1, SIZE, SIZE))["age"]
    assert network.shape == (1, 1)
