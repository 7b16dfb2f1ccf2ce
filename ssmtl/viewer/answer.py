"""What the page shows of one image, as JSON: the image, probabilities, boundaries, areas, saliency."""

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssmtl.contracts.source import Pixels
from ssmtl.data.fit import resized
from ssmtl.data.images import opened, to_grey, to_unit
from ssmtl.errors import DataError
from ssmtl.inference.decision import cuts
from ssmtl.inference.decoded_image import Unreadable
from ssmtl.inference.model import Model
from ssmtl.inference.options import Options
from ssmtl.inference.overlay import COLOURS, WARM, png, shown_class, smoothed
from ssmtl.inference.prediction import Prediction
from ssmtl.viewer.outline import outline
from ssmtl.viewer.truth import Truth

LONGEST = 1600
"""Pixels of the longer side of the picture that is sent; boundaries are those of the image, whatever its size."""

LONGEST_MAP = 512
"""The same of a saliency map, which is smooth."""

NOTHING = Truth()


def answer(model: Model, pixels: Pixels, truth: Truth = NOTHING) -> dict[str, Any]:
    """The same numbers as `ssmtl predict` writes.

    :raises DataError: if the image cannot be read, or has several frames.
    """
    (one,) = model.each([(pixels.name, pixels)], Options(saliency=True), 1)
    if isinstance(one, Unreadable):
        raise DataError(one.reason)
    height, width = one.size
    spacing = one.spacing
    return {
        "height": height,
        "width": width,
        "spacing": f"{spacing.rows:g} × {spacing.columns:g} mm ({spacing.at})" if spacing else None,
        "image": _address(_shown(pixels, model.channels)),
        "labels": list(_labels(model, one, truth)),
        "numbers": list(_numbers(one, truth)),
        "structures": list(_structures(one, truth)),
        "saliency": list(_saliency(one)),
    }


def _labels(model: Model, one: Prediction, truth: Truth) -> Iterator[dict[str, Any]]:
    for task, found in one.labels.items():
        least = cuts(model.tasks[task], model.thresholds.get(task, {}))
        known = truth.classes if task == truth.task else {}
        classes = [
            {"name": name, "probability": value, "from": least.get(name), "true": known.get(name)}
            for name, value in found.probabilities.items()
        ]
        yield {"task": task, "decision": found.decision or "none", "classes": classes}


def _numbers(one: Prediction, truth: Truth) -> Iterator[dict[str, Any]]:
    for task, found in one.numbers.items():
        known = truth.numbers if task == truth.task else {}
        values = [{"name": name, "value": value, "true": known.get(name)} for name, value in found.values.items()]
        yield {"task": task, "values": values}


def _structures(one: Prediction, truth: Truth) -> Iterator[dict[str, Any]]:
    height, width = one.size
    every = [(task, found, name) for task, found in one.masks.items() for name in found.masks]
    for number, (task, found, name) in enumerate(every):
        known = truth.masks.get(name) if task == truth.task else None
        yield {
            "task": task,
            "name": name,
            "colour": "#{:02x}{:02x}{:02x}".format(*COLOURS[number % len(COLOURS)]),
            "path": outline(found.masks[name], height, width),
            "pixels": found.pixels[name],
            "share": found.pixels[name] / (height * width),
            "mm2": found.mm2.get(name),
            "true_path": None if known is None else outline(known, height, width),
            "true_pixels": None if known is None else round(float(known.mean()) * height * width),
        }


def _saliency(one: Prediction) -> Iterator[dict[str, Any]]:
    """Of every class and number; `shown` marks the one that an overlay of `ssmtl predict` shows."""
    labels = [(task, found.saliency, shown_class(found)) for task, found in one.labels.items()]
    numbers = [(task, found.saliency, next(iter(found.values))) for task, found in one.numbers.items()]
    for task, maps, chosen in (*labels, *numbers):
        for name, values in maps.items():
            heat = smoothed(_at_most(values, LONGEST_MAP))
            layer = np.empty((*heat.shape, 4), np.uint8)
            layer[..., :3] = WARM
            layer[..., 3] = np.rint(np.clip(heat, 0, 1) * 255)
            yield {"task": task, "name": name, "image": _address(layer), "shown": name == chosen}


def _shown(pixels: Pixels, channels: int) -> NDArray[np.uint8]:
    """Grey, or in colours if the network sees colours."""
    with opened(pixels) as image:
        array = image.array
        if channels == 3 and array.ndim == 3 and array.shape[2] == 3:
            colour = to_unit(array, pixels.name)
            values = np.stack([_at_most(colour[..., channel], LONGEST) for channel in range(3)], axis=2)
        else:
            values = _at_most(to_grey(array, pixels.name), LONGEST)
    return np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)


def _at_most(values: NDArray[np.float32], longest: int) -> NDArray[np.float32]:
    scale = min(1.0, longest / max(values.shape))
    return resized(values, *(max(1, round(side * scale)) for side in values.shape))


def _address(values: NDArray[np.uint8]) -> str:
    return f"data:image/png;base64,{base64.b64encode(png(values)).decode()}"
