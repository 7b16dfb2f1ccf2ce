"""What a file says of itself: what goes in, what comes out, and which run it is."""

from collections.abc import Mapping
from typing import Any

from ssmtl import __version__
from ssmtl.contracts.head import Output
from ssmtl.inference.decision import USUAL
from ssmtl.inference.model import Model
from ssmtl.runs.files import Results

FORMAT = 1
"""Of the facts; it grows when one of them changes its meaning."""


RESIZED = {
    "stretch": "bilinear, the whole image, whatever its aspect ratio",
    "pad": "bilinear, as large as fits, its aspect ratio kept; black on both sides of what is left",
}
"""How an image becomes one of that size."""


def facts_of(model: Model, results: list[Results], outputs: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """By name, values that JSON can hold.

    :param results: of each run. :param outputs: by name, the shape for one image, without the batch.
    """
    return {
        "ssmtl": __version__,
        "format": FORMAT,
        "name": results[0].name,
        "recipe_hash": ", ".join(one.recipe_hash for one in results),
        "runs": [
            {"run": name, "recipe_hash": one.recipe_hash, "seed": one.seed, "weights_sha256": weights}
            for name, one, weights in zip(model.names, results, model.weights, strict=True)
        ],
        "image": {
            "size": model.size,
            "channels": model.channels,
            "range": [0, 1],
            "resize": RESIZED[model.fit.how],
        },
        "normalization": [_normalization(model, number) for number in range(len(model.module.members))],
        "tasks": {task: one.kind for task, one in model.tasks.items()},
        "classes": {task: list(one.classes) for task, one in model.tasks.items()},
        "exclusive": [task for task, one in model.tasks.items() if one.exclusive],
        "thresholds": {task: found for task, one in model.tasks.items() if (found := _thresholds(model, task, one))},
        "temperatures": model.module.temperatures,
        "outputs": {name: ["batch", *shape] for name, shape in outputs.items()},
    }


def _thresholds(model: Model, task: str, output: Output) -> dict[str, float]:
    """By class: of two that exclude each other the second's, if the run has one; of more of them, and numbers, none."""
    known = model.thresholds.get(task, {})
    if output.kind in ("multiclass", "numbers"):
        return dict(known)
    return {name: known.get(name, USUAL) for name in output.classes}


def _normalization(model: Model, number: int) -> dict[str, dict[str, list[float]]]:
    """By task; it is inside the network and must not be done again."""
    member = model.module.member(number)
    return {
        task: {what: member.get_buffer(f"{what}_{task}").flatten().tolist() for what in ("mean", "std")}
        for task in model.tasks
    }
