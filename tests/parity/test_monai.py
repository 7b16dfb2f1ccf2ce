"""Our losses beside MONAI's on identical tensors. Slow, since importing MONAI takes seconds."""

import pytest
import torch
from torch.nn import functional as F

from ssmtl import Batch, Output, View
from ssmtl.builtins.cross_entropy import CrossEntropy
from ssmtl.builtins.soft_dice import SoftDice
from ssmtl_segmentation.mask_losses import dice_and_cross_entropy, dice_loss

pytestmark = pytest.mark.slow

LABELED = View("labeled", "weak")
APART, EXCLUSIVE = Output("masks", ("a", "b")), Output("masks", ("a", "b"), exclusive=True)
outputs = pytest.mark.parametrize("output", [APART, EXCLUSIVE], ids=["apart", "exclusive"])
seeds = pytest.mark.parametrize("seed", [0, 1, 2])


@pytest.fixture
def losses():
    return pytest.importorskip("monai.losses", reason="MONAI is not installed: pip install monai")


def normal(*shape, seed):
    return 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def masks_of(output, seed):
    """With a row in which nothing is inside."""
    where = torch.randint(0, 3, (4, 1, 8, 8), generator=torch.Generator().manual_seed(seed))
    if output.exclusive:
        masks = torch.cat([where == 1, where == 2], 1).float()
    else:
        masks = torch.cat([where > 0, where == 2], 1).float()
    masks[1] = 0
    return masks


def as_monai(output, logits, masks):
    """Logits, masks and the options that say so: with the background as a channel if structures are exclusive."""
    if not output.exclusive:
        return logits, masks, {"sigmoid": True}
    background = 1 - masks.sum(1, keepdim=True)
    every = torch.cat([torch.zeros_like(logits[:, :1]), logits], 1)
    return every, torch.cat([background, masks], 1), {"softmax": True, "include_background": False}


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@seeds
@outputs
@pytest.mark.parametrize("over", ["image", "batch"])
@pytest.mark.parametrize("smooth", [1.0, 0.25])
def test_soft_dice(losses, output, over, smooth, seed):
    """MONAI has two constants, in the numerator and in the denominator, both 1e-5 by default; ours is one, 1."""
    logits, masks = normal(4, 2, 8, 8, seed=seed), masks_of(output, seed)
    given, target, options = as_monai(output, logits, masks)
    theirs = losses.DiceLoss(**options, smooth_nr=smooth, smooth_dr=smooth, batch=over == "batch")(given, target)
    ours = SoftDice(output, smooth=smooth, over=over).loss(Batch({}, {LABELED: masks}, {}), {LABELED: logits}, 0.0)
    close(ours, theirs)
    if smooth == 1.0 and over == "image":
        close(dice_loss(output, logits, masks), theirs)


@seeds
def test_soft_dice_of_what_is_known(losses, seed):
    """Unknown pixels are MONAI's mask. Its masked loss multiplies logits, which leaves a probability of one half in
    masked pixels: it is given probabilities here."""
    logits, masks = normal(4, 2, 8, 8, seed=seed), masks_of(APART, seed)
    known = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(seed)) < 0.7
    theirs = losses.MaskedDiceLoss(smooth_nr=1.0, smooth_dr=1.0)(logits.sigmoid(), masks, mask=known.float())
    batch = Batch({}, {LABELED: masks.masked_fill(~known, torch.nan)}, {})
    close(SoftDice(APART).loss(batch, {LABELED: logits}, 0.0), theirs)


@seeds
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_of_masks_and_labels(losses, gamma, seed):
    """Structures or labels, each present or not."""
    logits, masks = normal(4, 2, 8, 8, seed=seed), masks_of(APART, seed)
    peer = losses.FocalLoss(gamma=gamma)
    ours = CrossEntropy(APART, focal=gamma).loss(Batch({}, {LABELED: masks}, {}), {LABELED: logits}, 0.0)
    close(ours, peer(logits, masks))
    labels, shown = masks[:, :, 0, 0], logits[:, :, 0, 0]
    ours = CrossEntropy(Output("multilabel", ("a", "b")), focal=gamma)
    close(ours.loss(Batch({}, {LABELED: labels}, {}), {LABELED: shown}, 0.0), peer(shown, labels))


@seeds
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_of_classes(losses, gamma, seed):
    """MONAI's mean is over rows and classes, all but one of which are 0; ours is over rows, as for cross-entropy."""
    output, logits = Output("multiclass", ("a", "b", "c")), normal(8, 3, seed=seed)
    labels = torch.randint(0, 3, (8,), generator=torch.Generator().manual_seed(seed))
    theirs = losses.FocalLoss(gamma=gamma, use_softmax=True)(logits, F.one_hot(labels, 3).float())
    ours = CrossEntropy(output, focal=gamma).loss(Batch({}, {LABELED: labels}, {}), {LABELED: logits}, 0.0)
    close(ours, 3 * theirs)


@seeds
def test_dice_with_cross_entropy_of_exclusive_structures(losses, seed):
    """MONAI's cross-entropy is a softmax whatever its Dice is; that of structures apart has no peer there."""
    logits, masks = normal(4, 2, 8, 8, seed=seed), masks_of(EXCLUSIVE, seed)
    given, target, options = as_monai(EXCLUSIVE, logits, masks)
    peer = losses.DiceCELoss(**options, smooth_nr=1.0, smooth_dr=1.0, lambda_dice=0.5, lambda_ce=0.5)
    close(dice_and_cross_entropy(EXCLUSIVE, logits, masks), peer(given, target))


@seeds
def test_dice_with_cross_entropy_of_one_structure(losses, seed):
    output, logits = Output("masks", ("a",)), normal(4, 1, 8, 8, seed=seed)
    masks = masks_of(APART, seed)[:, :1]
    peer = losses.DiceCELoss(sigmoid=True, smooth_nr=1.0, smooth_dr=1.0, lambda_dice=0.5, lambda_ce=0.5)
    close(dice_and_cross_entropy(output, logits, masks), peer(logits, masks))
