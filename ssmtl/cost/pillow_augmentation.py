"""The strong augmentation as a loop over images with Pillow: the same flips, crops and operations, image by image."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

from ssmtl.contracts.random_stream import RandomStream

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
