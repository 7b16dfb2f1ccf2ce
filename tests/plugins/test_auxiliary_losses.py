"""Joint-task regularisation, masked images and contrastive views: losses against formulas, and what gets a gradient."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_masks import normal, random_masks, streams_of

from ssmtl import Batch, DataError, Output, View
from ssmtl.testing.sample_outputs import SampleOutputs, facts
from ssmtl_crosstask.jtr import JointTaskRegularization
from ssmtl_crosstask.xtc import CrossTaskConsistency
from ssmtl_selfsupervision.contrastive import Contrastive, nt_xent
from ssmtl_selfsupervision.masked_image import MaskedImage

MASKS, CLASSES = Output("masks", ("a", "b")), Output("multiclass", ("a", "b", "c"))
LABELED, WEAK = View("labeled", "weak"), View("unlabeled", "weak")
few = settings(max_examples=5)


def begun(strategy, output):
    strategy.begin(facts(output, {"labeled": 10, "unlabeled": 10}))
    return strategy


@few
@given(seed=st.integers(0, 2**31))
def test_jtr_compares_encodings_of_what_is_predicted_and_of_what_is_known(seed):
    strategy = begun(JointTaskRegularization(MASKS, partners=("x", "y"), reconstruction=0.5, width=4), MASKS)
    masks = random_masks(3, 2, 16, seed)
    masks[0, 1], masks[1, :, :5] = torch.nan, torch.nan
    outputs = SampleOutputs({LABELED: normal(3, 2, 16, 16, seed=seed)})
    loss = strategy.loss(Batch({}, {LABELED: masks}, {}), outputs, 0.0)
    own = 1 / (1 + np.exp(-outputs[LABELED].double().numpy()))
    other = outputs.of("x", LABELED).softmax(1).detach().double().numpy()[:, :, None, None] * np.ones((1, 1, 16, 16))
    known = np.where(masks.isnan().numpy(), own, masks.numpy())
    stacks = [np.concatenate([one, other, other], 1) for one in (own, known)]
    with torch.no_grad():
        codes = [strategy.encoder(torch.from_numpy(stack).float()) for stack in stacks]
        back = [strategy.decoder(code).double().numpy() for code in codes]
    flat = [code.flatten(1).double().numpy() for code in codes]
    lengths = [np.linalg.norm(one, axis=1) for one in flat]
    apart = np.mean(1 - (flat[0] * flat[1]).sum(1) / (lengths[0] * lengths[1]))
    errors = sum(((one - stack) ** 2).mean() for one, stack in zip(back, stacks, strict=True))
    assert loss.item() == pytest.approx(apart + 0.5 * errors, rel=1e-3)


def test_jtrs_distance_is_zero_if_all_predictions_are_right_and_its_reconstruction_teaches_no_task():
    strategy = begun(JointTaskRegularization(MASKS, partners=("x",)), MASKS)
    masks = random_masks(2, 2, 16, 0)
    logits = ((masks - 0.5) * 200).requires_grad_()
    outputs = SampleOutputs({LABELED: logits})
    loss = strategy.loss(Batch({}, {LABELED: masks}, {}), outputs, 0.0)
    strategy.reconstruction = 0.0
    assert strategy.loss(Batch({}, {LABELED: masks}, {}), outputs, 0.0).item() == pytest.approx(0, abs=1e-5)
    loss.backward()
    assert logits.grad.abs().max() < 1e-6
    assert strategy.decoder[-1].weight.grad.abs().max() > 0


def test_jtr_teaches_a_partner_and_names_one_that_it_cannot():
    strategy = begun(JointTaskRegularization(CLASSES, partners=("x",), reconstruction=0.0), CLASSES)
    outputs = SampleOutputs({LABELED: normal(3, 3)})
    strategy.loss(Batch({}, {LABELED: torch.tensor([0, 2, 1])}, {}), outputs, 0.0).backward()
    assert outputs.features(LABELED, bridged=False)[0].grad.abs().max() > 0
    known = facts(CLASSES, {"labeled": 1, "unlabeled": 1})
    one = type(known)(**{**vars(known), "outputs": {"task": CLASSES, "age": Output("numbers", ("age",))}})
    with pytest.raises(ValueError, match="'age' predicts numbers"):
        JointTaskRegularization(CLASSES, partners=("age",)).begin(one)
    with pytest.raises(ValueError, match="not distinct"):
        JointTaskRegularization(CLASSES, partners=("x", "x"))


@few
@given(seed=st.integers(0, 2**31), partner=st.sampled_from(["masks", "classes"]))
def test_xtc_compares_what_the_partner_would_make_of_both_masks(seed, partner):
    strategy = begun(CrossTaskConsistency(MASKS, partner="x", mapping=0.5, width=4), MASKS)
    strategy.partner_output = Output("masks", ("a", "b", "c")) if partner == "masks" else CLASSES
    masks = random_masks(3, 2, 16, seed)
    masks[0, 1], masks[1, :, :5] = torch.nan, torch.nan
    outputs = SampleOutputs({LABELED: normal(3, 2, 16, 16, seed=seed)})
    other = normal(3, 3, 16, 16, seed=seed + 1) if partner == "masks" else normal(3, 3, seed=seed + 1)
    other.requires_grad_()
    outputs.of = lambda task, view: other
    logits = outputs[LABELED].requires_grad_()
    loss = strategy.loss(Batch({}, {LABELED: masks}, {}), outputs, 0.0)
    own = 1 / (1 + np.exp(-logits.detach().double().numpy()))
    known = np.where(masks.isnan().numpy(), own, masks.numpy())
    made = []
    for one in (own, known):
        with torch.no_grad():
            found = strategy.map(torch.from_numpy(one).float())
        if partner == "masks":
            found = torch.nn.functional.interpolate(found, size=(16, 16), mode="bilinear").double().numpy()
            made.append(1 / (1 + np.exp(-found)))
        else:
            raised = np.exp(found.double().numpy().mean((2, 3)))
            made.append(raised / raised.sum(1, keepdims=True))
    says = other.detach().double().numpy()
    predicted = 1 / (1 + np.exp(-says)) if partner == "masks" else np.exp(says) / np.exp(says).sum(1, keepdims=True)
    expected = np.abs(made[0] - made[1]).mean() + 0.5 * np.abs(made[1] - predicted).mean()
    assert loss.item() == pytest.approx(expected, rel=1e-3)
    loss.backward()
    assert other.grad is None, "the partner learns nothing from it"
    assert logits.grad.abs().sum() > 0
    assert not logits.grad[0, 1].any(), "nothing is known of this structure"


def test_xtcs_network_learns_from_its_own_error_alone():
    strategy = begun(CrossTaskConsistency(MASKS, partner="x", mapping=0.0, width=4), MASKS)
    outputs = SampleOutputs({LABELED: normal(3, 2, 16, 16).requires_grad_()})
    loss = strategy.loss(Batch({}, {LABELED: random_masks(3, 2, 16, 0)}, {}), outputs, 0.0)
    loss.backward()
    assert loss > 0
    assert not any(weight.grad.any() for weight in strategy.map.parameters())
    same = (random_masks(3, 2, 16, 0) * 2 - 1) * 100
    agreed = strategy.loss(Batch({}, {LABELED: random_masks(3, 2, 16, 0)}, {}), SampleOutputs({LABELED: same}), 0.0)
    assert agreed.item() == pytest.approx(0, abs=1e-6)


@few
@given(seed=st.integers(0, 2**31), hidden=st.floats(0.1, 0.9))
def test_masked_image_is_the_absolute_error_of_hidden_pixels(seed, hidden):
    strategy = begun(MaskedImage(MASKS, patches=4, hidden=hidden), MASKS)
    images = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(seed))
    prepared = strategy.prepare(Batch({WEAK: images}, {}, streams_of(3, WEAK), {}), None)
    unseen = (prepared.images[WEAK] != images).numpy()
    patches = unseen.reshape(3, 4, 4, 4, 4).transpose(0, 1, 3, 2, 4).reshape(3, 16, 16)
    assert set(patches.mean(2).flatten().tolist()) == {0.0, 1.0}, "whole patches are hidden"
    assert (patches[:, :, 0].sum(1) == np.ceil(hidden * 16)).all(), "as many in every image"
    assert not np.array_equal(unseen[0], unseen[1])
    outputs = SampleOutputs({WEAK: normal(3, 2, 16, 16)})
    with torch.no_grad():
        loss = strategy.loss(prepared, outputs, 0.0)
        guess = strategy.layer(outputs.features(WEAK)[-1])
    assert guess.shape == images.shape
    assert loss.item() == pytest.approx(np.abs(guess.numpy() - images.numpy())[unseen].mean(), rel=1e-4)


def nt_xent_by_hand(one, other, samples, temperature):
    """Anchor by anchor; of the other images, the first copy in each view stands for all (they are equal here)."""
    z = np.concatenate([one, other])
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    rows, shown = len(one), [*samples, *samples]
    losses = []
    for anchor in range(2 * rows):
        pair = (anchor + rows) % (2 * rows)
        terms = [np.exp(z[anchor] @ z[pair] / temperature)]
        for view in (range(rows), range(rows, 2 * rows)):
            seen = {shown[anchor]}
            for place in view:
                if shown[place] not in seen:
                    seen.add(shown[place])
                    terms.append(np.exp(z[anchor] @ z[place] / temperature))
        losses.append(-np.log(terms[0] / sum(terms)))
    return np.mean(losses)


@few
@given(seed=st.integers(0, 2**31), temperature=st.sampled_from([0.1, 0.5, 2.0]))
def test_contrastive_is_nt_xent_and_counts_an_image_once(seed, temperature):
    one, other = normal(4, 3, seed=seed), normal(4, 3, seed=seed + 1)
    samples = torch.arange(4)
    expected = nt_xent_by_hand(one.double().numpy(), other.double().numpy(), samples.tolist(), temperature)
    assert nt_xent(one, other, samples, temperature).item() == pytest.approx(expected, rel=1e-4)
    twice = [torch.cat([rows, rows[:2]]) for rows in (one, other)]
    again = torch.cat([samples, samples[:2]])
    by_hand = nt_xent_by_hand(*(rows.double().numpy() for rows in twice), again.tolist(), temperature)
    assert nt_xent(*twice, again, temperature).item() == pytest.approx(by_hand, rel=1e-4)
    turned = torch.tensor([2, 0, 3, 1])
    assert nt_xent(one[turned], other[turned], samples[turned], temperature).item() == pytest.approx(expected, rel=1e-4)


def test_contrastive_is_low_where_views_agree_and_images_do_not_and_teaches_both_views():
    apart, samples = torch.eye(4), torch.arange(4)
    assert nt_xent(apart, apart, samples, 0.1) < 1e-3
    assert nt_xent(apart, apart[[1, 2, 3, 0]], samples, 0.1) > 5
    strategy = begun(Contrastive(CLASSES, width=4), CLASSES)
    outputs = SampleOutputs({view: normal(3, 3) for view in strategy.pair})
    batch = Batch({}, {}, {}, dict.fromkeys(strategy.pair, torch.arange(3)))
    strategy.loss(batch, outputs, 0.0).backward()
    assert all(outputs.features(view)[-1].grad.abs().sum() > 0 for view in strategy.pair)


@pytest.mark.parametrize("temperature", [1e-2, 1e-6, 1e-30])
def test_contrastive_leaves_the_row_itself_out_at_any_temperature(temperature):
    """The first row is opposite to all others: their logits are −1/t, and a finite one for the row itself may be more.

    Its loss is log 3, that of its pair 2/t + log 2, and that of the other two log 2.
    """
    one = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]).requires_grad_()
    loss = nt_xent(one, torch.tensor([[-1.0, 0.0], [-1.0, 0.0]]), torch.arange(2), temperature)
    assert loss.item() == pytest.approx((2 / temperature + np.log(3) + 3 * np.log(2)) / 4, rel=1e-5)
    loss.backward()
    assert one.grad.isfinite().all()


@pytest.mark.parametrize(
    ("images", "rows", "message"),
    [
        (10, 1, "a step has 1 unlabelled row; set tasks.task.unlabeled_batch to at least 2"),
        (1, 4, "it has 1 unlabelled image to train on; expected at least 2"),
    ],
)
def test_contrastive_needs_two_images(images, rows, message):
    known = facts(CLASSES, {"labeled": 10, "unlabeled": images})
    with pytest.raises(DataError, match=message):
        Contrastive(CLASSES).check_facts(replace(known, rows={"labeled": 1, "unlabeled": rows}))
    Contrastive(CLASSES).check_facts(facts(CLASSES, {"labeled": 10, "unlabeled": 2}))


def test_masked_image_refuses_more_patches_than_pixels():
    images = torch.rand(1, 1, 16, 20)
    with pytest.raises(ValueError, match="patches: 17 along each side are more than the image's 16 × 20 pixels"):
        MaskedImage(MASKS, patches=17).prepare(Batch({WEAK: images}, {}, streams_of(1, WEAK), {}), None)
