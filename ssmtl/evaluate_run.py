"""Evaluate a finished run again, on its own domains or on other sources."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ssmtl import yaml_file
from ssmtl.assemble import assemble
from ssmtl.checkpoint import load_weights
from ssmtl.data.folders import Folders
from ssmtl.data.prepare import prepare
from ssmtl.errors import Problem, RecipeError, RunError, nearest
from ssmtl.evaluate import predict, score
from ssmtl.plugins import Plugins
from ssmtl.recipe import Recipe
from ssmtl.recipe_file import RecipeText, find_sources
from ssmtl.run import count_images, make_fabric


def evaluate_run(
    run: Path,
    plugins: Plugins,
    folders: Folders,
    wanted: Sequence[str] = (),
    sources: str | None = None,
    weights: str = "best",
) -> dict[str, Any]:
    """The parts of results.json that an evaluation makes, with every task's values by domain.

    :param wanted: sources to evaluate on, `NAME` for every task that can or `TASK=NAME`; empty: the recipe's domains.
    :param sources: a sources file in the place of the recipe's own sources.
    :raises RunError: if `run` holds no finished run.
    """
    recipe, split = _recorded(run, wanted, sources)
    experiment = assemble(recipe, plugins, str(run / "recipe.yaml"))
    prepared = prepare(experiment, plugins, folders, split_file=split)
    fabric = make_fabric(recipe)
    model = experiment.model
    fabric.to_device(model)
    load_weights(run / "weights" / f"{weights}.safetensors", model)
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    tasks: dict[str, Any] = {}
    counts: dict[str, Any] = {}
    for task in experiment.tasks:
        for domain, rows in prepared.tasks[task.name].test.items():
            predictions = predict(model, task, rows, fabric.device)
            tasks.setdefault(task.name, {})[domain] = dict(score(task, predictions).values)
            found = count_images(task.output.kind, predictions.probabilities, predictions.targets)
            counts.setdefault(task.name, {})[domain] = found
    results.update(
        tasks=tasks, counts=counts, sources={task.name: dict(task.spec.evaluate_on) for task in experiment.tasks}
    )
    return dict(results)


def _recorded(run: Path, wanted: Sequence[str], sources: str | None) -> tuple[Recipe, Path | None]:
    """The run's recipe with the wanted domains, and its split file where the domains are its own."""
    if not (run / "results.json").is_file():
        raise RunError(f"{run} holds no finished run (no results.json)")
    content = yaml_file.read_mapping(run / "recipe.yaml")
    if sources is not None:
        content["sources"] = {**content["sources"], **yaml_file.read_mapping(find_sources(sources))}
    if not wanted and sources is None:
        return RecipeText(content, str(run / "recipe.yaml")).validated(), run / "split.json"
    if wanted:
        content["tasks"] = {name: {**task, "evaluate_on": {}} for name, task in content["tasks"].items()}
    for item in wanted:
        task, equals, source = item.rpartition("=")
        if source not in content["sources"]:
            raise RecipeError(
                [Problem(f"--source {item}", f"no source is called '{source}'", nearest(source, content["sources"]))]
            )
        if equals and task not in content["tasks"]:
            raise RecipeError(
                [Problem(f"--source {item}", f"no task is called '{task}'", nearest(task, content["tasks"]))]
            )
        for name in [task] if equals else content["tasks"]:
            content["tasks"][name]["evaluate_on"][source] = source
    return RecipeText(content, str(run / "recipe.yaml")).validated(), None
