"""Classes in an order: CORAL's head and loss, and the metrics of ranks."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_cohen_kappa

from ssmtl import Batch, Output, Pyramid, View
from ssmtl.inference.decision import decision
from ssmtl_metrics.ranks import QuadraticKappa, RankError, median_class
from ssmtl_ordinal.coral import Coral
from ssmtl_ordinal.ordinal_linear import OrdinalLinear
from tests.cli.command_line import REPOSITORY, block, call, own_images, settings

GRADES = Output("multiclass", ("none", "mild", "moderate", "severe"))
WEAK = View("labeled", "weak")
seeds = st.integers(0, 2**31 - 1)


def head(seed=0, scale=1.0):
    torch.manual_seed(seed)
    made = OrdinalLinear(Pyramid((4,), (1,)), classes=GRADES.classes)
    with torch.no_grad():
        made.steps.copy_(torch.randn(2) * scale)
        made.first.copy_(torch.randn(1))
    return made


@given(seed=seeds)
def test_the_probabilities_are_differences_of_sigmoids(seed):
    made = head(seed)
    features = torch.randn(5, 4, 1, 1)
    found = GRADES.probabilities(made((features,))).detach().double().numpy()
    score = (features[..., 0, 0] @ made.score.weight.T).detach().double().numpy()
    thresholds = made.thresholds().detach().double().numpy()
    assert (np.diff(thresholds) > 0).all()
    above = 1 / (1 + np.exp(thresholds - score))
    expected = -np.diff(np.concatenate([np.ones((5, 1)), above, np.zeros((5, 1))], 1), axis=1)
    assert found == pytest.approx(expected, abs=1e-6)


@given(seed=seeds)
def test_the_loss_is_equation_4(seed):
    made = head(seed)
    features = torch.randn(6, 4, 1, 1, generator=torch.Generator().manual_seed(seed))
    labels = torch.randint(4, (6,), generator=torch.Generator().manual_seed(seed))
    logits = made((features,))
    found = Coral(GRADES).loss(Batch({}, {WEAK: labels}, {}), {WEAK: logits}, 0.0)
    score = (features[..., 0, 0] @ made.score.weight.T).detach().double().numpy()
    above = score - made.thresholds().detach().double().numpy()
    levels = labels.numpy()[:, None] > np.arange(3)
    terms = np.where(levels, np.log1p(np.exp(-above)), np.log1p(np.exp(above)))
    assert found.item() == pytest.approx(terms.sum(1).mean(), rel=1e-4)


def test_a_wrong_class_costs_more_the_further_away_it_is():
    sure = torch.full((4, 4), -8.0).fill_diagonal_(8.0)
    costs = [
        Coral(GRADES).loss(Batch({}, {WEAK: torch.tensor([0])}, {}), {WEAK: sure[[guess]]}, 0.0).item()
        for guess in range(4)
    ]
    assert costs == sorted(costs)
    assert costs[3] > 2 * costs[1]


@given(seed=seeds)
def test_kappa_is_that_of_torchmetrics(seed):
    generator = torch.Generator().manual_seed(seed)
    chances = torch.rand(40, 4, generator=generator).softmax(1)
    labels = torch.randint(4, (40,), generator=generator)
    theirs = multiclass_cohen_kappa(median_class(chances), labels, 4, weights="quadratic")
    found = QuadraticKappa(GRADES)(chances, labels)["quadratic_kappa"]
    if theirs.isnan():
        assert found.isnan()
    else:
        assert found.item() == pytest.approx(theirs.item(), abs=1e-5)


def test_the_rank_error_counts_classes():
    chances = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.6, 0.2, 0.1, 0.1], [0.3, 0.3, 0.4, 0.0], [0.0, 0.0, 0.0, 1.0]])
    assert median_class(chances).tolist() == [2, 0, 1, 3]
    assert RankError(GRADES)(chances, torch.tensor([0, 0, 3, 3]))["rank_error"].tolist() == [2, 0, 2, 0]


def test_kappa_of_one_class_is_not_defined():
    with pytest.warns(UserWarning, match="quadratic_kappa has no value"):
        assert QuadraticKappa(GRADES)(torch.eye(4)[[1, 1]], torch.tensor([1, 1]))["quadratic_kappa"].isnan()


def test_the_documents_task_learns(tmp_path, monkeypatch):
    monkeypatch.setattr("ssmtl.reports.write_report", lambda folder, **_: folder / "report.html")
    own_images(tmp_path)
    recipe = block("docs/recipes.md", "yaml", "### Classes in an order")
    (tmp_path / "grades.yaml").write_text(recipe.replace("[none, mild, severe]", "[normal, pneumonia]"))
    monkeypatch.chdir(tmp_path)
    code, _, err = call("run", "grades.yaml", "--out", "run", "--data-root", tmp_path, *settings(
        "image.size=32", "backbone.widths=[4,4,8,8,8]", "train.steps=2", "train.evaluate_every=2", "train.device=cpu",
        "tasks.grade.batch=4", "sources.mine.label=diagnosis",
    ))  # fmt: skip
    assert code == 0, err
    values = json.loads((tmp_path / "run" / "results.json").read_text())["tasks"]["grade"]["here"]
    assert {"quadratic_kappa", "rank_error", "accuracy"} <= set(values)


def test_the_median_and_the_most_probable_class_differ_as_the_page_of_metrics_says():
    chances = {"none": 0.4, "mild": 0.25, "severe": 0.35}
    page = (REPOSITORY / "docs/metrics.md").read_text(encoding="utf-8")
    said = ", ".join(f"{chance} for *{name}*" for name, chance in list(chances.items())[:2])
    assert f"{said} and {chances['severe']} for *severe*, the most probable is *none* and the median is\n*mild*" in page
    assert decision(Output("multiclass", tuple(chances)), chances, {}) == "none"
    row = np.array(list(chances.values()))
    assert list(chances)[median_class(torch.tensor(row)[None]).item()] == "mild"
    assert list(chances)[np.flatnonzero(row.cumsum() >= 0.5)[0]] == "mild", "the first with half of the sum"
    distances = np.abs(np.subtract.outer(np.arange(3), np.arange(3))) @ row
    assert distances.argmin() == 1
