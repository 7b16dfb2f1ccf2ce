"""How an image of any shape becomes a square one, and how what the network says of it goes back."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Float = NDArray[np.float32]

How = Literal["stretch", "pad"]
"""`stretch`: the aspect ratio is not kept. `pad`: it is, and what is left of the square lies on both sides."""


@dataclass(frozen=True)
class Fit:
    """Into `size` × `size` pixels."""

    size: int
    how: How = "stretch"

    def window(self, height: int, width: int) -> tuple[slice, slice]:
        """The rows and columns of the square that an image of this size takes up."""
        if self.how == "stretch":
            return slice(0, self.size), slice(0, self.size)
        longest = max(height, width)
        sides = [max(1, round(side * self.size / longest)) for side in (height, width)]
        rows, columns = (slice((self.size - side) // 2, (self.size - side) // 2 + side) for side in sides)
        return rows, columns

    def forward(self, image: Float, kind: Image.Resampling, fill: float = 0.0) -> Float:
        """(height, width) to (size, size). :param fill: around the image."""
        rows, columns = self.window(*image.shape)
        inner = resized(image, rows.stop - rows.start, columns.stop - columns.start, kind)
        if inner.shape == (self.size, self.size):
            return inner
        square = np.full((self.size, self.size), fill, np.float32)
        square[rows, columns] = inner
        return square

    def back(self, values: Float, height: int, width: int, kind: Image.Resampling = Image.Resampling.BILINEAR) -> Float:
        """(size, size), such as probabilities of a structure, to the (height, width) that the image had.

        What lies around the image is left out. At the image's own size nothing is changed.
        """
        rows, columns = self.window(height, width)
        return resized(values[rows, columns], height, width, kind)


def resized(image: Float, height: int, width: int, kind: Image.Resampling = Image.Resampling.BILINEAR) -> Float:
    """Both cover the same field of view from edge to edge, so that pixel centres stay where they were."""
    if image.shape == (height, width):
        return image
    return np.asarray(Image.fromarray(np.ascontiguousarray(image, np.float32)).resize((width, height), kind))
