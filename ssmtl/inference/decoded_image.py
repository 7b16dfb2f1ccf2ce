"""An image on its way into the network, decoded as in training."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssmtl.contracts.source import Pixels
from ssmtl.data.fit import Fit
from ssmtl.data.header import Spacing, header_of
from ssmtl.data.images import ImageFile, grey_uint8
from ssmtl.errors import DataError, first_line

Image = Path | str | NDArray[Any] | Tensor


@dataclass(frozen=True)
class ArrayImage:
    """An image in memory: (height, width), or (height, width, 3); unsigned integers, or floats in [0, 1]."""

    name: str
    array: NDArray[Any]

    def fingerprint(self) -> str:
        """Of its values."""
        return hashlib.blake2b(f"{self.array.dtype} {self.array.shape}".encode() + self.array.tobytes()).hexdigest()

    def read(self) -> NDArray[Any]:
        """The array."""
        return self.array


@dataclass(frozen=True)
class DecodedImage:
    """:param levels: (channels, height, width) uint8, what the network sees. :param size: (height, width) before.

    :param fit: how the one became the other.
    """

    name: str
    pixels: Pixels
    levels: NDArray[np.uint8]
    size: tuple[int, int]
    spacing: Spacing | None
    fit: Fit

    def seed(self) -> str:
        """Equal for equal content, whatever it is called."""
        return hashlib.blake2b(np.ascontiguousarray(self.levels).tobytes(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Unreadable:
    """An image of which nothing can be said. :param reason: without the file's name if that is its start."""

    name: str
    reason: str


def decoded(name: str, pixels: Pixels, fit: Fit, channels: int) -> DecodedImage | Unreadable:
    """The picture, or why there is none: it cannot be read, or has several frames."""
    try:
        levels, original = grey_uint8(pixels, fit.size, channels, fit.how)
        header = header_of(pixels)
        if header.frames != 1:
            raise DataError(f"{pixels.name}: it has {header.frames} frames, expected one; save those that count alone")
    except DataError as error:
        return Unreadable(name, str(error))
    return DecodedImage(name, pixels, levels, (original.height, original.width), header.spacing, fit)


def named(images: Image | Sequence[Image] | Iterable[Image]) -> Iterator[tuple[str, Pixels]]:
    """Names and images. An array is one image, (height, width) or (height, width, 3); a tensor is (height, width),
    (channels, height, width), or several: (rows, channels, height, width).

    :raises DataError: for anything else.
    """
    if isinstance(images, str | Path | np.ndarray | Tensor):
        images = [images]
    if isinstance(images, bytes) or not hasattr(images, "__iter__"):
        raise _no_image(images)
    number = 0
    for one in images:
        if isinstance(one, str | Path):
            yield str(one), ImageFile(Path(one))
            number += 1
            continue
        for array in _arrays(one):
            yield f"image {number}", ArrayImage(f"image {number}", array)
            number += 1


def _arrays(one: Any) -> list[NDArray[Any]]:
    if isinstance(one, np.ndarray):
        return [one]
    if isinstance(one, Tensor):
        try:
            rows = one.detach().cpu()
            values = (rows.float() if rows.dtype in (torch.bfloat16, torch.float16) else rows).numpy()
        except (RuntimeError, TypeError) as error:
            raise DataError(f"a tensor of {one.dtype}, {one.layout}, on {one.device}: {first_line(error)}") from error
        if values.ndim == 2:
            return [values]
        if values.ndim in (3, 4):
            return [np.moveaxis(row, 0, -1) for row in (values if values.ndim == 4 else values[None])]
    raise _no_image(one)


def _no_image(one: Any) -> DataError:
    what = f"shape {tuple(one.shape)}" if isinstance(one, Tensor) else type(one).__name__
    return DataError(f"{what} is no image; expected a path, an array, or a tensor of two to four dimensions")
