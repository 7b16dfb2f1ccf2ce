"""What a strategy may ask of its task before the step, and what a balancer is told after it."""

import pytest
import torch
from small_multimix import NO_DROPOUT, state_of, train

from ssmtl.training.engine import training_step
from ssmtl.training.saved_state import tensors_of
from ssmtl.training.teacher import predictor_of

IMAGES = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))


def strategy_of(state, name="fixmatch"):
    return next(term.strategy for term in state.experiment.tasks[0].terms if term.name == name)


def predicts(state, **asked):
    torch.manual_seed(asked.pop("seed", 0))
    return predictor_of(state, "diagnosis", strategy_of(state))(IMAGES, **asked)


@pytest.mark.parametrize("weights", ["student", "ema"])
def test_training_means_dropout_and_nothing_else(weights):
    state = state_of("train.ema=0.9")
    train(state, 2)
    before = {name: value.clone() for name, value in tensors_of(state).items()}
    one, other, again = (predicts(state, weights=weights, training=True, seed=seed) for seed in (1, 2, 1))
    assert not torch.equal(one, other)
    assert torch.equal(one, again)
    assert torch.equal(predicts(state, weights=weights, seed=1), predicts(state, weights=weights, seed=2))
    assert all(torch.equal(before[name], value) for name, value in tensors_of(state).items())
    assert not one.requires_grad
    still = state_of(*NO_DROPOUT, "train.ema=0.9")
    torch.testing.assert_close(predicts(still, weights=weights, training=True), predicts(still, weights=weights))


def test_the_average_predicts_otherwise_than_the_network():
    state = state_of("train.ema=0.9")
    train(state, 3)
    assert not torch.equal(predicts(state, weights="ema"), predicts(state, weights="student"))
    assert torch.equal(predicts(state, weights="ema"), state.ema.model.predictor("diagnosis")(IMAGES))


def test_a_prediction_that_can_be_differentiated_in_the_images_and_in_nothing_else():
    state = state_of()
    images = IMAGES.clone().requires_grad_()
    with torch.no_grad():  # as in `prepare`
        logits = predictor_of(state, "diagnosis", strategy_of(state))(images, differentiable=True)
    logits.sum().backward()
    assert images.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in state.parameters())


def test_predictions_in_parts_are_those_of_all_rows():
    whole, parts = state_of("train.micro_batch=off"), state_of("train.micro_batch=1")
    assert (whole.rows, parts.rows) == (None, 1)
    torch.testing.assert_close(predicts(parts), predicts(whole))


def test_a_strategy_has_a_teacher_of_its_own_decay(monkeypatch):
    from ssmtl_multimix.fixmatch import FixMatch

    monkeypatch.setattr(FixMatch, "teacher_decay", 0.1)
    state = state_of("train.ema=0.9", "tasks.diagnosis.strategies.1={use: fixmatch, teacher: ema}")
    train(state, 4)
    assert [average.decay for average in state.averages()] == [0.9, 0.1]
    assert torch.equal(predicts(state, weights="ema"), state.teachers[0.1].model.predictor("diagnosis")(IMAGES))
    assert not torch.equal(predicts(state, weights="ema"), state.ema.model.predictor("diagnosis")(IMAGES))
    assert any(name.startswith("teacher 0.1/") for name in tensors_of(state))


def test_a_balancer_is_told_the_losses_and_if_it_wants_those_after_the_step(monkeypatch):
    from ssmtl.builtins.fixed import Fixed

    told = []
    monkeypatch.setattr(Fixed, "after_step", lambda self, losses: told.append({**losses}))
    settings = (*NO_DROPOUT, "optimizer={use: sgd, lr: 0.0001}", "train.gradient_cosine_every=null")
    state = state_of(*settings)
    result = training_step(state, 0)
    assert set(told[0]) == {"diagnosis", "lungs"}
    torch.testing.assert_close(sum(told[0].values()), result.total)
    monkeypatch.setattr(Fixed, "wants_new_losses", True)
    training_step(state_of(*settings), 0)
    before, after = (torch.stack([*losses.values()]).sum() for losses in told)
    assert after < before, "the step went down the gradient"
    torch.testing.assert_close(after, before, rtol=0.01, atol=0.01)
