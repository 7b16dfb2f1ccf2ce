"""Each departure of the authors' public script does what is said of it, and nothing else."""

import json

import pytest
import torch
from small_multimix import NO_DROPOUT, learner_of, prepared_of, train, weights_of

from ssmtl.evaluate import predict
from ssmtl.model import evaluation_mode

CPU = torch.device("cpu")


def after(*overrides, steps=3):
    learner = learner_of(*overrides)
    numbers = train(learner, steps)
    return learner, weights_of(learner), numbers


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_softmax_over_one_channel_teaches_nothing():
    softmax = after("tasks.lungs.strategies.kl_consistency.distribution=softmax")
    weightless = after("tasks.lungs.strategies.kl_consistency.weight=0")
    assert softmax[2][-1].losses["lungs.kl_consistency"].item() == 0
    assert weightless[2][-1].losses["lungs.kl_consistency"].item() > 0
    assert same(softmax[1], weightless[1])
    assert not same(softmax[1], after()[1])


def test_decoding_all_rows_costs_work_and_changes_nothing_without_dropout():
    own, everyone = after(*NO_DROPOUT), after(*NO_DROPOUT, "train.decode_all_rows=true")
    for one, other in zip(own[2], everyone[2], strict=True):
        assert one.total.item() == pytest.approx(other.total.item(), rel=1e-5)
    rows = []
    decoder = everyone[0].experiment.model.heads["lungs"]
    decoder.register_forward_hook(lambda module, inputs, output: rows.append(len(output)))
    train(everyone[0], 4, start=3)
    assert rows == [4 * 3 + 4 * 2 - 4], "labelled and strong films too; weak ones carry no gradient"


def test_dropout_left_on_is_the_backbones_alone_and_draws_the_same_each_time():
    experiment, prepared, _ = prepared_of("train.test_dropout=true")
    model, task = experiment.model, experiment.tasks[1]
    rows = prepared.tasks["lungs"].val
    modes = []
    model.backbone.register_forward_hook(lambda module, inputs, output: modes.append(module.training))
    heads = []
    model.heads["lungs"].register_forward_hook(lambda module, inputs, output: heads.append(module.training))
    first, second = (predict(model, task, rows, CPU).probabilities for _ in range(2))
    assert torch.equal(first, second)
    assert True in modes, "the film's own pass"
    assert False in modes, "the saliency pass is in evaluation mode"
    assert heads == [False] * len(heads)
    plain, _, _ = prepared_of()
    assert not torch.equal(first, predict(plain.model, plain.tasks[1], rows, CPU).probabilities)


def test_films_that_are_not_normalized_are_those_of_their_task_whoever_looks_at_them():
    experiment, _, _ = prepared_of("tasks.diagnosis.normalize={mean: [0.0], std: [1.0]}")
    model = experiment.model
    seen = []
    model.backbone.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    films = torch.full((2, 1, 32, 32), 0.75)
    with evaluation_mode(model), torch.no_grad():
        model.logits("diagnosis", films)
        model.logits("lungs", films)
        model.predictor("diagnosis", images_of="lungs")(films)
    values = [found.unique().tolist() for found in seen]
    assert values == [[0.75], *[[1.0]] * (len(values) - 1)], "(0.75 - 0.5) / 0.25 for the films of lungs"
    assert len(values) >= 4


def test_the_first_checkpoint_is_the_one_that_is_kept(tmp_path):
    from ssmtl import Folders
    from ssmtl.run import Job, execute

    experiment, prepared, plugins = prepared_of("train.select_by=first", "train.evaluate_every=4")
    results = execute(Job(experiment.recipe, tmp_path / "run", Folders()), plugins, experiment, prepared)
    assert results["selected"] == {"by": "first", "step": 4, "score": results["selected"]["score"]}
    lines = (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    steps = [json.loads(line)["step"] for line in lines if '"validation"' in line]
    assert steps == [4, 8, 10]


def test_the_angle_between_the_tasks_is_logged_and_changes_nothing():
    learner, other = learner_of(), learner_of()
    from ssmtl.engine import training_step

    compared = [training_step(learner, step, compare=True) for step in range(3)]
    for step in range(3):
        training_step(other, step)
    assert same(weights_of(learner), weights_of(other))
    for numbers in compared:
        assert -1 <= numbers.diagnostics["gradient_cosine.diagnosis.lungs"].item() <= 1
