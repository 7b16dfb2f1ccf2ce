"""How an image of any shape fills the frame that the network sees, and how what is said of it goes back."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ssmtl.contracts.shapes import Size, sides

Float = NDArray[np.float32]

How = Literal["stretch", "pad"]
"""`stretch`: the aspect ratio is not kept. `pad`: it is, and what is left of the frame lies on both sides."""


@dataclass(frozen=True)
class Fit:
    """Into a frame of `size` pixels: `size` × `size`, or (height, width)."""

    size: Size
    how: How = "stretch"

    @property
    def frame(self) -> tuple[int, int]:
        """Height and width of what the network sees."""
        return sides(self.size)

    def window(self, height: int, width: int) -> tuple[slice, slice]:
        """The rows and columns of the frame that an image of this size takes up."""
        tall, wide = self.frame
        if self.how == "stretch":
            return slice(0, tall), slice(0, wide)
        part, whole = (tall, height) if height * wide >= width * tall else (wide, width)
        taken = [max(1, round(side * part / whole)) for side in (height, width)]
        rows, columns = (
            slice((side - own) // 2, (side - own) // 2 + own) for side, own in zip(self.frame, taken, strict=True)
        )
        return rows, columns

    def forward(self, image: Float, kind: Image.Resampling, fill: float = 0.0) -> Float:
        """(height, width) to the frame's. :param fill: around the image."""
        rows, columns = self.window(*image.shape)
        inner = resized(image, rows.stop - rows.start, columns.stop - columns.start, kind)
        if inner.shape == self.frame:
            return inner
        frame = np.full(self.frame, fill, np.float32)
        frame[rows, columns] = inner
        return frame

    def back(self, values: Float, height: int, width: int, kind: Image.Resampling = Image.Resampling.BILINEAR) -> Float:
        """Values of the frame, such as probabilities of a structure, to the (height, width) that the image had.

        What lies around the image is left out. At the image's own size nothing is changed.
        """
        rows, columns = self.window(height, width)
        return resized(values[rows, columns], height, width, kind)


def resized(image: Float, height: int, width: int, kind: Image.Resampling = Image.Resampling.BILINEAR) -> Float:
    """Both cover the same field of view from edge to edge, so that pixel centres stay where they were."""
    if image.shape == (height, width):
        return image
    return np.asarray(Image.fromarray(np.ascontiguousarray(image, np.float32)).resize((width, height), kind))
