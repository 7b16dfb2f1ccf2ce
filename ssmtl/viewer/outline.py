"""Boundaries of masks as paths of an SVG."""

import numpy as np
from contourpy import LineType, contour_generator
from numpy.typing import NDArray


def outline(mask: NDArray[np.bool_], height: int, width: int) -> str:
    """The `d` of a path whose inside, by the even-odd rule, holds the centres of the mask's pixels and no others.

    :param mask: of any size; it covers the same field of view as the image.
    :param height, width: of the image, in whose pixels the path is: (0, 0) is the upper left corner.
    """
    around = np.pad(mask.astype(np.float32), 1)
    lines = contour_generator(z=around, line_type=LineType.Separate).lines(0.5)
    scale = np.array([width / mask.shape[1], height / mask.shape[0]])
    return "".join(_closed((np.asarray(line) - 0.5) * scale) for line in lines)


def _closed(points: NDArray[np.float64]) -> str:
    return "M" + "L".join(f"{x:.6g} {y:.6g}" for x, y in points[:-1]) + "Z"
