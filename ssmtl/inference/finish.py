"""From what the network says of its frame to what is said of the image."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from ssmtl.contracts.head import Output
from ssmtl.inference.decision import USUAL, Thresholds, decision
from ssmtl.inference.decoded_image import DecodedImage
from ssmtl.inference.passes import RawPrediction
from ssmtl.inference.prediction import LabelPrediction, MaskPrediction, NumberPrediction, Prediction


def finished(
    picture: DecodedImage, raw: RawPrediction, outputs: Mapping[str, Output], thresholds: Thresholds
) -> Prediction:
    """Masks are cut at their threshold after they are resized, where the boundary is finest."""
    labels, numbers, masks = {}, {}, {}
    for task, output in outputs.items():
        own = thresholds.get(task, {})
        samples = raw.samples.get(task, ())
        if output.kind == "masks":
            masks[task] = _masks(picture, raw.probabilities[task], output, own, samples)
        elif output.kind == "numbers":
            values = dict(zip(output.classes, raw.probabilities[task].tolist(), strict=True))
            maps = _maps(picture, output, raw.saliency.get(task))
            numbers[task] = NumberPrediction(values, _spread(output, samples), maps)
        else:
            probabilities = dict(zip(output.classes, raw.probabilities[task].tolist(), strict=True))
            labels[task] = LabelPrediction(
                probabilities,
                decision(output, probabilities, own),
                _spread(output, samples),
                _maps(picture, output, raw.saliency.get(task)),
            )
    return Prediction(picture.name, picture.size, picture.spacing, labels, masks, numbers)


def _masks(
    picture: DecodedImage, values: Tensor, output: Output, thresholds: Mapping[str, float], samples: Sequence[Tensor]
) -> MaskPrediction:
    small = dict(zip(output.classes, values.numpy(), strict=True))
    cut = {name: thresholds.get(name, USUAL) for name in output.classes}
    masks = {name: picture.fit.back(one, *picture.size) > cut[name] for name, one in small.items()}
    pixels = {name: int(np.count_nonzero(mask)) for name, mask in masks.items()}
    area = picture.spacing.rows * picture.spacing.columns if picture.spacing else None
    return MaskPrediction(
        masks,
        small,
        pixels,
        {name: count * area for name, count in pixels.items()} if area is not None else {},
        {name: disagreement([one[at] > cut[name] for one in samples]) for at, name in enumerate(output.classes)}
        if samples
        else {},
    )


def disagreement(masks: Sequence[Tensor]) -> float:
    """One minus the mean Dice of every two masks; two empty ones agree."""
    pairs = []
    for one, other in combinations(masks, 2):
        total = int(one.sum()) + int(other.sum())
        pairs.append(2 * int((one & other).sum()) / total if total else 1.0)
    return 1 - sum(pairs) / len(pairs)


def _spread(output: Output, samples: Sequence[Tensor]) -> dict[str, float]:
    if not samples:
        return {}
    return dict(zip(output.classes, torch.stack(list(samples)).std(0, correction=0).tolist(), strict=True))


def _maps(picture: DecodedImage, output: Output, maps: Tensor | None) -> "dict[str, np.ndarray]":
    if maps is None:
        return {}
    return {name: picture.fit.back(one, *picture.size) for name, one in zip(output.classes, maps.numpy(), strict=True)}
