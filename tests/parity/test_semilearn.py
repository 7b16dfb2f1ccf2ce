"""The classification strategies beside semilearn's (USB; Wang et al., NeurIPS 2022) on identical logits and state.

Where semilearn updates a moving average before it uses it, ours is told of the batch first; in training it uses what
was there before the step. Other differences are named in the tests, and are deliberate.
"""

import math

import pytest
import torch
from semilearn_alone import algorithm, loss_of, of
from torch.nn import functional as F

from ssmtl import Batch, Output, View
from ssmtl.testing.sample_outputs import facts
from ssmtl_classification.adamatch import AdaMatch
from ssmtl_classification.dash import Dash
from ssmtl_classification.defixmatch import DeFixMatch
from ssmtl_classification.flexmatch import FlexMatch
from ssmtl_classification.freematch import FreeMatch
from ssmtl_classification.mean_teacher import MeanTeacher
from ssmtl_classification.pi_model import PiModel
from ssmtl_classification.pseudo_label import PseudoLabel
from ssmtl_classification.softmatch import SoftMatch
from ssmtl_classification.tsa_cross_entropy import AnnealedCrossEntropy
from ssmtl_classification.uda import UnsupervisedDataAugmentation
from ssmtl_multimix.fixmatch import FixMatch

CLASSES = 4
OUTPUT = Output("multiclass", tuple("abcd"))
WEAK, STRONG = View("unlabeled", "weak"), View("unlabeled", "strong")
LABELED, STRONG_LABELED = View("labeled", "weak"), View("labeled", "strong")
ROWS, LABELS = 40, torch.arange(CLASSES).repeat(5)
HARD = {"T": 0.5, "use_hard_label": True}


def normal(rows, seed, scale=2.5):
    return scale * torch.randn(rows, CLASSES, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=[0, 1, 2])
def logits(request):
    """Of labelled and unlabelled rows, weak and strong."""
    seed = 10 * request.param
    views = {LABELED: 20, STRONG_LABELED: 20, WEAK: ROWS, STRONG: ROWS}
    return {view: normal(rows, seed + place) for place, (view, rows) in enumerate(views.items())}


def batch_of(logits, samples=None):
    """As `prepare` leaves it."""
    targets = {STRONG: logits[WEAK].softmax(1)[:, None], LABELED: LABELS, STRONG_LABELED: LABELS}
    return Batch({}, targets, {}, samples or {})


def given(logits):
    return {"x_lb": logits[LABELED], "y_lb": LABELS, "x_ulb_w": logits[WEAK], "x_ulb_s": logits[STRONG]}


def ema_alignment(target, mean, momentum):
    """semilearn's hook from a mean; it begins with that of the first batch, ours with the uniform distribution."""
    hook = of("algorithms.hooks").DistAlignEMAHook(CLASSES, momentum, target)
    hook.p_model = mean.clone()
    return hook


def close(ours, theirs):
    torch.testing.assert_close(torch.as_tensor(ours), torch.as_tensor(theirs), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.95])
def test_fixmatch_and_pseudo_label(logits, threshold):
    hook = {"MaskingHook": of("algorithms.hooks").FixedThresholdingHook()}
    peer = algorithm("fixmatch", "FixMatch", hook, p_cutoff=threshold, **HARD)
    batch = Batch({}, {STRONG: logits[WEAK].softmax(1)}, {})
    ours = FixMatch(OUTPUT, threshold=threshold)
    close(ours.loss(batch, logits, 0.0).item(), loss_of(peer, **given(logits))["unsup_loss"])
    peer = algorithm("pseudolabel", "PseudoLabel", hook, p_cutoff=threshold, unsup_warm_up=0.4)
    theirs = loss_of(peer, x_lb=logits[LABELED], y_lb=LABELS, x_ulb_w=logits[WEAK])["unsup_loss"]
    close(PseudoLabel(OUTPUT, threshold=threshold).loss(batch, logits, 0.0).item(), theirs)


def test_uda_without_sharpening(logits):
    """semilearn's target is not sharpened, although it has a temperature: its hook ignores it for probabilities."""
    hook = {"MaskingHook": of("algorithms.hooks").FixedThresholdingHook()}
    peer = algorithm("uda", "UDA", hook, p_cutoff=0.8, T=0.4, tsa_schedule="none")
    theirs = loss_of(peer, **given(logits))["unsup_loss"]
    plain, sharp = (UnsupervisedDataAugmentation(OUTPUT, temperature=t) for t in (1.0, 0.4))
    close(plain.loss(batch_of(logits), logits, 0.0).item(), theirs)
    assert abs(sharp.loss(batch_of(logits), logits, 0.0).item() - theirs) > 0.01


@pytest.mark.parametrize("schedule", ["linear", "log", "exp"])
def test_the_thresholds_of_signal_annealing(logits, schedule):
    """What differs: semilearn leaves out what is sure of any class and divides by all rows; the paper says the label's
    class, and divides by those that count."""
    peer, ours = algorithm("uda", "UDA"), AnnealedCrossEntropy(OUTPUT, schedule=schedule)
    for step in (0, 1, 30, 99, 100):
        assert ours.threshold(step / 100) == pytest.approx(peer.TSA(schedule, step, 100, CLASSES))


@pytest.mark.parametrize("fairness", [0.0, 0.01, 0.5])
def test_freematch(logits, fairness):
    hook = of("algorithms.freematch.utils").FreeMatchThresholdingHook(CLASSES, momentum=0.9)
    settings = {"use_quantile": False, "clip_thresh": False, "lambda_e": fairness}
    peer = algorithm("freematch", "FreeMatch", {"MaskingHook": hook}, **settings, **HARD)
    ours = FreeMatch(OUTPUT, decay=0.9, fairness=fairness)
    for turn in range(4):
        now = {view: normal(len(rows), 100 * turn + len(view.augment)) + rows for view, rows in logits.items()}
        ours.after_step(batch_of(now), now, 0.0)
        found = loss_of(peer, **given(now))
        close(ours.confidence[0], hook.time_p)
        close(ours.mean[0], hook.p_model)
        close(ours.histogram[0], hook.label_hist)
        close(ours.loss(batch_of(now), now, 0.0), found["loss"] - found["sup_loss"])


@pytest.mark.parametrize("align", [True, False])
def test_softmatch(logits, align):
    """semilearn divides σ by n_sigma = 2, our option `narrow`; 1 is the equation."""
    mask = of("algorithms.softmatch.utils").SoftMatchWeightingHook(CLASSES, n_sigma=2, momentum=0.9)
    alignment = ema_alignment("uniform", torch.full((CLASSES,), 1 / CLASSES), 0.9)
    if not align:
        alignment.dist_align = lambda algorithm, probs_x_ulb, probs_x_lb: probs_x_ulb
    peer = algorithm("softmatch", "SoftMatch", {"MaskingHook": mask, "DistAlignHook": alignment}, **HARD)
    ours = SoftMatch(OUTPUT, decay=0.9, align=align, narrow=2.0)
    for turn in range(4):
        now = {view: normal(len(rows), 100 * turn + len(view.augment)) + rows for view, rows in logits.items()}
        ours.after_step(batch_of(now), now, 0.0)
        theirs = loss_of(peer, **given(now))["unsup_loss"]
        close(ours.center[0], mask.prob_max_mu_t)
        close(ours.variance[0], mask.prob_max_var_t)
        close(ours.loss(batch_of(now), now, 0.0).item(), theirs)


def test_adamatch(logits):
    """What differs: semilearn's labelled loss has one view, and its unlabelled loss no warm-up; it has hard targets by
    default and a threshold of 0.95, the paper soft ones and 0.9."""
    alignment = ema_alignment("model", torch.full((CLASSES,), 1 / CLASSES), 0.9)
    hooks = {"MaskingHook": of("algorithms.adamatch.utils").AdaMatchThresholdingHook(), "DistAlignHook": alignment}
    peer = algorithm("adamatch", "AdaMatch", hooks, p_cutoff=0.9, T=0.5, use_hard_label=False)
    ours = AdaMatch(OUTPUT, decay=0.9)
    for turn in range(4):
        now = {view: normal(len(rows), 100 * turn + len(view.augment)) + rows for view, rows in logits.items()}
        ours.after_step(batch_of(now), now, 0.0)
        found = loss_of(peer, **given(now))
        close(ours.source[0], alignment.p_target)
        close(ours.target_mean[0], alignment.p_model)
        close(ours.consistency(batch_of(now), now).item(), found["unsup_loss"])
        once = F.cross_entropy(now[LABELED], LABELS)
        close(once.item(), found["sup_loss"])
        both = once + F.cross_entropy(now[STRONG_LABELED], LABELS)
        close(ours.loss(batch_of(now), now, 0.5).item(), both + found["unsup_loss"])


def test_flexmatch(logits):
    images = 60
    hook = of("algorithms.flexmatch.utils").FlexMatchThresholdingHook(images, CLASSES)
    peer = algorithm("flexmatch", "FlexMatch", {"MaskingHook": hook}, p_cutoff=0.8, **HARD)
    ours = FlexMatch(OUTPUT, threshold=0.8)
    ours.begin(facts(OUTPUT, {"labeled": 20, "unlabeled": images}))
    for turn in range(5):
        now = {view: normal(len(rows), 100 * turn + len(view.augment)) + rows for view, rows in logits.items()}
        samples = torch.randperm(images, generator=torch.Generator().manual_seed(turn))[:ROWS]
        batch = Batch({}, {STRONG: now[WEAK].softmax(1)}, {}, {STRONG: samples})
        theirs = loss_of(peer, **given(now), idx_ulb=samples)["unsup_loss"]
        close(ours.loss(batch, now, 0.0).item(), theirs)
        ours.after_step(batch, now, 0.0)
        assert torch.equal(ours.selected, hook.selected_label)
        close(ours.thresholds(), 0.8 * hook.classwise_acc / (2 - hook.classwise_acc))


def test_dash_once_its_threshold_is_the_least(logits):
    """Before that, semilearn compares the loss of the sharpened target, which is never below that of its most probable
    class: it counts fewer rows. Its ρ̂ is the loss of the evaluation images; ours of the labelled ones."""
    hook = of("algorithms.dash.utils").DashThresholdingHook(rho_min=0.05, gamma=1.27, C=1.0001)
    peer = algorithm("dash", "Dash", {"MaskingHook": hook}, T=0.5, rho_init=0.9, num_iter_per_epoch=1)
    ours = Dash(OUTPUT, warm_up=0.0, every=0.02)
    ours.begin(facts(OUTPUT, {"labeled": 20, "unlabeled": ROWS}))
    ours.reference.fill_(0.9)
    stages = set()
    for times in range(16):
        ours.done.fill_((times + 0.5) * 0.02)
        peer.it = 10 * times
        theirs = loss_of(peer, **given(logits))
        close(ours.threshold(), hook.rho)
        stages.add(peer.use_hard_label)
        counted = ours.weights(batch_of(logits).targets[STRONG])[:, 0].float()
        if peer.use_hard_label:
            close(ours.loss(batch_of(logits), logits, 0.0).item(), theirs["unsup_loss"])
            close(counted.mean(), theirs["util_ratio"])
        else:
            target = (logits[WEAK] / 0.5).softmax(1)
            peers = peer.consistency_loss(logits[STRONG], target, "ce", mask=counted)
            close(ours.loss(batch_of(logits), logits, 0.0), peers)
            assert counted.mean() >= theirs["util_ratio"]
    assert stages == {False, True}


def test_defixmatch(logits):
    """What differs: semilearn's labelled loss is the mean over both views; ours is what the recipe says."""
    hook = {"MaskingHook": of("algorithms.hooks").FixedThresholdingHook()}
    peer = algorithm("defixmatch", "DeFixMatch", hook, p_cutoff=0.8, **HARD)
    found = loss_of(peer, **given(logits), x_lb_s=logits[STRONG_LABELED])
    guesses = {STRONG: logits[WEAK], STRONG_LABELED: logits[LABELED]}
    batch = Batch({}, {view: rows.softmax(1)[:, None] for view, rows in guesses.items()}, {})
    ours = DeFixMatch(OUTPUT, threshold=0.8).loss(batch, logits, 0.0)
    close(ours, found["loss"] - found["sup_loss"])
    assert math.isclose(found["unsup_loss"] - found["anti_unsup_loss"], ours.item(), rel_tol=1e-4)


def test_pi_model_and_mean_teacher(logits):
    """Values alone: semilearn lets no gradient into one of the Π-model's views, algorithm 1 lets it into both."""
    one, other = View("unlabeled", "weak"), View("unlabeled", "weak", 1)
    outputs = {one: logits[WEAK], other: logits[STRONG]}
    theirs = loss_of(algorithm("pimodel", "PiModel", unsup_warm_up=0.4), **given(logits))["unsup_loss"]
    close(PiModel(OUTPUT).loss(Batch({}, {}, {}), outputs, 0.0).item(), theirs)
    theirs = loss_of(algorithm("meanteacher", "MeanTeacher", unsup_warm_up=0.4), **given(logits))["unsup_loss"]
    batch = Batch({}, {one: logits[STRONG].softmax(1)}, {})
    close(MeanTeacher(OUTPUT).loss(batch, outputs, 0.0).item(), theirs)
