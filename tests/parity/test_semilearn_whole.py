"""Strategies with memories, mixtures or perturbed images beside semilearn's, on identical tensors and state."""

import math

import pytest
import torch
from semilearn_alone import algorithm, cpu_only, loss_of, of
from torch import nn
from torch.nn import functional as F

from ssmtl import Batch, Output, RandomStream, View
from ssmtl.testing.sample_outputs import SampleOutputs, facts
from ssmtl_classification import vat
from ssmtl_classification.comatch import CoMatch
from ssmtl_classification.simmatch import SimMatch
from ssmtl_mixmatch import mixmatch, remixmatch

CLASSES, WIDTH, IMAGES = 4, 6, 12
OUTPUT = Output("multiclass", tuple("abcd"))
WEAK, STRONG, AGAIN = View("unlabeled", "weak"), View("unlabeled", "strong"), View("unlabeled", "strong", 1)
LABELED, STRONG_LABELED = View("labeled", "weak"), View("labeled", "strong")
LABELS = torch.arange(CLASSES).repeat(2)
few = pytest.mark.parametrize("seed", [0, 1, 2])


def normal(*shape, seed, scale=2.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def units(*shape, seed):
    return F.normalize(normal(*shape, seed=seed))


def close(ours, theirs):
    torch.testing.assert_close(torch.as_tensor(ours), torch.as_tensor(theirs), rtol=2e-4, atol=2e-5)


class Seen(SampleOutputs):
    """Outputs with the given logits and embeddings."""

    def __init__(self, logits, embeddings):
        super().__init__(logits)
        self.embeddings = embeddings

    def features(self, view, *, bridged=True):
        return (self.embeddings[view],)


class Last(nn.Module):
    """In place of the embedding's layers."""

    def forward(self, features):
        return features[-1]


def seen(seed, views):
    rows = {view: len(LABELS) if view.pool == "labeled" else 16 for view in views}
    logits = {view: normal(n, CLASSES, seed=seed + place) for place, (view, n) in enumerate(rows.items())}
    embeddings = {view: units(n, WIDTH, seed=seed + 50 + place) for place, (view, n) in enumerate(rows.items())}
    return logits, embeddings


def begun(strategy):
    strategy.begin(facts(OUTPUT, {"labeled": IMAGES, "unlabeled": 60}))
    strategy.embed = Last()
    return strategy


def queue_of_one():
    """semilearn's alignment over the last batches; with a queue of one, its mean is that of this batch."""
    return of("algorithms.hooks").DistAlignQueueHook(CLASSES, queue_length=1)


def simmatch_pair(seed, monkeypatch):
    cpu_only(monkeypatch)
    hooks = {"DistAlignHook": queue_of_one(), "MaskingHook": of("algorithms.hooks").FixedThresholdingHook()}
    settings = {"T": 0.1, "p_cutoff": 0.6, "smoothing_alpha": 0.9, "use_ema_teacher": True, "lambda_in": 0.7}
    peer = algorithm("simmatch", "SimMatch", hooks, **settings)
    bank, labels = units(IMAGES, WIDTH, seed=seed + 7), torch.arange(IMAGES) % CLASSES
    peer.mem_bank, peer.labels_bank = bank.T.clone(), labels.clone()
    ours = begun(SimMatch(OUTPUT, threshold=0.6, instances=0.7, keeps=0.0, width=WIDTH))
    ours.bank.copy_(bank)
    ours.labels.copy_(labels)
    return peer, ours


@few
def test_simmatch(seed, monkeypatch):
    """The values are semilearn's; the temperature is the paper's 0.1, not 0.5. What differs is the remembered embedding
    of an image that comes again: ours has length 1, while semilearn normalises over the images in place of the
    dimensions. Therefore `keeps` is 0 here, as with its averaged teacher."""
    peer, ours = simmatch_pair(seed, monkeypatch)
    logits, embeddings = seen(seed, (LABELED, WEAK, STRONG))
    ours.mean.copy_(logits[WEAK].softmax(1).mean(0, keepdim=True))
    outputs = Seen(logits, embeddings)
    loss = ours.loss(Batch({}, {}, {}), outputs, 0.5)
    images = {view: torch.cat([logits[view], embeddings[view]], 1) for view in logits}
    places = torch.randperm(IMAGES, generator=torch.Generator().manual_seed(seed))[: len(LABELS)]
    given = {"x_lb": images[LABELED], "x_ulb_w": images[WEAK], "x_ulb_s": images[STRONG]}
    found = loss_of(peer, **given, idx_lb=places, y_lb=LABELS)
    close(loss, found["loss"] - found["sup_loss"])
    ours.after_step(Batch({}, {LABELED: LABELS}, {}, {LABELED: places}), outputs.kept, 0.5)
    close(ours.bank, peer.mem_bank.T)
    assert torch.equal(ours.labels, peer.labels_bank)


@few
@pytest.mark.parametrize("edge", [0.3, 0.8])
def test_comatch(seed, edge):
    """Both strong views have the same embeddings here: ours compares an image with others within its first strong view,
    semilearn across both. Ours lacks the logarithm of the number of rows."""
    hooks = {"DistAlignHook": queue_of_one(), "MaskingHook": of("algorithms.hooks").FixedThresholdingHook()}
    memory, rows = 30, 16
    settings = {
        "T": 0.2,
        "p_cutoff": 0.6,
        "contrast_p_cutoff": edge,
        "smoothing_alpha": 0.9,
        "lambda_c": 0.7,
        "use_hard_label": True,
    }
    peer = algorithm("comatch", "CoMatch", hooks, **settings, it=10, queue_batch=1, queue_size=memory, queue_ptr=0)
    embeddings, guesses = units(memory, WIDTH, seed=seed + 7), normal(memory, CLASSES, seed=seed + 8).softmax(1)
    peer.queue_feats, peer.queue_probs = embeddings.clone(), guesses.clone()
    ours = begun(CoMatch(OUTPUT, threshold=0.6, edge=edge, graph=0.7, memory=memory, width=WIDTH))
    ours.embeddings.copy_(embeddings)
    ours.guesses.copy_(guesses)
    logits, embedded = seen(seed, (LABELED, WEAK, STRONG, AGAIN))
    embedded[AGAIN] = embedded[STRONG]
    ours.mean.copy_(logits[WEAK].softmax(1).mean(0, keepdim=True))
    batch, outputs = Batch({}, {LABELED: LABELS}, {}, {WEAK: torch.arange(rows)}), Seen(logits, embedded)
    loss = ours.loss(batch, outputs, 0.5)
    images = {view: torch.cat([logits[view], embedded[view]], 1) for view in logits}
    given = {"x_lb": images[LABELED], "x_ulb_w": images[WEAK]}
    found = loss_of(peer, **given, x_ulb_s_0=images[STRONG], x_ulb_s_1=images[AGAIN], y_lb=LABELS)
    close(loss + 0.7 * math.log(rows), found["loss"] - found["sup_loss"])
    ours.after_step(batch, outputs.kept, 0.5)
    new = rows + len(LABELS)
    close(ours.embeddings[:new], peer.queue_feats[:new])
    close(ours.guesses[:new], peer.queue_probs[:new])


def pictures(seed, views):
    """Images that are logits: the network is the identity. And their streams."""
    images = {view: normal(len(LABELS), CLASSES, 1, 1, seed=seed + place) for place, view in enumerate(views)}
    return images, {view: RandomStream.of(range(len(LABELS)), seed, str(view)) for view in views}


def identity(images, **_):
    return images.flatten(1)


def outputs_of(batch):
    return {view: identity(images) for view, images in batch.images.items()}


@few
def test_mixmatch_given_the_mixture(seed, monkeypatch):
    """One share for the batch and one order, which semilearn draws; ours draws a share for each row."""
    views = (LABELED, View("unlabeled", "weak"), View("unlabeled", "weak", 1))
    images, streams = pictures(seed, views)
    order = torch.randperm(3 * len(LABELS), generator=torch.Generator().manual_seed(seed))

    def mixed(x, y, *_, **__):
        return 0.7 * x + 0.3 * x[order], 0.7 * y + 0.3 * y[order], 0.7

    monkeypatch.setattr(of("algorithms.mixmatch.mixmatch"), "mixup_one_target", mixed)
    monkeypatch.setattr(mixmatch, "own_share", lambda *_: torch.full((3 * len(LABELS),), 0.7))
    monkeypatch.setattr(mixmatch, "partners", lambda *_: order)
    settings = {"T": 0.5, "mixup_alpha": 0.75, "mixup_manifold": False, "unsup_warm_up": 1.0, "lambda_u": 10.0}
    peer = algorithm("mixmatch", "MixMatch", **settings)
    flat = [identity(images[view]) for view in views]
    theirs = loss_of(peer, x_lb=flat[0], y_lb=LABELS, x_ulb_w=flat[1], x_ulb_s=flat[2])["loss"]
    ours = mixmatch.MixMatch(OUTPUT, unlabeled_weight=10.0)
    batch = ours.prepare(Batch(images, {LABELED: LABELS}, streams, {}), identity)
    close(ours.loss(batch, outputs_of(batch), 1.0), theirs)


@few
def test_remixmatch_given_no_mixture(seed, monkeypatch):
    """With two strong views, as semilearn has. What differs: its mean guess is a moving average that has the present
    batch, ours that of the steps before; its λ_U is 1 by default, the paper's 1.5. The task of rotation is left out."""
    views = (STRONG_LABELED, WEAK, STRONG, AGAIN)
    images, streams = pictures(seed, views)
    rows = len(views) * len(LABELS)
    monkeypatch.setattr(of("algorithms.remixmatch.remixmatch"), "mixup_one_target", lambda x, y, *_, **__: (x, y, 1.0))
    monkeypatch.setattr(remixmatch, "own_share", lambda *_: torch.ones(rows))
    monkeypatch.setattr(remixmatch, "partners", lambda *_: torch.arange(rows))
    mean, prior = torch.tensor([0.4, 0.3, 0.2, 0.1]), torch.full((CLASSES,), 0.25)
    hook = of("algorithms.hooks").DistAlignEMAHook(CLASSES, momentum=1.0, p_target_type="gt", p_target=prior)
    hook.p_model = mean
    settings = {
        "T": 0.5,
        "mixup_alpha": 0.75,
        "mixup_manifold": False,
        "unsup_warm_up": 1.0,
        "lambda_u": 1.5,
        "lambda_kl": 0.5,
    }
    peer = algorithm("remixmatch", "ReMixMatch", {"DistAlignHook": hook}, **settings, use_rot=False)
    flat = {view: identity(images[view]) for view in views}
    given = {"x_lb": flat[STRONG_LABELED], "y_lb": LABELS, "x_ulb_w": flat[WEAK]}
    theirs = loss_of(peer, **given, x_ulb_s_0=flat[STRONG], x_ulb_s_1=flat[AGAIN])["loss"]
    ours = remixmatch.ReMixMatch(OUTPUT, anchors=2, rotation=0.0, mixed=1.5, anchor=0.5)
    ours.begin(facts(OUTPUT, {"labeled": IMAGES, "unlabeled": 60}))
    ours.prior.copy_(prior)
    ours.recent.copy_(mean.expand_as(ours.recent))
    batch = ours.prepare(Batch(images, {STRONG_LABELED: LABELS}, streams, {}), identity)
    close(ours.loss(batch, outputs_of(batch), 1.0), theirs)


class Small(nn.Module):
    """A network with a hidden layer."""

    def __init__(self, seed):
        super().__init__()
        self.first, self.second = normal(16, 8, seed=seed, scale=1.0), normal(8, CLASSES, seed=seed + 1, scale=2.0)

    def forward(self, images):
        return {"logits": torch.tanh(images.flatten(1) @ self.first) @ self.second}


@few
@pytest.mark.parametrize("iterations", [1, 3])
def test_vat_from_the_same_direction(seed, iterations, monkeypatch):
    """semilearn's ξ is 1e-6; between power iterations it scales by ξ as ours does. No pixel leaves [0, 1] here."""
    cpu_only(monkeypatch)
    network = Small(seed)
    images = torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(seed)) * 0.4 + 0.3
    torch.manual_seed(seed)
    direction = torch.empty(images.shape).normal_()
    torch.manual_seed(seed)
    options = {"xi": 0.1, "eps": 0.25, "num_iters": iterations}
    theirs = algorithm("vat", "VAT").vat_loss(network, images, network(images)["logits"], **options)
    monkeypatch.setattr(vat, "gaussian", lambda *_: direction)
    ours = vat.VirtualAdversarialTraining(OUTPUT, epsilon=0.25, xi=0.1, iterations=iterations)
    streams = {ours.clean: RandomStream.of(range(5), seed, "any")}
    batch = ours.prepare(Batch({ours.clean: images}, {}, streams), lambda given, **_: network(given)["logits"])
    found = ours.loss(batch, {vat.ADVERSARIAL: network(batch.images[vat.ADVERSARIAL])["logits"]}, 0.5)
    assert found > 1e-3
    close(found, theirs)
