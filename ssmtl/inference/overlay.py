"""A picture of an image with what was predicted: boundaries, and where the classes' saliency is high."""

import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from ssmtl.contracts.source import Pixels
from ssmtl.data.fit import resized
from ssmtl.data.images import opened, to_grey
from ssmtl.inference.prediction import LabelPrediction, Prediction

COLOURS = ((255, 122, 26), (43, 217, 166), (86, 180, 233), (240, 228, 66))
"""Of the structures' boundaries, in turn: Okabe and Ito's, lightened for dark radiographs."""

WARM = (255, 64, 0)
"""Of saliency."""

SHORTEST, LONGEST = 512, 1024
"""Smaller and larger images are resized until their longer side has so many pixels."""

STRONGEST = 0.6
"""How much of the image the highest saliency covers."""


def overlay(one: Prediction, pixels: Pixels) -> bytes:
    """A PNG file. The saliency is that of the decided class, or of the most probable one, of the first such task."""
    with opened(pixels) as image:
        grey = to_grey(image.array, pixels.name)
    longer = max(grey.shape)
    scale = min(max(longer, SHORTEST), LONGEST) / longer
    size = max(1, round(grey.shape[0] * scale)), max(1, round(grey.shape[1] * scale))
    shown = np.repeat(resized(grey, *size)[..., None] * 255, 3, axis=2)
    heat = _saliency(one)
    if heat is not None:
        share = (resized(heat, *size) * STRONGEST)[..., None]
        shown = shown * (1 - share) + np.array(WARM) * share
    structures = [mask for task in one.masks.values() for mask in task.masks.values()]
    for number, mask in enumerate(structures):
        shown[_boundary(mask, size)] = COLOURS[number % len(COLOURS)]
    return png(np.clip(np.rint(shown), 0, 255).astype(np.uint8))


def png(values: NDArray[np.uint8]) -> bytes:
    """The same values give the same bytes."""
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _saliency(one: Prediction) -> NDArray[np.float32] | None:
    """As `smoothed`, of the first task that has any."""
    for labels in one.labels.values():
        if labels.saliency:
            return smoothed(labels.saliency[shown_class(labels)])
    return None


def shown_class(labels: LabelPrediction) -> str:
    """Whose saliency is shown: that of the decided class, or of the most probable one if none or several are."""
    return labels.decision if labels.decision in labels.probabilities else _most_probable(labels.probabilities)


def smoothed(saliency: NDArray[np.float32]) -> NDArray[np.float32]:
    """(height, width), in [0, 1], the highest value 1: a gradient is grainy."""
    smooth = ndimage.gaussian_filter(saliency, max(saliency.shape) / 64)
    return np.asarray(smooth / (float(smooth.max()) or 1), np.float32)


def _most_probable(probabilities: Mapping[str, float]) -> str:
    return max(probabilities, key=lambda name: probabilities[name])


def _boundary(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Two pixels wide, inside the mask."""
    shown = resized(mask.astype(np.float32), *size) > 0.5
    inner: NDArray[np.bool_] = ndimage.binary_erosion(shown, iterations=2)
    return shown & ~inner
