"""FlexMatch, UniMatch, cross pseudo supervision and MTPSL against their equations, written out in NumPy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssmtl import Batch, Output, RandomStream, View
from ssmtl.testing.sample_outputs import SampleOutputs, facts
from ssmtl_classification.flexmatch import FlexMatch
from ssmtl_crosstask.mtpsl import PartiallySupervised
from ssmtl_segmentation.cps import CrossPseudoSupervision
from ssmtl_segmentation.cutmix import boxes
from ssmtl_segmentation.unimatch import UniMatch

CLASSES, LUNG = Output("multiclass", ("a", "b", "c")), Output("masks", ("lung",))
WEAK, STRONG, AGAIN = View("unlabeled", "weak"), View("unlabeled", "strong"), View("unlabeled", "strong", 1)
LABELED = View("labeled", "weak")
seeds = st.integers(0, 2**31)


def normal(*shape, seed=0, scale=2.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def begun(strategy, output, unlabeled=10):
    strategy.begin(facts(output, {"labeled": 10, "unlabeled": unlabeled}))
    return strategy


def sigmoid(logits):
    return 1 / (1 + np.exp(-np.asarray(logits, dtype=np.float64)))


def log_softmax(logits):
    values = np.asarray(logits, dtype=np.float64)
    return values - np.log(np.exp(values).sum(1, keepdims=True))


def binary_cross_entropy(logits, target):
    return -(target * np.log(sigmoid(logits)) + (1 - target) * np.log(sigmoid(-np.asarray(logits, np.float64))))


# FlexMatch


def flexmatch_batch(probabilities, samples):
    rows = len(probabilities)
    return Batch({STRONG: torch.zeros(rows, 1, 4, 4)}, {STRONG: probabilities}, {}, {STRONG: torch.tensor(samples)})


@given(seed=seeds, threshold=st.floats(0.34, 0.99))
def test_flexmatch_is_equations_5_to_11(seed, threshold):
    random = np.random.default_rng(seed)
    strategy = begun(FlexMatch(CLASSES, threshold=threshold), CLASSES, unlabeled=12)
    remembered = random.integers(-1, 3, 12)
    strategy.selected.copy_(torch.from_numpy(remembered))
    weak, strong = normal(6, 3, seed=seed), normal(6, 3, seed=seed + 1)
    loss = strategy.loss(flexmatch_batch(weak.softmax(1), range(6)), {STRONG: strong}, 0.0)
    counts = [int((remembered == one).sum()) for one in range(3)]
    largest = max(*counts, int((remembered == -1).sum()))
    expected = 0.0
    probabilities = weak.softmax(1).double().numpy()
    for row, prediction in zip(probabilities, log_softmax(strong), strict=True):
        pseudo = row.argmax()
        beta = counts[pseudo] / largest
        if np.float32(row[pseudo]) >= np.float32(threshold) * np.float32(beta / (2 - beta)):
            expected -= prediction[pseudo] / 6
    assert loss.item() == pytest.approx(expected, rel=1e-4, abs=1e-5)


@given(seed=seeds)
def test_flexmatch_thresholds_are_at_most_tau_and_grow_with_what_was_learnt(seed):
    strategy = begun(FlexMatch(CLASSES), CLASSES, unlabeled=30)
    assert strategy.thresholds().eq(0).all(), "nothing is learnt yet, and every pseudo-label counts"
    strategy.selected.copy_(torch.from_numpy(np.random.default_rng(seed).integers(-1, 3, 30)))
    thresholds = strategy.thresholds()
    counts = torch.stack([(strategy.selected == one).sum() for one in range(3)])
    assert (thresholds <= 0.95 + 1e-6).all()
    order = counts.argsort()
    assert thresholds[order].diff().ge(0).all()


def test_flexmatch_remembers_each_images_latest_confident_label():
    strategy = begun(FlexMatch(CLASSES, threshold=0.9), CLASSES, unlabeled=5)
    sure, unsure = [0.95, 0.03, 0.02], [0.5, 0.3, 0.2]
    strategy.after_step(flexmatch_batch(torch.tensor([sure, unsure]), [3, 1]), {}, 0.0)
    assert strategy.selected.tolist() == [-1, -1, -1, 0, -1]
    strategy.after_step(flexmatch_batch(torch.tensor([[0.01, 0.98, 0.01], unsure]), [3, 0]), {}, 0.0)
    assert strategy.selected.tolist() == [-1, -1, -1, 1, -1]


# UniMatch


def unimatch_outputs(seed, rows=3):
    return SampleOutputs(
        {view: normal(rows, 1, 8, 8, seed=seed + place) for place, view in enumerate((WEAK, STRONG, AGAIN))}
    )


def unimatch_batch(seed, rows=3):
    guesses = [torch.sigmoid(normal(rows, 1, 8, 8, seed=seed + place)) for place in range(3)]
    views = (WEAK, STRONG, AGAIN)
    images = {view: torch.rand(rows, 1, 8, 8) for view in views}
    streams = {view: RandomStream.of(range(rows), 0, str(view)) for view in views}
    return Batch(images, dict(zip(views, guesses, strict=True)), streams, {})


@given(seed=seeds, threshold=st.floats(0.5, 0.99))
def test_unimatch_is_equations_4_to_7(seed, threshold):
    strategy = UniMatch(LUNG, threshold=threshold, drop=0.0, images=0.6, features=0.3)
    batch, outputs = unimatch_batch(seed), unimatch_outputs(seed + 10)
    loss = strategy.loss(batch, outputs, 0.0)

    def term(logits, guess):
        guess = guess.double().numpy()
        confident = np.maximum(guess, 1 - guess) >= threshold
        return (binary_cross_entropy(logits.detach(), guess >= 0.5) * confident).mean()

    strong = [term(outputs[view], batch.targets[view]) for view in (STRONG, AGAIN)]
    features = term(outputs.decode(outputs.features(WEAK)), batch.targets[WEAK])
    assert loss.item() == pytest.approx(0.6 / 2 * sum(strong) / 2 + 0.3 / 2 * features, rel=1e-3, abs=1e-5)


def test_unimatch_drops_half_of_the_channels_and_keeps_their_mean():
    strategy = UniMatch(LUNG)
    stream = RandomStream.of(range(64), 0, "x")
    dropped = strategy._dropped(torch.ones(64, 100, 2, 2), stream, 0)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert dropped.mean().item() == pytest.approx(1, abs=0.05)
    assert torch.equal(dropped[..., 0, 0], dropped[..., 1, 1]), "whole channels are dropped"


def test_unimatch_mixes_images_and_guesses_alike():
    """With images that are their own masks, the guess of a mixed image is its mask."""
    strategy = UniMatch(LUNG, cutmix=1.0)
    same = (torch.rand(8, 1, 16, 16, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    streams = {view: RandomStream.of(range(8), 0, str(view)) for view in strategy.views}
    batch = Batch({view: same.clone() for view in strategy.views}, {}, streams, {})
    mixed = strategy.prepare(batch, lambda images: (images - 0.5) * 100)
    for view in (STRONG, AGAIN):
        assert not torch.equal(mixed.images[view], same)
        assert torch.equal(mixed.images[view], mixed.targets[view].round())
    assert not torch.equal(mixed.images[STRONG], mixed.images[AGAIN]), "each view has rectangles of its own"
    plain = UniMatch(LUNG, cutmix=0.0).prepare(batch, lambda images: images)
    assert torch.equal(plain.images[STRONG], same)


def test_cutmix_rectangles_have_the_areas_and_ratios_they_should():
    inside = boxes(RandomStream.of(range(2000), 0, "x"), 64, 64)[:, 0]
    share = inside.float().mean((1, 2))
    tall, wide = inside.any(2).sum(1), inside.any(1).sum(1)
    assert torch.equal(tall * wide, inside.sum((1, 2))), "they are rectangles"
    assert 0.01 < share.min().item() < 0.04
    assert 0.36 < share.max().item() < 0.44
    assert share.mean().item() == pytest.approx(0.21, abs=0.01)
    ratio = tall / wide
    assert 0.2 < ratio.min().item() < 0.35
    assert 2.9 < ratio.max().item() < 4.5


# Cross pseudo supervision


class Twin(torch.nn.Module):
    """Says what it was told to."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, images):
        return self.logits[round(images.flatten()[0].item())]


@pytest.mark.parametrize("output", [CLASSES, LUNG], ids=lambda output: output.kind)
@given(seed=seeds)
def test_cps_is_equations_1_to_4(output, seed):
    shape = (4, 3) if output is CLASSES else (4, 1, 8, 8)
    ours, theirs = ([normal(*shape, seed=seed + number + 2 * place) for number in range(2)] for place in range(2))
    random = torch.Generator().manual_seed(seed)
    target = (
        torch.randint(0, 3, (4,), generator=random)
        if output is CLASSES
        else (torch.rand(shape, generator=random) > 0.5).float()
    )
    strategy = CrossPseudoSupervision(output, trade_off=1.5)
    strategy.twin = Twin(theirs)
    images = {LABELED: torch.zeros(4, 1, 8, 8), WEAK: torch.ones(4, 1, 8, 8)}
    loss = strategy.loss(Batch(images, {LABELED: target}, {}, {}), {LABELED: ours[0], WEAK: ours[1]}, 0.0)

    def distance(logits, labels):
        if output is CLASSES:
            return -np.mean([row[label] for row, label in zip(log_softmax(logits), labels, strict=True)])
        return binary_cross_entropy(logits, np.asarray(labels, np.float64)).mean()

    def hard(logits):
        return logits.argmax(1).tolist() if output is CLASSES else (logits > 0).numpy()

    cross = [distance(b, hard(a)) + distance(a, hard(b)) for a, b in zip(ours, theirs, strict=True)]
    expected = distance(theirs[0], target.tolist() if output is CLASSES else target) + 1.5 * sum(cross) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_a_pixel_of_which_nothing_is_known_teaches_the_twin_nothing():
    strategy = CrossPseudoSupervision(LUNG, trade_off=0)
    logits = normal(2, 1, 8, 8).requires_grad_()
    strategy.twin = Twin([logits, logits])
    target = torch.ones(2, 1, 8, 8)
    target[0] = torch.nan
    batch = Batch({LABELED: torch.zeros(2, 1, 8, 8), WEAK: torch.ones(2, 1, 8, 8)}, {LABELED: target}, {}, {})
    strategy.loss(batch, {LABELED: logits, WEAK: logits}, 0.0).backward()
    assert logits.grad[0].eq(0).all()
    assert logits.grad[1].ne(0).all()


def test_the_twin_starts_from_other_weights():
    one, other = (begun(CrossPseudoSupervision(LUNG), LUNG).twin for _ in range(2))
    assert one is not other
    assert sum(weight.numel() for weight in one.parameters()) > 0


# MTPSL


@given(seed=seeds)
def test_mtpsl_is_one_minus_the_cosine_of_both_maps_and_of_each_with_the_image(seed):
    strategy = begun(PartiallySupervised(LUNG, partner="diagnosis", regularize=0.5), LUNG)
    outputs = SampleOutputs({LABELED: normal(4, 1, 16, 16, seed=seed)})
    target = (torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(seed)) > 0.5).float()
    batch = Batch({LABELED: torch.zeros(4, 1, 16, 16)}, {LABELED: target}, {}, {})
    loss = strategy.loss(batch, outputs, 0.0)
    with torch.no_grad():
        own = strategy.own(target).double().numpy()
        other = strategy.other(outputs.of("diagnosis", LABELED).softmax(1)).double().numpy()
        image = outputs.features(LABELED)[-1].mean((2, 3)).double().numpy()

    def apart(a, b):
        return 1 - (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))

    expected = (apart(own, other) + 0.5 * (apart(own, image) + apart(other, image))).mean()
    assert loss.item() == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_mtpsl_teaches_the_other_tasks_prediction():
    strategy = begun(PartiallySupervised(LUNG, partner="diagnosis", regularize=0.0), LUNG)
    outputs = SampleOutputs({LABELED: normal(4, 1, 16, 16)})
    batch = Batch({LABELED: torch.zeros(4, 1, 16, 16)}, {LABELED: torch.ones(4, 1, 16, 16)}, {}, {})
    strategy.loss(batch, outputs, 0.0).backward()
    reached = [level.grad is not None for level in outputs.features(LABELED, bridged=False)]
    assert reached[0], "by way of the other task's head"


def test_a_partner_that_is_no_task_is_named():
    known = facts(CLASSES, {"labeled": 1, "unlabeled": 1})
    one = type(known)(**{**vars(known), "outputs": {"task": CLASSES, "lungs": LUNG}})
    with pytest.raises(ValueError, match=r"there is no task 'lung' \(did you mean 'lungs'\?\)"):
        PartiallySupervised(CLASSES, partner="lung").begin(one)
