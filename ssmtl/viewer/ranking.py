"""The test images of a run by how wrong it was on them, the worst first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ssmtl.calibration.temperature import tempered
from ssmtl.contracts.head import Output
from ssmtl.evaluation.per_image import PerImage, read_per_image
from ssmtl.evaluation.predict import Predictions
from ssmtl.evaluation.stored_predictions import StoredPredictions, read_predictions
from ssmtl.evaluation.worst import severity
from ssmtl.inference.decision import Thresholds, decision
from ssmtl.runs.folder import RunFolder

DICE = "dice"


@dataclass(frozen=True)
class RankedImage:
    """:param wrong: how wrong, None: not defined. :param said: true and predicted, in words; of masks nothing."""

    id: str
    patient: str
    wrong: float | None
    said: str


@dataclass(frozen=True)
class Ranking:
    """The test images of one task and domain. :param measure: by which they are ordered, in words."""

    task: str
    domain: str
    measure: str
    images: tuple[RankedImage, ...]


def rankings(
    run: RunFolder, outputs: Mapping[str, Output], temperatures: Mapping[str, float], thresholds: Thresholds
) -> list[Ranking]:
    """In the order of the run's split: only images of a test part are in one, and none if their predictions are gone.

    Classes and numbers by `severity`. Masks by the Dice that the run wrote for each image; where it wrote none, the few
    worst ones that it kept.

    :param temperatures, thresholds: by task, so that decisions are those that the model makes now.
    :raises RunError: naming the file that is damaged.
    """
    per_image = read_per_image(run.per_image) if run.per_image.is_file() else {}
    found = []
    for task, split in run.read_split().tasks.items():
        for domain, part in split.test.items():
            path = run.predictions_of(task, domain)
            if task not in outputs or not path.is_file():
                continue
            stored, output, tested = read_predictions(path), outputs[task], set(part.ids)
            measure, wrong = _wrong(stored, output, per_image)
            words = _words(stored, output, temperatures.get(task, 1.0), thresholds.get(task, {}))
            patients = stored["patients"] if "patients" in stored else stored["ids"]
            images = [
                RankedImage(str(name), str(patient), wrong[str(name)], said)
                for name, patient, said in zip(stored["ids"], patients, words, strict=True)
                if str(name) in wrong and str(name) in tested
            ]
            images.sort(key=lambda one: (one.wrong is None, -(one.wrong or 0.0)))
            found.append(Ranking(task, domain, measure, tuple(images)))
    return found


def _wrong(stored: StoredPredictions, output: Output, per_image: PerImage) -> tuple[str, dict[str, float | None]]:
    """The measure in words, and by image id its value; without the images of which nothing is known."""
    if output.kind == "masks":
        dice = per_image.get((stored.task, stored.domain, DICE))
        if dice is not None:
            return "1 − Dice", {name: None if np.isnan(value) else 1 - value for name, value in dice.items()}
        places = stored["worst_places"] if "worst_places" in stored else np.zeros(0, int)
        ids = [str(stored["ids"][place]) for place in places]
        values = map(float, stored["worst_severities"] if len(ids) else ())
        return f"1 − Dice, the {len(ids)} worst", dict(zip(ids, values, strict=True))
    names = ("numbers", "true_numbers") if output.kind == "numbers" else ("probabilities", "targets")
    probabilities, targets = (torch.from_numpy(stored[name]) for name in names)
    severities = severity(output.kind, Predictions((), (), probabilities, targets)).tolist()
    measure = {"numbers": "mean absolute error", "multilabel": "mean cross-entropy"}.get(output.kind, "cross-entropy")
    known = zip(stored["ids"], severities, strict=True)
    return measure, {str(name): value for name, value in known if not np.isnan(value)}


def _words(
    stored: StoredPredictions, output: Output, temperature: float, thresholds: Mapping[str, float]
) -> Iterator[str]:
    """Of each image, such as 'pneumonia → normal'."""
    if output.kind == "masks":
        yield from [""] * len(stored["ids"])
    elif output.kind == "numbers":
        for true, predicted in zip(stored["true_numbers"], stored["numbers"], strict=True):
            yield f"{_listed(output.classes, true)} → {_listed(output.classes, predicted)}"
    else:
        every = tempered(stored["probabilities"], output.kind, temperature)
        for target, row in zip(stored["targets"], every, strict=True):
            chosen = decision(output, dict(zip(output.classes, row.tolist(), strict=True)), thresholds)
            yield f"{_true(output, target)} → {chosen.replace('|', ', ') or 'none'}"


def _true(output: Output, target: np.ndarray) -> str:
    """A class; of independent labels those that the image has, or may have."""
    if output.kind == "multiclass":
        return output.classes[int(target)] if 0 <= target < len(output.classes) else "?"
    marks = {1: "", 0: None}
    named = [f"{name}{marks.get(known, '?')}" for name, known in zip(output.classes, target, strict=True) if known != 0]
    return ", ".join(named) or "none"


def _listed(names: Sequence[str], values: np.ndarray) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in zip(names, values.tolist(), strict=True))
