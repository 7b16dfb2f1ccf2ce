"""The loop: counter-based random numbers, the moving average, clipping, the balancer, selection, and errors."""

import copy
import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from small_multimix import CONFIDENT, NO_DROPOUT, prepared_of, recipe_of, state_of, train, weights_of

import ssmtl.evaluation.predict
import ssmtl.runs.results
import ssmtl.runs.validation
import ssmtl.training.engine
from ssmtl import Folders
from ssmtl.errors import RecipeError
from ssmtl.experiment.assemble import assemble
from ssmtl.runs.execute import Job, execute
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.log import read_log
from ssmtl.training.engine import training_step
from ssmtl.training.finite import NotFiniteError
from ssmtl.training.render import Shard, render

STEPS = 3


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def batches(state, step):
    """Every tensor of every view of a step."""
    seed, found = state.experiment.recipe.seed, {}
    for task in state.experiment.tasks:
        batch, _ = render(task, state.data[task.name], seed, step, torch.device("cpu"), Shard())
        for view in batch.images:
            found[task.name, "image", view] = batch.images[view]
            if view in batch.targets:
                found[task.name, "target", view] = batch.targets[view]
    return found


def run_in(folder, *overrides):
    """A whole run in this process; its results.json."""
    experiment, prepared, plugins = prepared_of(*overrides)
    return execute(Job(experiment.recipe, RunFolder(folder), Folders()), plugins, experiment, prepared)


def test_two_runs_of_one_seed_have_bit_identical_parameters():
    runs = []
    for disturbance in (1, 2):
        torch.manual_seed(disturbance)
        state = state_of(CONFIDENT, "train.ema=0.9", "balancer.use=uncertainty")
        numbers = []
        for step in range(STEPS):
            torch.rand(disturbance)
            numbers += train(state, step + 1, start=step)
        runs.append(weights_of(state) | {f"total {place}": step.total for place, step in enumerate(numbers)})
    assert same(*runs)


def test_another_seed_changes_weights_rows_and_augmentations():
    first, second = (state_of(seed=seed) for seed in (0, 1))
    assert not same(weights_of(first), weights_of(second))
    here, there = batches(first, 0), batches(second, 0)
    assert all(not torch.equal(here[name], there[name]) for name in here if name[1] == "image")


def test_a_batch_does_not_depend_on_the_model():
    plain = state_of()
    other = state_of("backbone.widths=[2, 2, 2, 2, 2]", "tasks.lungs.bridge.use=random_map",
                       "tasks.lungs.bridge={use: random_map}", "optimizer.lr=0.5")  # fmt: skip
    train(plain, STEPS)
    assert same(batches(plain, 5), batches(other, 5))


def test_a_batch_does_not_depend_on_the_other_strategies_or_tasks():
    with_fixmatch = batches(state_of(), 5)
    without = batches(state_of("tasks.diagnosis.strategies=[{use: cross_entropy}]"), 5)
    assert 0 < len(without) < len(with_fixmatch)
    assert all(torch.equal(tensor, with_fixmatch[name]) for name, tensor in without.items())


def test_steps_differ_and_views_of_a_pool_are_aligned():
    state = state_of()
    assert not same(batches(state, 0), batches(state, 1))
    plain = state_of("tasks.diagnosis.augment={weak: {use: identity}, strong: {use: identity}}")
    found = batches(plain, 4)
    images = [tensor for (task, _, view), tensor in found.items() if task == "diagnosis" and view.pool == "unlabeled"]
    assert len(images) == 2
    assert torch.equal(*images)


def test_a_run_resumed_at_step_k_is_the_uninterrupted_one():
    whole = state_of(CONFIDENT)
    train(whole, 4)
    before = state_of(CONFIDENT)
    train(before, 2)
    weights = copy.deepcopy(before.experiment.model.state_dict())
    optimizer = copy.deepcopy(before.optimizer.state_dict())
    torch.manual_seed(123)
    after = state_of(CONFIDENT)
    after.experiment.model.load_state_dict(weights)
    after.optimizer.load_state_dict(optimizer)
    assert same(batches(before, 2), batches(after, 2))
    train(after, 4, start=2)
    assert same(weights_of(whole), weights_of(after))


@pytest.mark.parametrize("precision", ["32", "bf16-mixed"])
def test_a_loss_that_is_not_finite_names_its_strategies_and_changes_nothing(precision):
    state = state_of(f"train.precision={precision!r}")
    train(state, 2)
    torch.nn.init.constant_(state.experiment.model.heads["lungs"].last.bias, torch.nan)
    before = weights_of(state)
    with pytest.raises(NotFiniteError) as error:
        training_step(state, 2)
    assert error.value.what == ("lungs.soft_dice = nan", "lungs.kl_consistency = nan")
    after = weights_of(state)
    assert all(torch.equal(before[name].nan_to_num(), after[name].nan_to_num()) for name in before), "no step is taken"


def test_clipping_bounds_only_gradients_that_are_too_long():
    free = state_of(*NO_DROPOUT)
    training_step(free, 0)
    parameters = free.experiment.model.parameters()
    norm = torch.stack([parameter.grad.norm() for parameter in parameters]).norm().item()
    assert norm > 0.2
    for clip, expected in ((0.1, 0.1), (10 * norm, norm)):
        clipped = state_of(*NO_DROPOUT, f"train.clip={clip}")
        training_step(clipped, 0)
        for one, other in zip(clipped.experiment.model.parameters(), free.experiment.model.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad * (expected / norm), atol=1e-6, rtol=1e-3)


def test_the_uncertainty_balancer_trains_and_the_fixed_one_has_nothing_to_train():
    state = state_of("balancer.use=uncertainty")
    start = weights_of(state)
    train(state, STEPS)
    moved = [
        name for name in start if name.startswith("extra.") and not torch.equal(start[name], weights_of(state)[name])
    ]
    assert len(moved) == 2
    assert not list(state_of().outside.parameters())


def test_the_first_step_of_uncertainty_weighs_as_fixed():
    totals = [training_step(state_of(*NO_DROPOUT, f"balancer.use={use}"), 0).total for use in ("fixed", "uncertainty")]
    torch.testing.assert_close(*totals)


def test_the_average_of_the_weights_is_what_is_evaluated_and_saved(tmp_path):
    settings = ("train.ema=0.5", "train.steps=3", "train.evaluate_every=3")
    run_in(tmp_path / "run", *settings)
    state = state_of(*settings)
    average = {name: value.clone() for name, value in state.experiment.model.state_dict().items()}
    for step in range(3):
        training_step(state, step)
        decay = min(0.5, (1 + step) / (10 + step))
        for name, value in state.experiment.model.state_dict().items():
            average[name] = decay * average[name] + (1 - decay) * value
    for which in ("best", "last"):
        path = tmp_path / "run" / "weights" / f"{which}.safetensors"
        with safe_open(path, "pt") as file:
            assert json.loads(file.metadata()["ssmtl"])["ema"] == "true"
        saved = load_file(path)
        for name, value in average.items():
            torch.testing.assert_close(saved[name], value, atol=1e-6, rtol=1e-5)
        assert not same(saved, state.experiment.model.state_dict())


def test_fixmatch_can_be_taught_by_the_average_and_says_so_without_one():
    teacher = "tasks.diagnosis.strategies.fixmatch.teacher=ema"
    assert train(state_of(teacher, CONFIDENT, "train.ema=0.9"), 2)[1].total.isfinite()
    with pytest.raises(RecipeError, match=r"strategies\.1: .*train\.ema"):
        state_of(teacher)


def scored(monkeypatch, numbers):
    remaining = list(numbers)
    monkeypatch.setattr(ssmtl.runs.validation, "selection_score", lambda *_: remaining.pop(0))


@pytest.mark.parametrize(("by", "step"), [("validation", 2), ("last", 3)])
def test_weights_are_selected_by_validation_or_are_the_last(by, step, tmp_path, monkeypatch):
    scored(monkeypatch, [0.1, 0.9, 0.3])
    run = tmp_path / "run"
    results = run_in(run, "train.steps=3", "train.evaluate_every=1", f"train.select_by={by}")
    assert results.selected.by == by
    assert results.selected.step == step
    best, last = (load_file(run / "weights" / f"{which}.safetensors") for which in ("best", "last"))
    with safe_open(run / "weights" / "best.safetensors", "pt") as file:
        assert json.loads(file.metadata()["ssmtl"])["step"] == str(step)
    state = state_of("train.steps=3")
    train(state, step)
    assert same(best, state.experiment.model.state_dict())
    assert same(best, last) == (by == "last")
    events = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    validations = [event for event in events if event["event"] == "evaluated" and event["part"] == "validation"]
    assert [event["best"] for event in validations] == (
        [True, True, False] if by == "validation" else [False, False, True]
    )


def test_the_nearest_masks_are_the_best_where_a_distance_alone_selects(tmp_path):
    """The weights with the largest distance were kept as the best once."""
    folder = RunFolder(tmp_path / "run")
    results = run_in(
        folder.path,
        "tasks.lungs.metrics=[average_hausdorff]",
        "tasks.diagnosis.metrics=[]",
        "train.steps=8",
        "train.evaluate_every=1",
    )
    records = [record for record in read_log(folder.log) if record.get("part") == "validation"]
    distances = {record["step"]: record["values"]["lungs.average_hausdorff"] for record in records}
    assert len(set(distances.values())) > 2
    assert results.selected.step == min(distances, key=distances.get)
    assert results.selected.score == pytest.approx(1 / (1 + min(distances.values())))
    assert results.metrics["lungs"]["average_hausdorff"].unit == "px"


def test_where_no_validation_has_a_score_the_last_weights_are_kept(tmp_path, monkeypatch):
    scored(monkeypatch, [None, None])
    run = tmp_path / "run"
    results = run_in(run, "train.steps=2", "train.evaluate_every=1")
    assert (results.selected.by, results.selected.step, results.selected.score) == ("last", 2, None)
    best, last = (load_file(run / "weights" / f"{which}.safetensors") for which in ("best", "last"))
    assert same(best, last)


def test_the_first_of_equal_scores_is_kept(tmp_path, monkeypatch):
    scored(monkeypatch, [0.0, 0.0])
    results = run_in(tmp_path / "run", "train.steps=2", "train.evaluate_every=1")
    assert results.selected.step == 1


def test_selection_by_the_test_part_is_refused():
    with pytest.raises(RecipeError, match=r"train\.select_by"):
        recipe_of("train.select_by=test")


def test_the_test_part_is_not_seen_before_the_end(tmp_path, monkeypatch):
    seen = []
    predict = ssmtl.evaluation.predict.predict

    def recorded(model, task, rows, device):
        seen.append(rows)
        return predict(model, task, rows, device)

    monkeypatch.setattr(ssmtl.runs.validation, "predict", recorded)
    monkeypatch.setattr(ssmtl.runs.results, "predict", recorded)
    experiment, prepared, plugins = prepared_of("train.steps=2", "train.evaluate_every=1")
    execute(Job(experiment.recipe, RunFolder(tmp_path / "run"), Folders()), plugins, experiment, prepared)
    validation = [data.val for data in prepared.tasks.values()]
    test = [rows for data in prepared.tasks.values() for rows in data.test.values()]
    assert [id(rows) for rows in seen] == [id(rows) for rows in [*validation, *validation, *test]]


def test_assembling_twice_gives_the_same_weights_and_leaves_the_generator_alone():
    recipe, plugins = recipe_of()
    state = torch.get_rng_state()
    first, second = (assemble(recipe, plugins).model.state_dict() for _ in range(2))
    assert same(first, second)
    assert torch.equal(state, torch.get_rng_state())
