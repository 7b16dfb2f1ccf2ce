"""Masks, their probabilities and their losses, in NumPy, for the oracles of the strategies for masks."""

import numpy as np
import torch

from ssmtl import RandomStream


def normal(*shape, seed=0, scale=2.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def streams_of(rows, *views):
    return {view: RandomStream.of(range(rows), 0, str(view)) for view in views}


def random_masks(rows, structures, side, seed):
    """No pixel is of two structures."""
    drawn = torch.randint(0, structures + 1, (rows, 1, side, side), generator=torch.Generator().manual_seed(seed))
    return (drawn == torch.arange(1, structures + 1)[None, :, None, None]).float()


def probabilities(output, logits):
    """Outcomes last: of each structure absent and present, or background and structures."""
    values = np.asarray(logits.detach(), dtype=np.float64)
    if output.exclusive:
        raw = np.exp(np.concatenate([np.zeros_like(values[:, :1]), values], 1))
        return np.moveaxis(raw / raw.sum(1, keepdims=True), 1, -1)
    present = 1 / (1 + np.exp(-values))
    return np.stack([1 - present, present], -1)


def own_masks(output, present):
    """The same from probabilities of the structures."""
    values = np.asarray(present, dtype=np.float64)
    if output.exclusive:
        return np.moveaxis(np.concatenate([1 - values.sum(1, keepdims=True), values], 1), 1, -1)
    return np.stack([1 - values, values], -1)


def softened(found, temperature):
    powers = found ** (1 / temperature)
    return powers / powers.sum(-1, keepdims=True)


def structures_of(output, found):
    return np.moveaxis(found, -1, 1)[:, 1:] if output.exclusive else found[..., 1]


def dice(output, found, target, region):
    """:param region: (rows, height, width)."""
    rows = []
    for predicted, known, inside in zip(structures_of(output, found), np.asarray(target), region, strict=True):
        scores = []
        for one, other in zip(predicted, known, strict=True):
            counts = inside & ~np.isnan(other)
            if counts.any():
                p, g = one[counts], other[counts]
                scores.append(1 - (2 * (p * g).sum() + 1) / (p.sum() + g.sum() + 1))
        rows.append(np.mean(scores) if scores else 0.0)
    return np.mean(rows)


def bce_or_ce(output, found, target, region):
    rows = []
    for predicted, known, inside in zip(found, np.asarray(target), region, strict=True):
        losses = []
        for y, x in np.argwhere(inside):
            labels = known[:, y, x]
            if output.exclusive:
                if not np.isnan(labels).any():
                    losses.append(-np.log(predicted[y, x, int(labels @ np.arange(1, len(labels) + 1))]))
            else:
                losses += [-np.log(predicted[k, y, x, int(g)]) for k, g in enumerate(labels) if not np.isnan(g)]
        rows.append(np.mean(losses) if losses else 0.0)
    return np.mean(rows)
