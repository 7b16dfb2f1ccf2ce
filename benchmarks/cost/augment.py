"""How long the strong augmentation takes, as a multiple of a loop over the images with Pillow.

    python benchmarks/cost/augment.py --threads 1 --pairs 40 --out benchmarks/cost/results/augment.csv

Both start from the same 8-bit images and end with a float batch, and both do the same: flip, crop, and the same two
operations with the same strengths for each image. They take turns in one process. One row for each pair.
"""

import argparse
import csv
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage
from torch import Tensor

from ssmtl import RandomStream
from ssmtl_kornia.strong import KorniaStrong

BATCHES = ((10, 64), (10, 256), (64, 256))
"""Rows, and pixels of a side."""

WARM_UP = 3
PAD = 0.125
Pixels = NDArray[np.uint8]


def affine(image: Image.Image, *numbers: float) -> Image.Image:
    """Bilinear, black outside. :param numbers: from x and y of the result to x (three of them) and y of the source."""
    return image.transform(image.size, Image.Transform.AFFINE, numbers, Image.Resampling.BILINEAR)


PILLOW: Mapping[str, Callable[[Image.Image, float], Image.Image]] = {
    "autocontrast": lambda image, _: ImageOps.autocontrast(image),
    "brightness": lambda image, level: ImageEnhance.Brightness(image).enhance(1 - 0.95 * abs(level)),
    "contrast": lambda image, level: ImageEnhance.Contrast(image).enhance(1 - 0.95 * abs(level)),
    "equalize": lambda image, _: ImageOps.equalize(image),
    "identity": lambda image, _: image,
    "posterize": lambda image, level: ImageOps.posterize(image, 8 - min(int(5 * abs(level)), 4)),
    "rotate": lambda image, level: image.rotate(-30 * level, Image.Resampling.BILINEAR),
    "sharpness": lambda image, level: ImageEnhance.Sharpness(image).enhance(1 - 0.95 * abs(level)),
    "shear_x": lambda image, level: affine(image, 1, 0.3 * level, -0.15 * level * image.height, 0, 1, 0),
    "shear_y": lambda image, level: affine(image, 1, 0, 0, 0.3 * level, 1, -0.15 * level * image.width),
    "solarize": lambda image, level: ImageOps.solarize(image, int(256 * (1 - abs(level)))),
    "translate_x": lambda image, level: affine(image, 1, 0, -0.3 * level * image.width, 0, 1, 0),
    "translate_y": lambda image, level: affine(image, 1, 0, 0, 0, 1, -0.3 * level * image.height),
}


def with_pillow(pixels: Pixels, stream: RandomStream, pool: tuple[str, ...]) -> Tensor:
    """A float batch, image by image."""
    pad = round(PAD * pixels.shape[-1])
    flips, corners = stream.uniform("flip")[:, 0] < 0.5, (stream.uniform("crop", 2) * (2 * pad + 1)).long()
    chosen, levels = (stream.uniform("operation", 2) * len(pool)).long(), 2 * stream.uniform("level", 2) - 1
    numbers = zip(flips.tolist(), corners.tolist(), chosen.tolist(), levels.tolist(), strict=True)
    made = []
    for array, (flip, (left, top), operations, strengths) in zip(pixels, numbers, strict=True):
        image = Image.fromarray(np.pad(array, pad, mode="reflect"))
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flip else image
        image = image.crop((left, top, left + array.shape[1], top + array.shape[0]))
        for operation, level in zip(operations, strengths, strict=True):
            image = PILLOW[pool[operation]](image, level)
        made.append(np.asarray(image))
    return torch.from_numpy(np.stack(made))[:, None].float().div_(255)


def made_up(rows: int, side: int) -> Pixels:
    """Smooth images (rows, side, side)."""
    noise = np.random.default_rng(0).normal(size=(rows, side, side))
    return np.clip(ndimage.gaussian_filter(noise, (0, 3, 3)) * 400 + 120, 0, 255).astype(np.uint8)


def pairs_of(rows: int, side: int, count: int) -> list[tuple[float, float]]:
    """Seconds of ours and of Pillow, for the same steps."""
    strong, pixels, pairs = KorniaStrong(pad=PAD), made_up(rows, side), []
    whole = torch.from_numpy(pixels)[:, None]
    for step in range(WARM_UP + count):
        stream = RandomStream.of(range(rows), 0, "task", step, "unlabeled/strong")
        turns = {
            "ours": lambda stream=stream: strong(whole.float().div_(255), None, stream),
            "pillow": lambda stream=stream: with_pillow(pixels, stream, strong.pool),
        }
        seconds = {}
        for name in sorted(turns, reverse=bool(step % 2)):
            began = time.perf_counter()
            turns[name]()
            seconds[name] = time.perf_counter() - began
        if step >= WARM_UP:
            pairs.append((seconds["ours"], seconds["pillow"]))
    return pairs


def main() -> None:
    """Time, print the median ratios, write the pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch; the loop always has one")
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    table = []
    for rows, side in BATCHES:
        pairs = pairs_of(rows, side, options.pairs)
        table += [(rows, side, options.threads, f"{ours:.6f}", f"{pillow:.6f}") for ours, pillow in pairs]
        quarters = statistics.quantiles([ours / pillow for ours, pillow in pairs], n=4)
        ours, pillow = (statistics.median(times) * 1000 for times in zip(*pairs, strict=True))
        print(
            f"{rows} x {side} px, {options.threads} threads: {quarters[1]:.2f} times Pillow's time, quartiles "
            f"{quarters[0]:.2f} to {quarters[2]:.2f}; medians {ours:.2f} and {pillow:.2f} ms"
        )
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        with options.out.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("rows", "pixels", "threads", "ours_seconds", "pillow_seconds"), *table])


if __name__ == "__main__":
    main()
