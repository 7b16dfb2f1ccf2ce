"""Tasks without labels: what they may not have, and that a run trains by them and leaves them out of what it says."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_runs import BUDGETS, TINY

import ssmtl as package
from ssmtl.errors import RecipeError
from ssmtl.experiment.assemble import assemble
from ssmtl.model.weights import read_tensors
from ssmtl.recipe.load import read
from ssmtl.registry.plugins import load_plugins

RECONSTRUCTION = (
    "tasks.reconstruction={source: chex, batch: 4, head: {use: no_output}, augment: {weak: {use: identity}}, "
    "strategies: [{use: masked_image}]}"
)
CONTRAST = (
    "tasks.contrast={source: nihx, batch: 4, head: {use: no_output}, augment: {strong: {use: kornia_strong}}, "
    "strategies: [{use: contrastive, width: 4}]}"
)
SETS = (*TINY, "sources.nihx.images=40", *BUDGETS["diagnosis"], *BUDGETS["lungs"])


def assembled(*overrides):
    plugins = load_plugins()
    return assemble(read("multimix", plugins["recipe"], overrides=[*SETS, *overrides]).validated(), plugins)


def test_a_task_without_labels_is_refused_what_needs_labels():
    sets = ("metrics=[accuracy]", "evaluate_on={in_domain: nihx}", "labeled=5", "strategies.0={use: cross_entropy}")
    with pytest.raises(RecipeError) as raised:
        assembled(CONTRAST, "tasks.contrast.augment.weak={use: identity}", *(f"tasks.contrast.{one}" for one in sets))
    for key, what in (
        ("evaluate_on", "the head 'no_output' has no labels"),
        ("labeled", "the head 'no_output' has no labels"),
        ("strategies.0", "'cross_entropy' cannot learn from a head of kind none"),
        ("strategies.0", "'cross_entropy' asks for labelled images"),
    ):
        assert f"tasks.contrast.{key}: {what}" in str(raised.value)


@pytest.mark.slow
def test_a_run_trains_by_them_and_predicts_what_it_would_without_them(tmp_path, ssmtl):
    sets = [part for one in (*SETS, RECONSTRUCTION, CONTRAST) for part in ("--set", one)]
    code, out, err = ssmtl("run", "multimix", *sets, "--out", tmp_path / "run")
    assert code == 0, err
    assert "reconstruction: no labels; head no_output" in out
    assert "reconstruction validation" not in err
    results = json.loads((tmp_path / "run/results.json").read_text())
    assert list(results["tasks"]) == ["diagnosis", "lungs"]
    assert results["budgets"]["contrast"]["labeled"] == 0
    assert (
        f"contrast ({results['budgets']['contrast']['unlabeled']} images without labels)"
        in (tmp_path / "run/report.html").read_text()
    )
    logged = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    losses = [line["losses"] for line in logged if "losses" in line]
    assert all({"reconstruction.masked_image", "contrast.contrastive"} <= one.keys() for one in losses)
    model = package.load(tmp_path / "run")
    assert list(model.tasks) == ["diagnosis", "lungs"]
    scan = tmp_path / "scan.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 50), dtype=np.uint8)).save(scan)
    code, _, err = ssmtl("predict", tmp_path / "run", scan, "--out", tmp_path / "answers")
    assert code == 0, err
    with (tmp_path / "answers/predictions.csv").open() as file:
        assert not [column for column in next(csv.reader(file)) if "contrast" in column or "reconstruction" in column]
    code, _, err = ssmtl("evaluate", tmp_path / "run", "--source", "contrast=nihx")
    assert code == 2
    assert "the task 'contrast' has no labels" in err
    code, out, err = ssmtl("evaluate", tmp_path / "run", "--source", "lungs=nihx")
    assert code == 0, err
    assert "left out, since they, or whom they show, trained" in out + err
    assert not [name for name in read_tensors(tmp_path / "run/weights/best.safetensors") if "contrast" in name]


@pytest.mark.slow
def test_a_run_without_any_label_predicts_nothing_and_is_the_beginning_of_another(tmp_path, ssmtl):
    file = tmp_path / "alone.yaml"
    content = read("multimix", load_plugins()["recipe"], overrides=[*SETS, CONTRAST, "train.select_by=last"]).content
    content["tasks"] = {"contrast": content["tasks"]["contrast"]}
    file.write_text(json.dumps(content))
    code, _, err = ssmtl("run", file, "--out", tmp_path / "run")
    assert code == 0, err
    code, _, err = ssmtl("export", tmp_path / "run")
    assert code == 2
    assert "predicts nothing: none of its tasks has labels" in err
    code, _, err = ssmtl("evaluate", tmp_path / "run")
    assert code == 2
    assert err.endswith("no task of the run has labels, so that there is nothing to evaluate\n")
    sets = [part for one in (*SETS, f"init={tmp_path / 'run'}") for part in ("--set", one)]
    code, out, err = ssmtl("check", "multimix", *sets, "--no-data")
    assert code == 0, err
    assert "backbone: taken; heads.diagnosis: new" in out


def test_the_head_gives_nothing():
    experiment = assembled(RECONSTRUCTION)
    logits = experiment.model.logits("reconstruction", torch.rand(2, 1, 32, 32))
    assert logits.shape == (2, 0)
    assert not [*experiment.model.head_of("reconstruction").parameters()]


@pytest.mark.parametrize("strategy", ["use: mtpsl, partner: reconstruction", "use: jtr, partners: [reconstruction]"])
def test_it_is_no_partner_of_another_task(strategy):
    with pytest.raises(RecipeError, match="'reconstruction' has no labels and predicts nothing"):
        assembled(RECONSTRUCTION, f"tasks.lungs.strategies=[{{use: soft_dice}}, {{{strategy}}}]")
