"""A realistic made-up run folder, to test code that reads run folders and to view the report without training."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from ssmtl.contracts.head import Kind
from ssmtl.data.split_file import DomainPart, TaskSplit, write_split_file
from ssmtl.evaluation.per_image import write_per_image
from ssmtl.evaluation.predict import Predictions
from ssmtl.evaluation.score import Scores
from ssmtl.evaluation.worst import severity, worst_places
from ssmtl.events import Evaluated, StepEnded
from ssmtl.json_file import write_model
from ssmtl.recipe import yaml_file
from ssmtl.runs.files import Budget, Environment, MetricFacts, Results, Selected
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.log import RunLog

DISTANCES = ("average_hausdorff",)
SIDE, SAMPLES = 64, 8
DOMAINS = {
    "in_domain": ("chex", 60, 1.6),
    "cross_domain": ("nihx", 45, 0.8),
}  # source, images, skill


def make_up_run(
    folder: Path,
    *,
    name: str = "multimix",
    tasks: Sequence[str] = ("diagnosis", "lungs"),
    classes: Sequence[str] = ("normal", "pneumonia"),
    structures: Sequence[str] = ("lung",),
    multilabel: bool = False,
    steps: int = 600,
) -> Path:
    """Write a finished run of a classification task `diagnosis` and a mask task `lungs`, or of one of them."""
    rng = np.random.default_rng(7)
    run = RunFolder(folder)
    run.predictions.mkdir(parents=True)
    results = Results(
        name=name,
        seed=3,
        steps=steps,
        seconds=812.4,
        recipe_hash="9f2c41d07be3a5",
        parameters=9_812_431,
        data_fingerprint="c07e11aa52d94b",
        selected=Selected(by="validation", step=steps * 2 // 3, score=0.8412),
        tasks={},
    )
    per_image = {}
    for task in tasks:
        masks = task == "lungs"
        results.kinds[task] = "masks" if masks else "multilabel" if multilabel else "multiclass"
        results.classes[task] = list(structures if masks else classes)
        results.budgets[task] = Budget(
            labeled=10 if masks else 100,
            unlabeled=90 if masks else 900,
            val=25,
            labeled_classes={} if masks else dict.fromkeys(classes, 100 // len(classes)),
        )
        results.tasks[task], results.counts[task], results.sources[task] = {}, {}, {}
        for domain, (source, count, skill) in DOMAINS.items():
            ids = np.array([f"{source}/patient{index:04d}" for index in range(count)])
            images = Predictions(tuple(ids), tuple(ids), torch.zeros(0), torch.zeros(0))
            if masks:
                arrays, values, counts = _masks(rng, ids, list(structures), list(classes), skill)
                metrics = {key: _mean(column) for key, column in values.items()} | {"average_hausdorff": 3.21 / skill}
                columns = {key: torch.tensor(column, dtype=torch.float64) for key, column in values.items()}
                per_image[task, domain] = (images, Scores({}, columns, {}))
            else:
                arrays, metrics = _labels(rng, count, list(classes), skill, multilabel=multilabel)
                counts = {"images": count}
            np.savez_compressed(run.predictions_of(task, domain), ids=ids, patients=ids, **arrays)
            results.tasks[task][domain], results.counts[task][domain] = metrics, counts
            results.sources[task][domain] = source
        results.metrics[task] = {
            metric: MetricFacts(higher_is_better=metric not in DISTANCES, unit="px" if metric in DISTANCES else "")
            for metric in results.tasks[task]["in_domain"]
        }
    write_model(run.results, results)
    write_per_image(run.per_image, per_image)
    _write_the_rest(run, results, rng)
    return folder


def _write_the_rest(run: RunFolder, results: Results, rng: np.random.Generator) -> None:
    splits = {}
    for task, budget in results.budgets.items():
        sizes, start = {"labeled": budget.labeled, "unlabeled": budget.unlabeled, "val": budget.val}, 0
        parts = {}
        for part, size in sizes.items():
            parts[part] = [f"{task}{index}" for index in range(start, start + size)]
            start += size
        test = {
            domain: DomainPart(source=domain, ids=[f"{domain}{index}" for index in range(count)])
            for domain, (_, count, _) in DOMAINS.items()
        }
        splits[task] = TaskSplit(source=results.sources[task]["in_domain"], test=test, **parts)
    write_split_file(run.split, splits, 3, {"chex": results.data_fingerprint})
    environment = Environment(
        ssmtl="0.1.0",
        python="3.11.2",
        versions={"torch": "2.14.1", "numpy": "2.4.6"},
        device="cuda:0",
        threads=8,
        commit="4f1d9e2c7ab04411bd0f3e63d85c0b7c1a6ad3f0",
        command=["ssmtl", "run", "recipes/multimix.yaml", "--set", "seed=3", "--out", "runs/" + "m" * 40],
    )
    write_model(run.environment, environment)
    recipe = {
        "name": results.name,
        "seed": 3,
        "image": {"size": SIDE, "channels": 1},
        "tasks": {
            task: {
                "source": "chex",
                "labeled": budget.labeled,
                "batch": 10,
                "strategies": [{"use": "cross_entropy"}],
            }
            for task, budget in results.budgets.items()
        },
        "train": {"steps": results.steps, "select_by": "validation"},
    }
    run.recipe.write_text(yaml_file.dump(recipe))
    log = RunLog(run.log)
    for event in _events(results, list(results.budgets), rng):
        (log.step_ended if isinstance(event, StepEnded) else log.evaluated)(event)


def _events(results: Results, tasks: Sequence[str], rng: np.random.Generator) -> list[StepEnded | Evaluated]:
    events: list[StepEnded | Evaluated] = []
    steps = results.steps
    for step in range(1, steps + 1):
        done = step / steps
        losses, diagnostics, values = {}, {}, {}
        if "diagnosis" in tasks:
            losses["diagnosis.cross_entropy"] = 0.68 * math.exp(-3 * done) + 0.08 + 0.06 * rng.random()
            losses["diagnosis.fixmatch"] = 0.5 * done * math.exp(-2 * done) + 0.03 * rng.random()
            diagnostics["diagnosis.fixmatch.mask_rate"] = min(1.0, 0.1 + 0.7 * done + 0.2 * rng.random())
            accuracy = 0.75 + 0.15 * done + 0.1 * rng.random() if step > 12 else math.nan
            diagnostics["diagnosis.fixmatch.pseudo_label_accuracy"] = accuracy
            values |= {
                "diagnosis.auroc": 0.6 + 0.3 * done,
                "diagnosis.accuracy": 0.55 + 0.3 * done,
                "diagnosis.f1": 0.5 + 0.3 * done,
            }
        if "lungs" in tasks:
            losses["lungs.soft_dice"] = 0.9 * math.exp(-4 * done) + 0.06 + 0.04 * rng.random()
            losses["lungs.kl_consistency"] = 0.02 + 0.01 * rng.random()
            values |= {
                "lungs.dice": 1 - 0.9 * math.exp(-4 * done) - 0.05,
                "lungs.average_hausdorff": 9 * math.exp(-3 * done) + 1,
            }
        rate, speed = 1e-4 if done < 0.8 else 1e-5, 800 + 60 * rng.random()
        events.append(StepEnded(step, sum(losses.values()), losses, diagnostics, rate, speed, step * 1.3))
        if step % max(1, steps // 6) == 0:
            noisy = {key: value + 0.02 * rng.normal() for key, value in values.items()}
            best = step <= results.selected.step
            events.append(Evaluated(step, "validation", noisy, 0.5 + done / 3, best))
    return events


def _labels(
    rng: np.random.Generator, count: int, classes: list[str], skill: float, *, multilabel: bool
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    truth = np.arange(count) % len(classes)
    onehot = np.eye(len(classes), dtype=np.float32)[truth]
    logits = skill * onehot + rng.normal(size=onehot.shape)
    probabilities = 1 / (1 + np.exp(-logits)) if multilabel else np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    images = np.stack([_image(rng)[0] for _ in range(SAMPLES)])
    kind = "multilabel" if multilabel else "multiclass"
    targets = torch.tensor(onehot if multilabel else truth)
    arrays = {
        **_worst(kind, torch.tensor(probabilities), targets, lambda places: images[places % SAMPLES]),
        "probabilities": probabilities.astype(np.float32),
        "targets": onehot if multilabel else truth,
        **_samples(rng, images, classes, _sample_ids(count, skill)),
    }
    accuracy = float((probabilities.argmax(1) == truth).mean())
    return arrays, {
        "accuracy": accuracy,
        "f1": accuracy - 0.013,
        "auroc": _auroc(probabilities, onehot > 0),
        "balanced_accuracy": accuracy - 0.004,
    }


def _sample_ids(count: int, skill: float) -> np.ndarray:
    source = next(source for source, _, known in DOMAINS.values() if known == skill)
    return np.array([f"{source}/patient{index:04d}" for index in range(min(count, SAMPLES))])


def _masks(
    rng: np.random.Generator, ids: np.ndarray, structures: list[str], classes: list[str], skill: float
) -> tuple[dict[str, np.ndarray], dict[str, list[float]], dict[str, int]]:
    references, probabilities, images = [], [], []
    for index in range(len(ids)):
        image, reference = _image(rng, empty=index == 5)
        shift = rng.normal(scale=2.0 / skill, size=2).round().astype(int)
        soft = _blur(np.roll(reference.astype(float), tuple(shift), (0, 1)) * (0.7 + 0.3 * rng.random()))
        references.append([np.roll(reference, 6 * place, 0) for place in range(len(structures))])
        probabilities.append([np.roll(soft, 6 * place, 0) for place in range(len(structures))])
        images.append(image)
    reference, soft = np.array(references), np.array(probabilities, dtype=np.float32)
    predicted = soft > 0.5
    both, total = (reference & predicted).sum((1, 2, 3)), reference.sum((1, 2, 3)) + predicted.sum((1, 2, 3))
    dice = [float(2 * a / b) if b else math.nan for a, b in zip(both, total, strict=True)]
    values = {"dice": dice, "jaccard": [value / (2 - value) for value in dice]}
    worst = _worst("masks", torch.tensor(soft), torch.tensor(reference), lambda places: np.stack(images)[places])
    arrays = {
        **worst,
        "worst_masks": reference[worst["worst_places"]].astype(np.uint8),
        "worst_probabilities": soft[worst["worst_places"]],
        "bridge_map_names": np.array(["image", "saliency"]),
        "bridge_map_0": np.stack(images[:SAMPLES])[:, ::8, ::8] / 255,
        "bridge_map_1": rng.random((SAMPLES, 8, 8)),
        "foreground_predicted": predicted.sum((2, 3)),
        "foreground_reference": reference.sum((2, 3)),
        "sample_masks": reference[:SAMPLES].astype(np.uint8),
        "sample_probabilities": soft[:SAMPLES],
        **_samples(rng, np.stack(images[:SAMPLES]), classes, ids[:SAMPLES]),
    }
    empty = {
        "empty_reference": int((reference.sum((1, 2, 3)) == 0).sum()),
        "empty_prediction": int((predicted.sum((1, 2, 3)) == 0).sum()),
    }
    return arrays, values, {"images": len(ids), **empty}


def _worst(
    kind: Kind, probabilities: torch.Tensor, targets: torch.Tensor, images: Callable[[np.ndarray], np.ndarray]
) -> dict[str, np.ndarray]:
    severities = severity(kind, Predictions((), (), probabilities, targets))
    places = np.array(worst_places(severities))
    return {
        "worst_places": places,
        "worst_severities": severities[places].numpy(),
        "worst_images": images(places),
    }


def _samples(
    rng: np.random.Generator, images: np.ndarray, classes: list[str], ids: np.ndarray
) -> dict[str, np.ndarray]:
    noise = np.abs(rng.normal(size=(len(images), len(classes), SIDE, SIDE)))
    saliency = np.array(
        [[_blur(one) * (0.3 + images[index] / 255.0) for one in maps] for index, maps in enumerate(noise)]
    )
    return {
        "sample_ids": ids,
        "sample_images": images,
        "sample_saliency": saliency.astype(np.float32),
        "saliency_classes": np.array(classes),
    }


def _image(rng: np.random.Generator, *, empty: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """A crude chest (uint8) and its two lungs (bool)."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    lungs = np.zeros((SIDE, SIDE), bool)
    for centre in (0.3, 0.7):
        lungs |= ((x - centre - 0.02 * rng.normal()) / 0.15) ** 2 + (
            (y - 0.5 - 0.02 * rng.normal()) / (0.28 + 0.02 * rng.normal())
        ) ** 2 < 1
    lungs &= not empty
    body = 150 * np.exp(-(((x - 0.5) / 0.45) ** 4) - ((y - 0.55) / 0.6) ** 4)
    image = _blur(np.where(lungs, 55.0, body + 40 * np.exp(-(((x - 0.5) / 0.07) ** 2)))) + 9 * rng.normal(
        size=lungs.shape
    )
    return np.clip(image, 0, 255).astype(np.uint8), lungs


def _blur(image: np.ndarray) -> np.ndarray:
    for axis in (0, 1):
        image = sum(np.roll(image, shift, axis) for shift in (-2, -1, 0, 1, 2)) / 5
    return image


def _auroc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Mean over classes of the fraction of pairs that are in the correct order."""
    columns = zip(scores.T, positive.T, strict=True)
    return float(np.mean([(column[true][:, None] > column[~true]).mean() for column, true in columns]))


def _mean(values: list[float]) -> float:
    return float(np.nanmean(values))
