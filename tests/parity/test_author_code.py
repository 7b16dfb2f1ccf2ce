"""Each departure of the authors' public script has its documented effect, and no other."""

import torch
from small_multimix import prepared_of, state_of, train, weights_of

from ssmtl.evaluation.predict import joined, predict
from ssmtl.model.mode import mode

CPU = torch.device("cpu")


def after(*overrides, steps=3):
    state = state_of(*overrides)
    numbers = train(state, steps)
    return state, weights_of(state), numbers


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_softmax_over_one_channel_teaches_nothing():
    softmax = after("tasks.lungs.strategies.kl_consistency.distribution=softmax")
    weightless = after("tasks.lungs.strategies.kl_consistency.weight=0")
    assert softmax[2][-1].losses["lungs.kl_consistency"].item() == 0
    assert weightless[2][-1].losses["lungs.kl_consistency"].item() > 0
    assert same(softmax[1], weightless[1])
    assert not same(softmax[1], after()[1])


def test_dropout_left_on_is_only_the_encoders_and_repeats_its_random_numbers():
    experiment, data, _ = prepared_of("backbone.always_dropout=true")
    model, task = experiment.model, experiment.tasks[1]
    rows = data.tasks["lungs"].val
    before = torch.random.get_rng_state()
    first, second = (joined(predict(model, task, rows, CPU)).probabilities for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(before, torch.random.get_rng_state()), "an evaluation advances no generator"
    plain, _, _ = prepared_of()
    assert not torch.equal(first, joined(predict(plain.model, plain.tasks[1], rows, CPU)).probabilities)
    assert same(after("backbone.always_dropout=true")[1], after()[1]), "it changes only the evaluation"


def test_each_task_keeps_its_own_normalization_whichever_task_reads_the_images():
    experiment, _, _ = prepared_of("tasks.diagnosis.normalize={mean: [0.0], std: [1.0]}")
    model = experiment.model
    seen = []
    model.backbone.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    images = torch.full((2, 1, 32, 32), 0.75)
    with mode(model, training=False), torch.no_grad():
        model.logits("diagnosis", images)
        model.logits("lungs", images)
        model.predictor("diagnosis", images_of="lungs")(images)
    values = [found.unique().tolist() for found in seen]
    assert values == [[0.75], *[[1.0]] * (len(values) - 1)], "(0.75 - 0.5) / 0.25 for the images of the lungs"
    assert len(values) >= 4


def test_a_shorter_training_gives_the_weights_that_a_longer_one_has_at_that_step():
    """This is how the recipe keeps the weights of the first epoch."""
    short, long = state_of("train.steps=4"), state_of("train.steps=10")
    train(short, 4)
    train(long, 4)
    assert same(weights_of(short), weights_of(long))


def test_the_angle_between_the_tasks_is_logged_and_changes_nothing():
    state, other = state_of(), state_of()
    from ssmtl.training.engine import training_step

    compared = [training_step(state, step, compare=True) for step in range(3)]
    for step in range(3):
        training_step(other, step)
    assert same(weights_of(state), weights_of(other))
    for numbers in compared:
        assert -1 <= numbers.diagnostics["gradient_cosine.diagnosis.lungs"].item() <= 1
