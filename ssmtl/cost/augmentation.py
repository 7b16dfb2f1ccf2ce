"""How long the strong augmentation takes, beside a loop over the images with Pillow that does the same."""

import time
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from ssmtl.contracts.random_stream import RandomStream
from ssmtl.cost.pillow_augmentation import PAD, Pixels, with_pillow
from ssmtl.registry.plugins import load_plugins

BATCHES = ((10, 64), (10, 256), (64, 256))
"""Rows, and pixels of a side."""

WARM_UP = 3


def made_up(rows: int, side: int) -> Pixels:
    """Smooth images (rows, side, side)."""
    noise = np.random.default_rng(0).normal(size=(rows, side, side))
    smooth: Pixels = np.clip(ndimage.gaussian_filter(noise, (0, 3, 3)) * 400 + 120, 0, 255).astype(np.uint8)
    return smooth


def pairs_of(rows: int, side: int, count: int) -> list[tuple[float, float]]:
    """Seconds of ours and of Pillow, for the same steps, in one process.

    Both start from the same 8-bit images and end with a float batch.
    """
    strong: Any = load_plugins()["augmentation"]["kornia_strong"].make(pad=PAD)
    pixels, pairs = made_up(rows, side), []
    whole = torch.from_numpy(pixels)[:, None]
    for step in range(WARM_UP + count):
        stream = RandomStream.of(range(rows), 0, "task", step, "unlabeled/strong")
        seconds = {}
        for name in sorted(("ours", "pillow"), reverse=bool(step % 2)):
            began = time.perf_counter()
            if name == "ours":
                strong(whole.float().div_(255), None, stream)
            else:
                with_pillow(pixels, stream, strong.pool)
            seconds[name] = time.perf_counter() - began
        if step >= WARM_UP:
            pairs.append((seconds["ours"], seconds["pillow"]))
    return pairs
