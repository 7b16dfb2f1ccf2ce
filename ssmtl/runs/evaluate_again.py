"""Evaluate a finished run again, on its own domains or on other sources. The training data is not needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ssmtl.contracts.folders import Folders
from ssmtl.contracts.source import Example
from ssmtl.data.budget import is_labeled
from ssmtl.data.cache import Progress, decode, no_progress
from ssmtl.data.pool import examples_of
from ssmtl.data.rows import Rows, rows_of
from ssmtl.data.split_file import TaskSplit
from ssmtl.errors import DataError, Problem, RecipeError, RunError, nearest
from ssmtl.evaluation.predict import predict
from ssmtl.evaluation.score import count_images, score
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.prepare import make_source
from ssmtl.experiment.task import Task
from ssmtl.model.weights import load_weights
from ssmtl.recipe import yaml_file
from ssmtl.recipe.load import RecipeText, find_sources
from ssmtl.recipe.models import Recipe
from ssmtl.registry.plugins import Plugins
from ssmtl.runs.fabric import make_fabric
from ssmtl.runs.files import Results
from ssmtl.runs.folder import RunFolder, check_own


@dataclass(frozen=True)
class _Request:
    """:param ids: as the run's split names them; None: the whole source except what the run trained on.

    :param optional: whether to skip a task that has no labels there.
    """

    task: Task
    domain: str
    source: str
    ids: Sequence[str] | None
    optional: bool = False


def evaluate_run(
    run: RunFolder,
    plugins: Plugins,
    folders: Folders,
    wanted: Sequence[str] = (),
    sources: str | None = None,
    weights: str = "best",
    progress: Progress = no_progress,
) -> Results:
    """The run's results, with the values and counts of this evaluation in place of its own.

    :param wanted: `TASK=NAME`, or `NAME` of a source for every task that it has labels for; empty: the run's domains.
    :param sources: a sources file whose entries are added to, or replace, the run's own.
    :raises RunError: if `run` holds no finished run, or a link.
    """
    check_own(run.path)
    if not run.is_finished:
        raise RunError(f"{run.path} holds no finished run (no {run.results.name})")
    recipe, changed = _with_sources(run, sources)
    experiment = assemble(recipe, plugins, str(run.recipe), pretrained=False)
    split = run.read_split().tasks
    _check_split(run, split, experiment)
    requests = _named(experiment, split, changed, wanted) if wanted else _own(experiment, split, changed)
    fabric = make_fabric(recipe)
    fabric.to_device(experiment.model)
    load_weights(run.weights(weights), experiment.model)
    results = run.read_results().model_copy(update={"tasks": {}, "counts": {}, "sources": {}, "weights": weights})
    listed: dict[str, tuple[Example, ...]] = {}
    for request in requests:
        task, name = request.task, request.source
        if name not in listed:
            listed[name] = examples_of(name, recipe.sources[name], make_source(recipe, plugins, folders, name))
        ids = _ids(request, listed[name], {} if name in changed else split)
        if not ids and request.optional:
            continue
        if not ids:
            raise DataError(f"task '{task.name}': the source '{name}' has nothing to evaluate on")
        predictions = predict(
            experiment.model, task, _rows(recipe, request, ids, listed[name], progress), fabric.device
        )
        results.tasks.setdefault(task.name, {})[request.domain] = dict(score(task, predictions).values)
        counts = count_images(task.output.kind, predictions.probabilities, predictions.targets)
        results.counts.setdefault(task.name, {})[request.domain] = counts
        results.sources.setdefault(task.name, {})[request.domain] = name
    if not results.tasks:
        raise DataError(f"no task of the run has labels in {', '.join(wanted)}")
    return results


def _with_sources(run: RunFolder, sources: str | None) -> tuple[Recipe, set[str]]:
    """The run's recipe with the entries of a sources file, and the names of the sources that it changes."""
    text = run.read_recipe()
    if sources is None:
        return text.validated(), set()
    new = yaml_file.read_mapping(find_sources(sources))
    before = text.validated().sources
    content = {**text.content, "sources": {**text.content["sources"], **new}}
    recipe = RecipeText(content, sources).validated()
    return recipe, {name for name in new if before.get(name) != recipe.sources[name]}


def _rows(recipe: Recipe, request: _Request, ids: Sequence[str], listed: Sequence[Example], progress: Progress) -> Rows:
    """The images with these ids, decoded, without those that the source's entry says to skip."""
    chosen, output = set(ids), request.task.output
    examples = [example for example in listed if example.id in chosen]
    structures = output.classes if output.kind == "masks" else ()
    skip = recipe.sources[request.source].on_error == "skip"
    decoded = decode(examples, recipe.image.size, recipe.image.channels, structures, skip=skip, progress=progress)
    kept = [name for name in ids if name not in decoded.skipped]
    return rows_of(request.source, kept, output, examples, decoded)


def _check_split(run: RunFolder, split: Mapping[str, TaskSplit], experiment: Experiment) -> None:
    """:raises RunError: if the split lacks a task of the recipe, or names a source that the recipe does not have."""
    for task in experiment.tasks:
        if task.name not in split:
            raise RunError(f"{run.split}: tasks.{task.name}: is missing")
        for domain, part in split[task.name].test.items():
            if part.source not in experiment.recipe.sources:
                raise RunError(f"{run.split}: tasks.{task.name}.test.{domain}: no source is called '{part.source}'")


def _own(experiment: Experiment, split: Mapping[str, TaskSplit], changed: set[str]) -> list[_Request]:
    return [
        _Request(task, domain, part.source, None if part.source in changed else part.ids)
        for task in experiment.tasks
        for domain, part in split[task.name].test.items()
    ]


def _named(
    experiment: Experiment, split: Mapping[str, TaskSplit], changed: set[str], wanted: Sequence[str]
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
            parts = split[task.name].test.values() if source not in changed else ()
            ids = next((part.ids for part in parts if part.source == source), None)
            requests.append(_Request(task, source, source, ids, optional=not equals))
    return requests


def _ids(request: _Request, examples: Sequence[Example], split: Mapping[str, TaskSplit]) -> Sequence[str]:
    if request.ids is not None:
        return request.ids
    seen = {
        name
        for part in split.values()
        if part.source == request.source
        for name in (*part.labeled, *part.unlabeled, *part.val)
    }
    official = any(example.split for example in examples)
    return tuple(
        example.id
        for example in examples
        if is_labeled(example, request.task.output)
        and example.id not in seen
        and (not official or example.split == "test")
    )
