"""Evaluate a finished run again, on its own domains or on other sources. Training data need not be there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssmtl import yaml_file
from ssmtl.assemble import Experiment, assemble
from ssmtl.data.budget import is_labeled
from ssmtl.data.cache import Progress, decode, no_progress
from ssmtl.data.dataset import rows_of
from ssmtl.data.folders import Folders
from ssmtl.data.pool import examples_of
from ssmtl.data.prepare import make_source
from ssmtl.errors import DataError, Problem, RecipeError, RunError, nearest
from ssmtl.evaluate import count_images, predict, score
from ssmtl.plugins import Plugins
from ssmtl.recipe_file import RecipeText, find_sources
from ssmtl.run import make_fabric
from ssmtl.run_files import Results, Split, read_json
from ssmtl.source import Example
from ssmtl.task import Task
from ssmtl.weights import load_weights


@dataclass(frozen=True)
class _Request:
    """:param ids: as the run's split names them; None: what the source holds, less what the run trained on.

    :param optional: whether a task that has no labels there is passed over.
    """

    task: Task
    domain: str
    source: str
    ids: tuple[str, ...] | None
    optional: bool = False


def evaluate_run(
    run: Path,
    plugins: Plugins,
    folders: Folders,
    wanted: Sequence[str] = (),
    sources: str | None = None,
    weights: str = "best",
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """results.json with the values and counts of this evaluation in the place of the run's.

    :param wanted: `TASK=NAME`, or `NAME` of a source for every task that it has labels for; empty: the run's domains.
    :param sources: a sources file whose entries come beside, or in the place of, the run's own.
    :raises RunError: if `run` holds no finished run.
    """
    if not (run / "results.json").is_file():
        raise RunError(f"{run} holds no finished run (no results.json)")
    content = yaml_file.read_mapping(run / "recipe.yaml")
    changed: set[str] = set()
    if sources is not None:
        new = yaml_file.read_mapping(find_sources(sources))
        before = RecipeText(content, str(run / "recipe.yaml")).validated().sources
        content["sources"] = {**content["sources"], **new}
        after = RecipeText(content, sources).validated().sources
        changed = {name for name in new if before.get(name) != after[name]}
    experiment = assemble(RecipeText(content, str(run / "recipe.yaml")).validated(), plugins, str(run / "recipe.yaml"))
    split = read_json(run / "split.json", Split)["tasks"]
    _check_split(run / "split.json", split, experiment)
    requests = _named(experiment, split, changed, wanted) if wanted else _own(experiment, split, changed)
    fabric = make_fabric(experiment.recipe)
    fabric.to_device(experiment.model)
    load_weights(run / "weights" / f"{weights}.safetensors", experiment.model)
    results = read_json(run / "results.json", Results)
    results.update(tasks={}, counts={}, sources={}, weights=weights)
    listed: dict[str, tuple[Example, ...]] = {}
    for request in requests:
        task, name = request.task, request.source
        if name not in listed:
            entry = experiment.recipe.sources[name]
            listed[name] = examples_of(name, entry, make_source(experiment.recipe, plugins, folders, name))
        ids = _ids(request, listed[name], {} if name in changed else split)
        if not ids and request.optional:
            continue
        if not ids:
            raise DataError(f"task '{task.name}': the source '{name}' has nothing to evaluate on")
        chosen = set(ids)
        examples = [example for example in listed[name] if example.id in chosen]
        structures = task.output.classes if task.output.kind == "masks" else ()
        image = experiment.recipe.image
        skip = experiment.recipe.sources[name].on_error == "skip"
        decoded = decode(examples, image.size, image.channels, structures, skip=skip, progress=progress)
        ids = tuple(one for one in ids if one not in decoded.skipped)
        rows = rows_of(name, ids, task.output, examples, decoded)
        predictions = predict(experiment.model, task, rows, fabric.device)
        results["tasks"].setdefault(task.name, {})[request.domain] = dict(score(task, predictions).values)
        counts = count_images(task.output.kind, predictions.probabilities, predictions.targets)
        results["counts"].setdefault(task.name, {})[request.domain] = counts
        results["sources"].setdefault(task.name, {})[request.domain] = name
    if not results["tasks"]:
        raise DataError(f"no task of the run has labels in {', '.join(wanted)}")
    return results


def _check_split(path: Path, split: Mapping[str, Any], experiment: Experiment) -> None:
    """:raises RunError: if the split names no task of the recipe, or a source that it does not have."""
    for task in experiment.tasks:
        if task.name not in split:
            raise RunError(f"{path}: tasks.{task.name}: is missing")
        for domain, part in split[task.name]["test"].items():
            if part["source"] not in experiment.recipe.sources:
                raise RunError(f"{path}: tasks.{task.name}.test.{domain}: no source is called '{part['source']}'")


def _own(experiment: Experiment, split: Mapping[str, Any], changed: set[str]) -> list[_Request]:
    return [
        _Request(task, domain, part["source"], None if part["source"] in changed else tuple(part["ids"]))
        for task in experiment.tasks
        for domain, part in split[task.name]["test"].items()
    ]


def _named(
    experiment: Experiment, split: Mapping[str, Any], changed: set[str], wanted: Sequence[str]
) -> list[_Request]:
    tasks = {task.name: task for task in experiment.tasks}
    known = experiment.recipe.sources
    requests = []
    for item in wanted:
        name, equals, source = item.rpartition("=")
        if source not in known:
            raise RecipeError([Problem(f"--source {item}", f"no source is called '{source}'", nearest(source, known))])
        if equals and name not in tasks:
            raise RecipeError([Problem(f"--source {item}", f"no task is called '{name}'", nearest(name, tasks))])
        for task in [tasks[name]] if equals else experiment.tasks:
            parts = split[task.name]["test"].values() if source not in changed else ()
            ids = next((tuple(part["ids"]) for part in parts if part["source"] == source), None)
            requests.append(_Request(task, source, source, ids, optional=not equals))
    return requests


def _ids(request: _Request, examples: Sequence[Example], split: Mapping[str, Any]) -> tuple[str, ...]:
    if request.ids is not None:
        return request.ids
    seen = {
        name
        for part in split.values()
        if part["source"] == request.source
        for name in (*part["labeled"], *part["unlabeled"], *part["val"])
    }
    official = any(example.split for example in examples)
    return tuple(
        example.id
        for example in examples
        if is_labeled(example, request.task.output)
        and example.id not in seen
        and (not official or example.split == "test")
    )
