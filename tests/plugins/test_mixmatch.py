"""MixMatch: properties of its parts, and the whole against an independent straightforward version."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ssmtl import Batch, Output, RandomStream, View
from ssmtl.registry.options import check_options
from ssmtl_mixmatch.mixmatch import GUESS, MixMatch
from ssmtl_mixmatch.mixup import mix, own_share, partners
from ssmtl_mixmatch.sharpen import sharpen

OUTPUT = Output("multiclass", ("a", "b", "c"))
LABELED = View("labeled", "weak")
some = settings(max_examples=30, deadline=None, derandomize=True)
seeds = st.integers(0, 2**31)


def batch_of(views=2, seed=0, labeled=4, unlabeled=6, same=False, multilabel=False):
    generator = torch.Generator().manual_seed(seed)
    order = [View("unlabeled", "weak", repeat) for repeat in range(views)]
    images = {LABELED: torch.rand(labeled, 1, 5, 5, generator=generator)}
    images |= {view: torch.rand(unlabeled, 1, 5, 5, generator=generator) for view in order}
    if same:
        images |= dict.fromkeys(order, images[order[0]])
    labels = torch.randint(3, (labeled,), generator=generator)
    stream = {view: RandomStream.of(range(len(rows)), seed, str(view)) for view, rows in images.items()}
    return Batch(images, {LABELED: torch.nn.functional.one_hot(labels, 3).float() if multilabel else labels}, stream)


class Network(torch.nn.Module):
    """A predictor with a gradient, which records its calls."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.last = torch.nn.Linear(25, 3)
        self.asked = []

    def forward(self, images, *, weights="student", training=False):
        self.asked.append((weights, training))
        return 4 * self.last(images.flatten(1))


def entropy(p):
    return -(p * p.clamp_min(1e-30).log()).sum(1)


@given(seed=seeds, temperature=st.floats(0.01, 1))
@some
def test_sharpening_lowers_entropy_and_keeps_the_order(seed, temperature):
    p = torch.rand(20, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).softmax(1)
    sharp = sharpen(p, temperature, "multiclass")
    torch.testing.assert_close(sharp.sum(1), torch.ones(20, dtype=torch.float64))
    assert (entropy(sharp) <= entropy(p) + 1e-9).all()
    assert torch.equal(sharp.argmax(1), p.argmax(1))
    torch.testing.assert_close(sharpen(p, 1.0, "multiclass"), p)
    torch.testing.assert_close(sharpen(p, 0.5, "multiclass"), p**2 / (p**2).sum(1, keepdim=True))
    torch.testing.assert_close(sharpen(p, 0.5, "multilabel"), p**2 / (p**2 + (1 - p) ** 2))


def test_sharpening_of_certainty_stays_certain():
    for kind in ("multiclass", "multilabel"):
        assert torch.equal(sharpen(torch.tensor([[0.0, 1.0]]), 0.5, kind), torch.tensor([[0.0, 1.0]]))


def test_shares_follow_the_folded_beta_distribution():
    share = own_share([RandomStream.of(range(4000), "beta")], 0.75).double().numpy()
    assert share.min() >= 0.5
    folded = lambda x: 2 * stats.beta(0.75, 0.75).cdf(x) - 1  # noqa: E731
    assert stats.kstest(share, folded).pvalue > 0.01


@given(seed=seeds)
@some
def test_a_mixed_row_is_nearer_its_own_and_stays_in_range(seed):
    stream = [RandomStream.of(range(5), seed, "a"), RandomStream.of(range(7), seed, "b")]
    rows = torch.rand(12, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    partner, share = partners(stream), own_share(stream, 0.75)
    assert sorted(partner.tolist()) == list(range(12))
    mixed = mix(rows, partner, share)
    assert mixed.min() >= 0
    assert mixed.max() <= 1
    own = (mixed - rows).flatten(1).norm(dim=1)
    other = (mixed - rows[partner]).flatten(1).norm(dim=1)
    assert (own <= other + 1e-6).all()


def straight_line(batch, network, views, temperature, alpha, weight, ramp, progress):
    """Algorithm 1 in NumPy, in float64, one row at a time, with the same random numbers."""
    order = [LABELED, *(View("unlabeled", "weak", repeat) for repeat in range(views))]
    predict = lambda x: torch.as_tensor(network(torch.as_tensor(x).float())).detach().double().numpy()  # noqa: E731

    def softmax(z):
        e = np.exp(z - z.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    q = sum(softmax(predict(batch.images[view])) for view in order[1:]) / views
    q = q ** (1 / temperature)
    q /= q.sum(1, keepdims=True)
    rows, targets, where, share, sort = [], [], [], [], []
    for view in order:
        uniform = batch.streams[view].uniform("mixmatch share")[:, 0].tolist()
        sort += batch.streams[view].uniform("mixmatch partner")[:, 0].tolist()
        for i, image in enumerate(batch.images[view].double().numpy()):
            rows.append(image)
            targets.append(np.eye(3)[batch.targets[view][i]] if view is LABELED else q[i])
            where.append(view is LABELED)
            share.append(stats.beta.ppf(uniform[i], alpha, alpha))
            share[-1] = max(share[-1], 1 - share[-1])
    other = np.argsort(sort, kind="stable")
    mixed = [share[i] * rows[i] + (1 - share[i]) * rows[j] for i, j in enumerate(other)]
    soft = np.array([share[i] * targets[i] + (1 - share[i]) * targets[j] for i, j in enumerate(other)])
    p, where = softmax(predict(np.array(mixed))), np.array(where)
    supervised = -(soft * np.log(p))[where].sum(1).mean()
    unsupervised = ((soft - p) ** 2)[~where].mean()
    return supervised + weight * min(progress / ramp, 1) * unsupervised


@pytest.mark.parametrize(("views", "progress"), [(1, 0.0), (2, 0.1), (3, 0.9)])
@given(seed=seeds)
@settings(some, max_examples=10)
def test_the_whole_is_algorithm_one(views, progress, seed):
    batch, network = batch_of(views, seed), Network()
    strategy = MixMatch(OUTPUT, views=views, temperature=0.4, alpha=0.6, unlabeled_weight=7.0, ramp=0.5)
    assert strategy.views == set(batch.images)
    ready = strategy.prepare(batch, network)
    loss = strategy.loss(ready, {view: network(rows) for view, rows in ready.images.items()}, progress)
    expected = straight_line(batch, network, views, 0.4, 0.6, 7.0, 0.5, progress)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    assert network.asked[0] == ("student", True)


@pytest.mark.parametrize("multilabel", [False, True])
def test_targets_are_distributions_without_gradient(multilabel):
    batch, network = batch_of(multilabel=multilabel), Network()
    strategy = MixMatch(Output("multilabel" if multilabel else "multiclass", OUTPUT.classes))
    before = {view: rows.clone() for view, rows in batch.images.items()}
    ready = strategy.prepare(batch, network)
    assert set(ready.images) == strategy.views == set(ready.streams)
    for view, rows in batch.images.items():
        assert torch.equal(rows, before[view])
        assert ready.images[view].shape == rows.shape
        assert not torch.equal(ready.images[view], rows)
    for target in ready.targets.values():
        assert not target.requires_grad
        assert target.min() >= 0
        assert target.max() <= 1
        if not multilabel:
            torch.testing.assert_close(target.sum(1), torch.ones(len(target)))
    loss = strategy.loss(ready, {view: network(rows) for view, rows in ready.images.items()}, 0.5)
    loss.backward()
    assert network.last.weight.grad.abs().sum() > 0


def test_equal_views_guess_like_one():
    guesses = [
        MixMatch(OUTPUT, views=views).prepare(batch_of(views, same=True), Network()).targets[GUESS] for views in (1, 3)
    ]
    torch.testing.assert_close(*guesses)


def test_the_weight_ramps_linearly():
    strategy, batch, network = MixMatch(OUTPUT, ramp=0.4, unlabeled_weight=3.0), batch_of(), Network()
    ready = strategy.prepare(batch, network)
    outputs = {view: network(rows) for view, rows in ready.images.items()}
    losses = [strategy.loss(ready, outputs, progress).item() for progress in (0.0, 0.1, 0.2, 0.4, 0.9)]
    steps = [loss - losses[0] for loss in losses]
    assert steps == pytest.approx([steps[3] * share for share in (0, 0.25, 0.5, 1, 1)], abs=1e-6)
    assert steps[3] > 0


def test_the_random_streams_alone_decide():
    first, again, other = (
        MixMatch(OUTPUT).prepare(batch, Network())
        for batch in (batch_of(), batch_of(), Batch(**{**vars(batch_of()), "streams": batch_of(seed=1).streams}))
    )
    assert all(torch.equal(first.images[view], again.images[view]) for view in first.images)
    assert not all(torch.equal(first.images[view], other.images[view]) for view in first.images)


def test_the_diagnosis_is_of_the_guesses_before_mixing():
    strategy, batch, network = MixMatch(OUTPUT, teacher="ema"), batch_of(), Network()
    ready = strategy.prepare(batch, network)
    assert network.asked == [("ema", True)]
    guess = ready.targets[GUESS]
    truth = guess.argmax(1)
    truth[0], truth[1] = -1, (truth[1] + 1) % 3
    found = strategy.diagnose(ready, {}, {View("unlabeled", "weak"): truth})
    assert found["guess_accuracy"].item() == pytest.approx(4 / 5)
    assert found["guess_confidence"].item() == pytest.approx(guess.max(1).values.mean().item())
    assert "guess_accuracy" not in strategy.diagnose(ready, {}, {})


@pytest.mark.parametrize("frozen", [False, True])
def test_it_asks_for_guesses_with_or_without_dropout(frozen):
    network = Network()
    MixMatch(OUTPUT, frozen=frozen).prepare(batch_of(), network)
    assert network.asked == [("student", not frozen)]


def test_options_are_checked():
    assert check_options(MixMatch, "mixmatch", {"views": 3, "temperature": 1.0}, "") == []
    for wrong in ({"views": 0}, {"temperature": 0.0}, {"ramp": 0.0}, {"ramp": 1.1}, {"teacher": "other"}):
        assert check_options(MixMatch, "mixmatch", wrong, "")
