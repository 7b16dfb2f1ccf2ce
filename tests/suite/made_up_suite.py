"""The folder of a suite with made-up numbers: rows, and for each cell the files that are resampled."""

import csv
import json

import numpy as np
import torch

from ssmtl.evaluation.per_image import write_per_image
from ssmtl.evaluation.predict import Predictions
from ssmtl.evaluation.score import Scores
from ssmtl.suite.rows import COLUMNS

IMAGES = 24
METRICS = {"diagnosis": ("accuracy", "auroc"), "lungs": ("dice", "average_hausdorff")}


def made_up_suite(folder, systems=("enc", "umtl", "multimix"), seeds=(0, 1, 2), better=0.1, **told):
    """Later systems are better, by `better` in dice and in probability."""
    rows = []
    for place, system in enumerate(systems):
        for seed in seeds:
            cell = f"{system}_100_made_s{seed}_0000"
            rows += write_cell(folder, cell, system, seed, place * better)
    (folder / "suite.json").write_text(
        json.dumps({"name": "made", "title": "", "note": "", "names": {}, "systems": list(systems), **told}),
        encoding="utf-8",
    )
    with (folder / "results.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return folder


def write_cell(folder, cell, system, seed, gain):
    """Writes the files of a cell and returns its rows."""
    random = np.random.default_rng([seed, len(system)])
    place = folder / "cells" / cell
    (place / "predictions").mkdir(parents=True)
    tasks = {"diagnosis": 100} if system == "enc" else {"diagnosis": 100, "lungs": 10}
    budgets = " ".join(f"{task}={count}" for task, count in tasks.items())
    ids = [f"image{number:03d}" for number in range(IMAGES)]
    targets = np.arange(IMAGES) % 2
    positive = np.clip(0.4 + 0.2 * targets + gain * (2 * targets - 1) + random.normal(0, 0.2, IMAGES), 0, 1)
    patients = [f"patient{number // 2}" for number in range(IMAGES)]
    images = Predictions(tuple(ids), tuple(patients), torch.zeros(0), torch.zeros(0))
    np.savez(
        place / "predictions" / "diagnosis.in_domain.npz",
        ids=np.array(ids), patients=np.array(patients),
        probabilities=np.stack([1 - positive, positive], 1), targets=targets,
    )  # fmt: skip
    np.savez(place / "predictions" / "lungs.in_domain.npz", ids=np.array(ids))
    dice = np.clip(0.6 + gain + random.normal(0, 0.05, IMAGES), 0, 1)
    right = torch.as_tensor((positive > 0.5) == targets).double()
    scores = {("diagnosis", "in_domain"): (images, Scores({}, {"accuracy": right}, {}))}
    if "lungs" in tasks:
        scores["lungs", "in_domain"] = (images, Scores({}, {"dice": torch.as_tensor(dice)}, {}))
    write_per_image(place / "per_image.csv", scores)
    pairs = positive[targets == 1][:, None] - positive[targets == 0][None]
    values = {
        "accuracy": np.mean((positive > 0.5) == targets),
        "auroc": np.mean((pairs > 0) + 0.5 * (pairs == 0)),
        "dice": dice.mean(),
        "average_hausdorff": 3.0 - gain,
    }
    shared = {"system": system, "budgets": budgets, "sources": "made", "seed": seed, "domain": "in_domain"}
    shared |= {
        "source": "made",
        "images": IMAGES,
        "step": 5,
        "selection_labels": 7 if system == "enc" else 9,
        "cell": cell,
    }
    return [
        {
            **shared,
            "task": task,
            "labeled": count,
            "metric": metric,
            "value": f"{values[metric]:.6g}",
            "higher_is_better": str(metric != "average_hausdorff").lower(),
            "unit": "px" if metric == "average_hausdorff" else "",
        }
        for task, count in tasks.items()
        for metric in METRICS[task]
    ]


COMPARE = [
    {
        "system": "multimix",
        "against": {"diagnosis": ["enc", "umtl"], "lungs": ["umtl"]},
        "metrics": {"diagnosis": ["accuracy", "auroc"], "lungs": ["dice"]},
    }
]
