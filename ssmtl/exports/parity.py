"""Whether a file says what the network says."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ssmtl.errors import RunError
from ssmtl.inference.model import Model

LARGEST_DIFFERENCE = 1e-4
"""Between a file's outputs and the network's; a file that differs more is not written. Of numbers above 1, a share."""

CONSTANT = 0.25
"""A grey that has no structure at all, where normalisation divides by next to nothing."""

CONSTANTS = 2
"""How many such images are tried, after the others."""


def trial_images(model: Model) -> list[Tensor]:
    """Batches of 1, 2, 3 and 7 random images, the same each time, and constant ones."""
    random = torch.Generator().manual_seed(0)
    shape = model.shape
    return [
        *(torch.rand(rows, *shape, generator=random) for rows in (1, 2, 3, 7)),
        torch.full((CONSTANTS, *shape), CONSTANT),
    ]


def said(module: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Without a gradient."""
    with torch.no_grad():
        outputs: dict[str, Tensor] = module(images)
    return outputs


def nudged(images: Tensor) -> Tensor:
    """Each pixel moved to one of the two nearest float32 values."""
    up = torch.rand(images.shape, generator=torch.Generator().manual_seed(2)) < 0.5
    return torch.where(up, torch.nextafter(images, torch.tensor(2.0)), torch.nextafter(images, torch.tensor(-1.0)))


def largest_difference(model: Model, module: nn.Module, exported: Callable[[Tensor], dict[str, Tensor]]) -> float:
    """Of probabilities and numbers, on all images; of a map, the median of the images with structure: a gradient jumps
    where two pixels are equally large, so that the last digit decides, in PyTorch too.

    On the constant images the probabilities may differ by as much as the network's own do when the pixels are nudged.

    :raises RunError: if it is too large.
    """
    off: dict[str, list[float]] = {}
    for images in trial_images(model):
        before, after = said(module, images), exported(images)
        for name, values in before.items():
            if after[name].shape != values.shape:
                raise RunError(f"the exported '{name}' has the shape {after[name].shape}, expected {values.shape}")
            off.setdefault(name, []).extend(_apart(values, after[name]).flatten(1).amax(1).tolist())
    again = said(module, nudged(images))
    found: dict[str, float] = {}
    for name, each in off.items():
        structured, constant = sorted(each[:-CONSTANTS]), max(each[-CONSTANTS:])
        found[name] = structured[-1 if name in model.tasks else len(structured) // 2]
        own = max(LARGEST_DIFFERENCE, float(_apart(again[name], before[name]).max()))
        if name in model.tasks and not constant <= own:
            raise _too_large(name, constant, own)
    for name, value in found.items():
        if not value <= LARGEST_DIFFERENCE:
            raise _too_large(name, value, LARGEST_DIFFERENCE)
    return max(found.values())


def _apart(one: Tensor, other: Tensor) -> Tensor:
    """A number may be in any unit: of a platelet count, float32 has one digit after the point."""
    return (one - other).abs() / one.abs().clamp(min=1)


def _too_large(name: str, value: float, limit: float) -> RunError:
    return RunError(
        f"the exported '{name}' differs from PyTorch's by {value:.1e}, expected at most {limit:.0e}; "
        "nothing was written"
    )
