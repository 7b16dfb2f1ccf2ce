"""Teachers of masks against their papers' formulas, written out in NumPy pixel by pixel."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_masks import (
    bce_or_ce,
    dice,
    normal,
    own_masks,
    probabilities,
    random_masks,
    streams_of,
)

from ssmtl import Batch, Output, View
from ssmtl.testing.sample_outputs import SampleOutputs, facts
from ssmtl_augment.elastic_affine import ElasticAffine
from ssmtl_segmentation.bcp import BidirectionalCopyPaste
from ssmtl_segmentation.classmix_seg import ClassMixSegmentation, half_of_classes
from ssmtl_segmentation.cutmix import halves
from ssmtl_segmentation.cutmix_seg import CutMixSegmentation
from ssmtl_segmentation.dense_fixmatch import DenseFixMatch
from ssmtl_segmentation.ua_mt import UncertaintyAwareMeanTeacher
from ssmtl_segmentation.unimatch_v2 import UniMatchV2

SEVERAL, EXCLUSIVE = Output("masks", ("a", "b")), Output("masks", ("a", "b"), exclusive=True)
LABELED, WEAK = View("labeled", "weak"), View("unlabeled", "weak")
STRONG, AGAIN = View("unlabeled", "strong"), View("unlabeled", "strong", 1)
seeds = st.integers(0, 2**31)
both = pytest.mark.parametrize("output", [SEVERAL, EXCLUSIVE], ids=["several", "exclusive"])
few = settings(max_examples=5)


def begun(strategy, output):
    strategy.begin(facts(output, {"labeled": 10, "unlabeled": 10}))
    return strategy


def entropy(values):
    return -np.where(values > 0, values * np.log(np.where(values > 0, values, 1)), 0).sum()


@both
@few
@given(seed=seeds, progress=st.floats(0, 0.99))
def test_ua_mt_follows_the_teacher_where_its_entropy_is_below_the_threshold(output, seed, progress):
    mean, logits = output.probabilities(normal(2, 2, 4, 4, seed=seed)), normal(2, 2, 4, 4, seed=seed + 1)
    loss = UncertaintyAwareMeanTeacher(output, consistency=0.3).loss(
        Batch({WEAK: torch.zeros(2, 1, 4, 4)}, {WEAK: mean}, {}), {WEAK: logits}, progress
    )
    teacher, student = own_masks(output, mean), probabilities(output, logits)
    ramp = np.exp(-5 * (1 - progress) ** 2)
    limit = (0.75 + 0.25 * ramp) * np.log(teacher.shape[-1])
    rows = []
    for row in range(2):
        kept = [
            ((one - other) ** 2).mean()
            for one, other in zip(
                teacher[row].reshape(-1, teacher.shape[-1]), student[row].reshape(-1, teacher.shape[-1]), strict=True
            )
            if entropy(one) < limit
        ]
        rows.append(np.mean(kept) if kept else 0.0)
    assert loss.item() == pytest.approx(0.3 * ramp * np.mean(rows), rel=1e-3, abs=1e-7)


def test_ua_mt_averages_as_many_passes_as_it_should_each_with_noise_of_its_own():
    seen = []

    def predict(images, *, weights, training):
        assert (weights, training) == ("ema", True)
        seen.append(images)
        return images - 0.5

    images = torch.rand(3, 1, 4, 4)
    batch = Batch({WEAK: images}, {}, streams_of(3, WEAK), {})
    prepared = UncertaintyAwareMeanTeacher(Output("masks", ("a",)), passes=4).prepare(batch, predict)
    assert len({tuple(one.flatten().tolist()) for one in seen}) == 4
    assert max((one - images).abs().max().item() for one in seen) <= 0.2 + 1e-6
    expected = np.mean([1 / (1 + np.exp(0.5 - one.double().numpy())) for one in seen], 0)
    np.testing.assert_allclose(prepared.targets[WEAK].numpy(), expected, rtol=1e-5)
    assert torch.equal(prepared.images[WEAK], images), "the network's own images get no noise"


@both
@few
@given(seed=seeds)
def test_cutmix_seg_is_the_squared_error_times_the_share_of_confident_pixels(output, seed):
    guess, logits = output.probabilities(normal(3, 2, 4, 4, seed=seed, scale=4)), normal(3, 2, 4, 4, seed=seed + 1)
    batch = Batch({WEAK: torch.zeros(3, 1, 4, 4)}, {WEAK: guess}, {})
    loss = CutMixSegmentation(output, threshold=0.9).loss(batch, {WEAK: logits}, 0.0)
    teacher, student = own_masks(output, guess), probabilities(output, logits)
    rows = [((a - b) ** 2).sum(-1).mean() * (a.max(-1) >= 0.9).mean() for a, b in zip(teacher, student, strict=True)]
    assert loss.item() == pytest.approx(np.mean(rows), rel=1e-3, abs=1e-7)


@both
@few
@given(seed=seeds)
def test_dense_fixmatch_is_the_cross_entropy_of_hard_masks_at_confident_pixels(output, seed):
    guess, logits = output.probabilities(normal(3, 2, 4, 4, seed=seed, scale=4)), normal(3, 2, 4, 4, seed=seed + 1)
    batch = Batch({STRONG: torch.zeros(3, 1, 4, 4)}, {STRONG: guess}, {})
    loss = DenseFixMatch(output, threshold=0.9).loss(batch, {STRONG: logits}, 0.0)
    terms = []
    for teacher, student in zip(own_masks(output, guess), probabilities(output, logits), strict=True):
        one, other = teacher.reshape(-1, teacher.shape[-1]), student.reshape(-1, teacher.shape[-1])
        terms += [-np.log(q[p.argmax()]) * (p.max() >= 0.9) for p, q in zip(one, other, strict=True)]
    assert loss.item() == pytest.approx(np.mean(terms), rel=1e-3, abs=1e-7)


def test_dense_fixmatch_moves_the_averages_masks_as_the_strong_images_are_moved():
    """With a predictor that marks bright pixels, and a strong view that only moves, targets mark bright pixels too."""
    generator = torch.Generator().manual_seed(0)
    originals = (torch.rand(4, 1, 16, 16, generator=generator) > 0.6).float()
    stream = streams_of(4, STRONG)[STRONG]
    turned = ElasticAffine(rotate=90.0, scale=0.0, shift=0.2, elastic=0.0)
    nearest, strong = turned(originals, originals, stream)[::-1]

    def predict(images, *, weights):
        assert weights == "ema"
        return 20 * (images - 0.5)

    def moved(masks):
        return turned(originals, masks, stream)[1]

    batch = Batch({WEAK: originals, STRONG: strong}, {}, {STRONG: stream}, {}, {STRONG: moved})
    strategy = DenseFixMatch(Output("masks", ("a",)), cutmix=0.0)
    prepared = strategy.prepare(batch, predict)
    assert set(prepared.images) == {STRONG}
    assert torch.equal((prepared.targets[STRONG] > 0.5).float(), nearest)
    assert not torch.equal(nearest, originals)
    pasted = DenseFixMatch(Output("masks", ("a",)), cutmix=1.0).prepare(batch, predict)
    changed = (pasted.images[STRONG] != strong).any(1, keepdim=True)
    assert changed.any()
    others = (nearest.roll(1, 0), strong.roll(1, 0))
    assert torch.equal((pasted.targets[STRONG] > 0.5).float()[changed], others[0][changed])
    assert torch.equal(pasted.images[STRONG][changed], others[1][changed])


@both
@few
@given(seed=seeds)
def test_classmix_is_the_cross_entropy_of_hard_masks_times_the_share_of_confident_pixels(output, seed):
    guess, logits = output.probabilities(normal(3, 2, 4, 4, seed=seed, scale=4)), normal(3, 2, 4, 4, seed=seed + 1)
    batch = Batch({WEAK: torch.zeros(3, 1, 4, 4)}, {WEAK: guess}, {})
    loss = ClassMixSegmentation(output, threshold=0.9).loss(batch, {WEAK: logits}, 0.0)
    rows = []
    for teacher, student in zip(own_masks(output, guess), probabilities(output, logits), strict=True):
        one, other = teacher.reshape(-1, teacher.shape[-1]), student.reshape(-1, teacher.shape[-1])
        crosses = [-np.log(other[place][one[place].argmax()]) for place in range(len(one))]
        rows.append(np.mean(crosses) * (one.max(-1) >= 0.9).mean())
    assert loss.item() == pytest.approx(np.mean(rows), rel=1e-3, abs=1e-7)


@few
@given(seed=seeds, exclusive=st.booleans())
def test_half_of_the_classes_of_an_image_are_pasted_whole(seed, exclusive):
    if exclusive:
        masks = random_masks(6, 4, 5, seed)
    else:
        masks = (torch.rand(6, 4, 5, 5, generator=torch.Generator().manual_seed(seed)) < 0.2).float()
    masks[0] = 0
    pasted = half_of_classes(masks, streams_of(6, WEAK)[WEAK])[:, 0].numpy()
    assert not pasted[0].any(), "background alone: half of one class, rounded down"
    for row, own in zip(pasted, masks.numpy() > 0, strict=True):
        classes = [one for one in (~own.any(0), *own) if one.any()]
        whole = [one for one in classes if row[one].all()]
        assert len(whole) >= len(classes) // 2
        assert np.array_equal(row, np.any(whole, 0) if whole else np.zeros_like(row)), "nothing else is pasted"
        if exclusive:
            assert len(whole) == len(classes) // 2


def test_each_class_is_pasted_as_often_as_the_others():
    masks = random_masks(1, 3, 8, 0).expand(400, -1, -1, -1)
    pasted = half_of_classes(masks, streams_of(400, WEAK)[WEAK])
    classes = torch.cat([1 - masks.amax(1, keepdim=True), masks], 1)[0] > 0
    shares = torch.stack([pasted[:, 0][:, one].float().mean() for one in classes])
    assert (shares - 0.5).abs().max() < 0.1


@pytest.mark.parametrize(
    "strategy", [ClassMixSegmentation(SEVERAL), CutMixSegmentation(SEVERAL), UniMatchV2(SEVERAL, cutmix=1.0)]
)
def test_images_and_the_averages_masks_are_mixed_alike(strategy):
    """With images that are their own masks, the guess of a mixed image is its mask."""
    same = (torch.rand(6, 2, 16, 16, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    batch = Batch(dict.fromkeys(strategy.views, same), {}, streams_of(6, *strategy.views), {})
    mixed = strategy.prepare(batch, lambda images, *, weights: (images - 0.5) * 100)
    assert mixed.images
    for view, images in mixed.images.items():
        assert not torch.equal(images, same)
        assert torch.equal(images, mixed.targets[view].round())


def test_cutmix_segs_rectangles_have_half_of_the_area():
    inside = halves(streams_of(300, WEAK)[WEAK], 64, 64)[:, 0].double()
    assert inside.mean((1, 2)).sub(0.5).abs().max() < 0.03
    tall, wide = (inside.amax(axis).sum(1) for axis in (2, 1))
    assert torch.equal(tall * wide, inside.sum((1, 2)))
    assert 31 <= min(tall.min(), wide.min()) < 36
    assert tall.max() > 60
    assert wide.max() > 60


@both
@few
@given(seed=seeds, drop=st.sampled_from([0.0, 1.0]))
def test_unimatch_v2_is_the_mean_of_two_confident_cross_entropies(output, seed, drop):
    strategy = UniMatchV2(output, threshold=0.6, drop=drop)
    outputs = SampleOutputs({view: normal(2, 2, 8, 8, seed=seed) for view in (STRONG, AGAIN)})
    guesses = {view: output.probabilities(normal(2, 2, 8, 8, seed=seed + k)) for k, view in enumerate((STRONG, AGAIN))}
    images = {view: torch.zeros(2, 1, 8, 8) for view in guesses}
    streams = streams_of(2, STRONG, AGAIN)
    loss = strategy.loss(Batch(images, guesses, streams), outputs, 0.0)
    kept = strategy._kept(streams[STRONG], 0, outputs.features(STRONG)[0])
    terms = []
    for (view, guess), mask in zip(guesses.items(), (kept, 2 - kept), strict=True):
        teacher = own_masks(output, guess)
        finest, *rest = outputs.features(view)
        predicted = probabilities(output, outputs.decode((finest * mask, *rest)))
        surprise = -np.log(np.take_along_axis(predicted, teacher.argmax(-1)[..., None], -1)[..., 0])
        terms.append((surprise * (teacher.max(-1) >= 0.6)).mean())
    assert loss.item() == pytest.approx(np.mean(terms), rel=1e-3, abs=1e-6)


def test_unimatch_v2_drops_channels_of_one_view_that_the_other_keeps():
    stream = streams_of(64, STRONG)[STRONG]
    kept = UniMatchV2(SEVERAL, drop=1.0)._kept(stream, 0, torch.ones(64, 100, 2, 2))
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    assert kept.mean().item() == pytest.approx(1, abs=0.05)
    some = UniMatchV2(SEVERAL, drop=0.5)._kept(stream, 0, torch.ones(64, 100, 2, 2)).flatten(1)
    whole = some.eq(1).all(1)
    assert 20 < whole.sum() < 44
    assert some[~whole].ne(1).all(), "an image loses channels or none"


@both
@few
@given(seed=seeds, share=st.floats(0.3, 0.8))
def test_bcp_counts_labels_fully_and_pseudo_labels_by_alpha(output, seed, share):
    strategy = BidirectionalCopyPaste(output, share=share, unlabeled=0.5)
    masks, images = random_masks(2, 2, 9, seed), {view: torch.rand(2, 1, 9, 9) for view in (LABELED, WEAK)}
    masks[0, 1] = torch.nan
    seen = Batch(images, {LABELED: masks}, streams_of(2, LABELED, WEAK), {})
    guess = normal(2, 2, 9, 9, seed=seed)
    prepared = strategy.prepare(seen, lambda images, *, weights: guess)
    logits = {view: normal(2, 2, 9, 9, seed=seed + k) for k, view in enumerate((LABELED, WEAK), 1)}
    loss = strategy.loss(prepared, logits, 0.0)
    pseudo = own_masks(output, output.probabilities(guess)).argmax(-1)
    if output.exclusive:
        pseudo = np.stack([pseudo == 1, pseudo == 2], 1)
    sources = {True: masks.double().numpy(), False: pseudo.astype(float)}
    expected = 0.0
    for view, other in ((LABELED, WEAK), (WEAK, LABELED)):
        pasted = (prepared.images[view] != images[view]).numpy()[:, 0]
        assert np.array_equal(pasted, (prepared.images[view] == images[other]).numpy()[:, 0])
        sides = np.stack([pasted.any(2).sum(1), pasted.any(1).sum(1)])
        assert np.abs(sides - share * 9).max() < 1, "a share of both sides, up to pixels"
        assert np.array_equal(pasted.sum((1, 2)), sides.prod(0)), "a rectangle"
        for labelled in (True, False):
            region = pasted ^ (view == LABELED) if labelled else ~(pasted ^ (view == LABELED))
            target, p = sources[labelled], probabilities(output, logits[view])
            term = (dice(output, p, target, region) + bce_or_ce(output, p, target, region)) / 2
            expected += term * (1 if labelled else 0.5)
    assert loss.item() == pytest.approx(expected, rel=1e-3)


@both
@pytest.mark.parametrize("make", [UncertaintyAwareMeanTeacher, CutMixSegmentation])
def test_nothing_is_lost_where_the_network_agrees_with_its_teacher(make, output):
    logits = normal(2, 2, 8, 8, scale=9)
    batch = Batch({WEAK: torch.zeros(2, 1, 8, 8)}, {WEAK: output.probabilities(logits)}, {})
    assert make(output).loss(batch, {WEAK: logits}, 0.9).item() == pytest.approx(0, abs=1e-9)
    assert make(output).loss(batch, {WEAK: -logits}, 0.9).item() > 1e-3
