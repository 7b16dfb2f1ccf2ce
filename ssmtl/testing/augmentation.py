"""The contract check for an augmentation."""

from collections.abc import Mapping
from typing import Any

import torch

from ssmtl.contracts.augmentation import Augmentation, ReferencedAugmentation, References, moved_by
from ssmtl.contracts.shapes import Images, Masks
from ssmtl.testing import samples
from ssmtl.testing.constructor import Make, made, name_of

ROWS = 8
TOLERANCE = 1e-5


def check_augmentation(make: Make, /, **options: Any) -> None:
    """Shapes and ranges; input untouched; masks binary; each row a pure function of itself and its random numbers.

    One that asks for references is given some, half of them of another source.
    """
    name = name_of(make)
    for channels, size, structures in ((1, 32, 1), (3, 24, 2), (1, (40, 24), 1)):
        originals, masks = samples.images(ROWS, size, channels), samples.masks(ROWS, structures, size)
        augment = _begun(make, options, originals)
        _check_range(augment, originals, masks, name)
        _check_range(augment, torch.zeros_like(originals), torch.zeros_like(masks), name)
        _check_range(augment, torch.ones_like(originals), torch.ones_like(masks), name)
        _check_rows(augment, originals, masks, name)
        _check_places(augment, originals, masks, name)
        again = _begun(make, options, originals)(originals, masks, samples.stream(ROWS))[0]
        assert torch.equal(again, augment(originals, masks, samples.stream(ROWS))[0]), (
            f"another {name} augments differently"
        )


def _begun(make: Make, options: Mapping[str, Any], images: Images) -> Augmentation:
    """:param images: whose shape the references have."""
    augment: Augmentation = made(make, options)
    if isinstance(augment, ReferencedAugmentation):
        others = samples.images(ROWS, (images.shape[2], images.shape[3]), images.shape[1], seed=1)
        levels = others.mul(255).round().to(torch.uint8)
        augment.begin(References(levels, torch.arange(ROWS) % 2 == 0))
    return augment


def _check_range(augment: Augmentation, originals: Images, masks: Masks, name: str) -> None:
    before = originals.clone(), masks.clone()
    images, warped = augment(originals, masks, samples.stream(len(originals)))
    assert torch.equal(originals, before[0]), f"{name} changes the images it is given"
    assert torch.equal(masks, before[1]), f"{name} changes the masks it is given"
    assert images.shape == originals.shape, (
        f"{name} turns images of shape {tuple(originals.shape)} into {tuple(images.shape)}"
    )
    assert images.dtype == torch.float32, f"{name} returns images of {images.dtype}, expected float32"
    assert images.isfinite().all(), f"{name} gives pixels that are not finite"
    low, high = images.min().item(), images.max().item()
    assert 0 <= low <= high <= 1, f"{name} gives pixels from {low} to {high}, expected [0, 1]"
    assert warped is not None, f"{name} loses the masks"
    assert warped.shape == masks.shape, f"{name} turns masks of shape {tuple(masks.shape)} into {tuple(warped.shape)}"
    assert warped.dtype == torch.float32, f"{name} returns masks of {warped.dtype}, expected float32"
    assert ((warped == 0) | (warped == 1)).all(), f"{name} gives masks that are not 0 or 1"


def _check_places(augment: Augmentation, originals: Images, masks: Masks, name: str) -> None:
    moved = moved_by(augment)
    if moved is None:
        return
    assert isinstance(moved, tuple), f"moved_by of {name} is {moved!r}, expected a tuple of words"
    _, warped = augment(originals, masks, samples.stream(len(originals)))
    assert warped is not None
    assert moved or torch.equal(warped, masks), f"{name} says that it moves no pixel, and moves those of masks"


def _check_rows(augment: Augmentation, originals: Images, masks: Masks, name: str) -> None:
    """Alone, in another order, without masks, and after other seeds, a row comes out the same."""
    stream = samples.stream(len(originals))
    torch.manual_seed(1)
    images, warped = augment(originals, masks, stream)
    torch.manual_seed(2)
    again, _ = augment(originals, masks, stream)
    assert torch.equal(images, again), f"{name} takes randomness from elsewhere than its stream"
    plain, none = augment(originals, None, stream)
    assert none is None, f"{name} returns masks where none were given"
    assert torch.allclose(plain, images, atol=TOLERANCE), (
        f"{name} treats images with masks differently from those without"
    )
    order = torch.arange(len(originals)).flip(0)
    turned, turned_masks = augment(originals[order], masks[order], stream[order])
    assert torch.allclose(turned[order], images, atol=TOLERANCE), f"rows of {name} depend on their place in the batch"
    assert turned_masks is not None
    assert warped is not None
    assert torch.equal(turned_masks[order], warped), f"masks of {name} depend on their place in the batch"
    for row in range(len(originals)):
        alone, _ = augment(originals[row : row + 1], masks[row : row + 1], stream[row : row + 1])
        assert torch.allclose(alone[0], images[row], atol=TOLERANCE), (
            f"row {row} of {name} depends on the other rows of the batch"
        )
