"""From the square that the network sees back to the image as it was."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def in_original(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Undoes the resizing of `ssmtl.data.images.resize`: the same bilinear filter over the same field of view.

    Both squares cover the image from edge to edge, so that pixel centres fall where they were and no mask is shifted.

    :param values: (side, side). :param size: (height, width) of the image; the result's shape.
    """
    if values.shape == size:
        return values
    height, width = size
    picture = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
