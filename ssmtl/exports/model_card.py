"""A model card in Markdown, with the metadata block that Hugging Face's format has, made from run folders alone."""

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from ssmtl.contracts.shapes import sides
from ssmtl.errors import RunError
from ssmtl.evaluation.per_image import PerImage, read_per_image
from ssmtl.recipe import yaml_file
from ssmtl.recipe.models import Recipe
from ssmtl.runs.files import Results
from ssmtl.runs.folder import RunFolder

LIBRARY = {"onnx": "onnx", "torch": "pytorch"}
HUBS = ("image-segmentation", "image-classification")
"""The pipelines that Hugging Face's list has, the first that fits; else `other`."""

TAGS = ("ssmtl", "medical-imaging", "semi-supervised", "multi-task")
PIPELINE = {
    "masks": "image-segmentation",
    "multiclass": "image-classification",
    "multilabel": "image-classification",
    "numbers": "image-regression",
}


def model_card(
    runs: Sequence[RunFolder],
    results: Sequence[Results],
    facts: Mapping[str, Any],
    kind: str,
    file: str,
    difference: float,
    decides: Sequence[str] = (),
) -> str:
    """:param facts: those inside the file. :param kind: onnx or torch. :param file: its name.

    :param decides: a sentence for each classification task.

    :param difference: between the file's outputs and the network's.
    """
    recipes = [run.read_recipe().validated() for run in runs]
    recipe = recipes[0]
    scored = all(
        run["weights_sha256"] == one.weights.get("best") for run, one in zip(facts["runs"], results, strict=True)
    )
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("model_card.md.j2").render(
        header=yaml_file.dump(_header(results, facts, kind, scored)).strip(),
        scored=scored,
        decides=decides,
        results=results,
        facts=facts,
        kind=kind,
        file=file,
        difference=f"{difference:.0e}",
        sides=sides(facts["image"]["size"]),
        recipe=recipe,
        tasks=_tasks(recipe),
        domains_apart=any(one.norm == "domain" for one in recipes),
        scores=_scores(results, [_per_image(run) for run in runs]) if scored else {},
        domains={task: list(results[0].tasks.get(task, {})) for task in facts["tasks"]},
    )


def _header(results: Sequence[Results], facts: Mapping[str, Any], kind: str, scored: bool) -> dict[str, Any]:
    """The metadata block. :param scored: whether the results are of these weights."""
    kinds = facts["tasks"]
    pipelines = [PIPELINE[one] for one in kinds.values()]
    first = results[0]
    return {
        "library_name": LIBRARY[kind],
        "license": "unknown",
        "pipeline_tag": next((one for one in HUBS if one in pipelines), "other"),
        "tags": [*TAGS, *sorted(set(pipelines))],
        "model-index": [
            {
                "name": first.name,
                "results": [
                    {
                        "task": {"type": PIPELINE[kinds[task]], "name": task},
                        "dataset": {"type": source, "name": f"{source} ({domain})"},
                        "metrics": [
                            {"type": metric, "value": round(mean, 4)}
                            for metric in first.tasks[task].get(domain, {})
                            if math.isfinite(mean := _mean(results, task, domain, metric))
                        ],
                    }
                    for task in kinds
                    if scored
                    for domain, source in first.sources.get(task, {}).items()
                ],
            }
        ],
    }


def _tasks(recipe: Recipe) -> dict[str, dict[str, str]]:
    """How each task was trained, in words of the recipe."""
    return {
        name: {
            "source": task.source,
            "reader": recipe.sources[task.source].use if task.source in recipe.sources else "",
            "head": task.head.use,
            "bridge": task.bridge.use if task.bridge else "none",
            "strategies": ", ".join(one.use for one in task.strategies),
        }
        for name, task in recipe.tasks.items()
    }


def _scores(results: Sequence[Results], per_image: Sequence[PerImage]) -> dict[str, list[list[str]]]:
    """By task, the rows of its table: domain, images, metric, mean, spread."""
    first = results[0]
    table: dict[str, list[list[str]]] = {}
    for task, domains in first.tasks.items():
        for domain, metrics in domains.items():
            images = first.counts.get(task, {}).get(domain, {}).get("images", "")
            source = first.sources.get(task, {}).get(domain, "")
            for metric in metrics:
                known = first.metrics.get(task, {}).get(metric)
                unit = f" {known.unit}" if known and known.unit else ""
                row = [
                    f"{domain} ({source})",
                    str(images),
                    metric,
                    f"{_mean(results, task, domain, metric):.3f}{unit}",
                    _spread(results, per_image, (task, domain, metric)),
                ]
                table.setdefault(task, []).append(row)
    return table


def _mean(results: Sequence[Results], task: str, domain: str, metric: str) -> float:
    values = [one.tasks.get(task, {}).get(domain, {}).get(metric, math.nan) for one in results]
    return sum(values) / len(values)


def _spread(results: Sequence[Results], per_image: Sequence[PerImage], key: tuple[str, str, str]) -> str:
    """The standard deviation over runs; of one run, over its test images, where each image has a value."""
    if len(results) > 1:
        task, domain, metric = key
        values = [one.tasks.get(task, {}).get(domain, {}).get(metric, math.nan) for one in results]
        return f"{statistics.stdev(values):.3f} over {len(values)} runs" if all(map(math.isfinite, values)) else "–"
    values = [value for value in per_image[0].get(key, {}).values() if math.isfinite(value)]
    return f"{statistics.stdev(values):.3f} over images" if len(values) > 1 else "–"


def _per_image(run: RunFolder) -> PerImage:
    try:
        return read_per_image(run.per_image)
    except RunError:
        return {}
