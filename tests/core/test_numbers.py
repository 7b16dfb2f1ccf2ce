"""Tasks that predict numbers: head, losses and metrics, against NumPy and torchmetrics."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_examples import example
from torchmetrics.functional import mean_absolute_error, mean_squared_error

from ssmtl.builtins.number_error import AbsoluteError, SquaredError
from ssmtl.builtins.pooled_numbers import PooledNumbers
from ssmtl.contracts.backbone import Pyramid
from ssmtl.contracts.head import Output
from ssmtl.contracts.view import Batch, View
from ssmtl.data.budget import choose, is_labeled
from ssmtl.data.identity import identities_of
from ssmtl.data.targets import targets_of
from ssmtl.errors import SsmtlError
from ssmtl.evaluation.predict import Predictions
from ssmtl.evaluation.worst import severity
from ssmtl.testing.sample_outputs import facts
from ssmtl_metrics.number_errors import MAE, RMSE

AGE, TWO = Output("numbers", ("age",)), Output("numbers", ("age", "score"))
WEAK = View("labeled", "weak")
NAN = float("nan")
seeds = st.integers(0, 2**31 - 1)


def told(output, mean, std):
    return replace(facts(output, {"labeled": 9, "unlabeled": 9}), numbers=(torch.tensor(mean), torch.tensor(std)))


def some_known(seed):
    random = np.random.default_rng(seed)
    values = random.normal(50, 20, (7, 2)).astype(np.float32)
    values[random.random((7, 2)) < 0.3] = np.nan
    values[np.isnan(values).all(1), 0] = 1.0
    return values


@pytest.mark.parametrize(("make", "penalty"), [(SquaredError, np.square), (AbsoluteError, np.abs)])
@given(seed=seeds)
def test_the_loss_is_of_standardised_known_numbers(make, penalty, seed):
    target = some_known(seed)
    predicted = np.random.default_rng(seed + 1).normal(50, 20, (7, 2)).astype(np.float32)
    strategy = make(TWO)
    strategy.begin(told(TWO, [0.0, 0.0], [10.0, 4.0]))
    logits = torch.from_numpy(predicted).requires_grad_()
    found = strategy.loss(Batch({}, {WEAK: torch.from_numpy(target)}, {}), {WEAK: logits}, 0.0)
    terms = penalty((predicted - target) / np.array([10.0, 4.0]))
    assert found.item() == pytest.approx(np.nanmean(terms, axis=1).mean(), rel=1e-4)
    found.backward()
    assert (logits.grad[torch.from_numpy(np.isnan(target))] == 0).all()
    assert logits.grad.isfinite().all()


def test_the_head_speaks_in_the_numbers_own_unit():
    head = PooledNumbers(Pyramid((3,), (1,)), numbers=("age", "score"))
    head.begin(told(TWO, [60.0, 2.0], [15.0, 0.5]))
    features = (torch.randn(4, 3, 1, 1),)
    standard = head.linear(features[0][..., 0, 0])
    assert torch.allclose(head(features), standard * torch.tensor([15.0, 0.5]) + torch.tensor([60.0, 2.0]))
    assert torch.equal(head.output.probabilities(standard), standard)
    other = PooledNumbers(Pyramid((3,), (1,)), numbers=("age", "score"))
    other.load_state_dict(head.state_dict())
    assert torch.equal(other(features), head(features))


@given(seed=seeds)
def test_errors_are_those_of_torchmetrics_where_known(seed):
    target = torch.from_numpy(some_known(seed))
    predicted = torch.randn(7, 2, generator=torch.Generator().manual_seed(seed)) * 20 + 50
    mae, rmse = MAE(TWO, unit="years")(predicted, target), RMSE(TWO)(predicted, target)
    for place, name in enumerate(TWO.classes):
        known = ~target[:, place].isnan()
        if known.any():
            pair = predicted[known, place], target[known, place]
            assert mae[f"mae_{name}"].nanmean().item() == pytest.approx(mean_absolute_error(*pair).item(), rel=1e-4)
            root = mean_squared_error(*pair, squared=False).item()
            assert rmse[f"rmse_{name}"].item() == pytest.approx(root, rel=1e-4)
    assert torch.allclose(mae["mae"], (predicted - target).abs().nanmean(1))
    images = Predictions(tuple("abcdefg"), tuple("abcdefg"), predicted, target)
    assert torch.allclose(severity("numbers", images), mae["mae"])


def test_one_number_has_no_names_of_its_own():
    assert set(MAE(AGE)(torch.ones(2, 1), torch.zeros(2, 1))) == {"mae"}
    assert set(RMSE(AGE)(torch.ones(2, 1), torch.zeros(2, 1))) == {"rmse"}
    assert MAE(AGE, unit="years").unit == "years"


@pytest.mark.parametrize("metric", [MAE, RMSE])
def test_a_diverged_model_gets_no_score(metric):
    with pytest.raises(SsmtlError, match="NaN"):
        metric(AGE)(torch.full((2, 1), NAN), torch.zeros(2, 1))


def test_an_image_is_labelled_if_one_number_is_known():
    rows = [replace(example(0), numbers={"score": 2.0}), replace(example(1), numbers={"age": 3.0}), example(2)]
    assert [is_labeled(row, TWO) for row in rows] == [True, True, False]
    assert [row.id for row in choose(rows, "all", AGE, 0, "t")] == ["i1"]
    assert targets_of(rows, TWO, "s").nan_to_num(-1).tolist() == [[-1, 2], [3, -1], [-1, -1]]


def test_a_changed_number_changes_who_the_image_is():
    one, other, none = (
        identities_of([replace(example(0, "a"), numbers=numbers)])[0] for numbers in ({"age": 3.0}, {"age": 4.0}, None)
    )
    assert len({one.digest(), other.digest(), none.digest()}) == 3
    assert none.digest() == identities_of([example(0, "a")])[0].digest()
