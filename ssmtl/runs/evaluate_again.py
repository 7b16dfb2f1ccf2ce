"""Evaluate a finished run again, on its own domains or on other sources. The training data is not needed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

from ssmtl.contracts.folders import Folders
from ssmtl.contracts.source import Example, Source
from ssmtl.data.budget import is_labeled
from ssmtl.data.cache import decode
from ssmtl.data.empty_parts import what_lacks
from ssmtl.data.entry import Progress, no_progress
from ssmtl.data.identity import ImageIdentity
from ssmtl.data.pool import SourceFiles, examples_of
from ssmtl.data.portion import within_portions
from ssmtl.data.rows import Rows, rows_of
from ssmtl.data.split_file import SplitFile, TaskSplit
from ssmtl.data.used_images import used_images
from ssmtl.errors import DataError, Problem, RecipeError, RunError, nearest, warn
from ssmtl.evaluation.counts import ImageCounts
from ssmtl.evaluation.kept import KeptPredictions
from ssmtl.evaluation.predict import predict, shown_to
from ssmtl.evaluation.score import score, tell_undefined
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.attribution import attributed
from ssmtl.experiment.begin import begin_heads
from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.namespaces import namespace_of, with_moved
from ssmtl.experiment.prepare import make_source
from ssmtl.experiment.task import Task
from ssmtl.experiment.unknown_targets import check_metrics
from ssmtl.model.weights import load_weights
from ssmtl.recipe import yaml_file
from ssmtl.recipe.defaults import resolved
from ssmtl.recipe.load import RecipeText
from ssmtl.recipe.models import Recipe
from ssmtl.recipe.sources_file import find_sources
from ssmtl.registry.plugins import Plugins
from ssmtl.runs.fabric import make_fabric
from ssmtl.runs.files import Assessment, Results, Selected
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.own_weights import check_finished, checked_weights
from ssmtl.runs.scored import Scored
from ssmtl.wording import counted


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
    assess: Callable[[Scored], Assessment] | None = None,
) -> Results:
    """The run's results, with the values and counts of this evaluation in place of its own.

    :param wanted: `TASK=NAME`, or `NAME` of a source for every task that it has labels for; empty: the run's domains.
    :param sources: a sources file whose entries are added to, or replace, the run's own.
    :param weights: best or last. :param assess: what else to say of each task and domain.
    :raises RunError: if `run` holds no finished run, or a link, or its weights are not those that it wrote.
    """
    check_finished(run, weights)
    recipe, changed, place = _with_sources(run, sources, plugins)
    experiment = assemble(recipe, plugins, place, pretrained=False, trained=True)
    split_file = run.read_split()
    split, used = split_file.tasks, with_moved(split_file, run.read_recipe().validated(), folders)
    _check_split(run, split, experiment)
    path = checked_weights(run, weights, split_file)
    requests = _named(experiment, split, changed, wanted) if wanted else _own(experiment, split, changed)
    fabric = make_fabric(recipe)
    with attributed(experiment, "before the evaluation"):
        begin_heads(experiment, experiment.model)
    fabric.to_device(experiment.model)
    load_weights(path, experiment.model)
    results = run.read_results().model_copy(update={"tasks": {}, "counts": {}, "sources": {}, "excluded": {}})
    if weights == "last":
        results.selected = Selected(by="last", step=results.steps)
    make = cache(partial(make_source, recipe, plugins, folders))
    files = _listed(recipe, list(dict.fromkeys(one.source for one in requests)), make, folders)
    listed, seen = files.examples, used_images(used, files.listed, files.namespaces)
    for name in (name for name in listed if name not in changed):
        _warn_of_changes(name, split_file, files.identities[name])
    for request in requests:
        task, name = request.task, request.source
        asked = _ids(request, listed[name])
        ids = [one for one in asked if one not in seen[name]]
        results.excluded.setdefault(task.name, {})[request.domain] = len(asked) - len(ids)
        if not ids and request.optional:
            continue
        if not ids:
            if asked:
                why = f": all its {counted(len(asked), 'image')}, or whom they show, trained or selected the model"
            else:
                why = f": {what_lacks(listed[name], task.output) or 'none of its test images is labelled'}"
            raise DataError(f"task '{task.name}': the source '{name}' has nothing to evaluate on{why}")
        with make(name).decoding():
            rows = _rows(recipe, request, ids, listed[name], progress)
        check_metrics(task, f"the source '{name}'", rows)
        with attributed(experiment, f"in the evaluation on '{name}'"):
            counts = ImageCounts(task.output.kind)
            kept = KeptPredictions(task.output.kind, len(rows))
            scores = score(task, shown_to(predict(experiment.model, task, rows, fabric.device), counts.add, kept.add))
        tell_undefined(task.name, request.domain, scores, set())
        results.tasks.setdefault(task.name, {})[request.domain] = dict(scores.values)
        results.counts.setdefault(task.name, {})[request.domain] = counts.with_known(rows, task.output)
        results.sources.setdefault(task.name, {})[request.domain] = name
        if assess is not None:
            with attributed(experiment, f"in the evaluation on '{name}'"):
                assessment = assess(Scored.of(task, request.domain, rows, scores, kept, listed[name]))
            results.assessed.setdefault(task.name, {})[request.domain] = assessment
    if not results.tasks:
        where = f"no task of the run has labels in {', '.join(wanted)}"
        raise DataError(where if wanted else "no task of the run has labels, so that there is nothing to evaluate")
    return results


def _listed(recipe: Recipe, names: Sequence[str], make: Callable[[str], Source], folders: Folders) -> SourceFiles:
    """What these sources hold: all of them, since one may tell whom the images of another show."""
    entries = {name: recipe.sources[name] for name in names}
    examples = {name: examples_of(name, entry, make(name)) for name, entry in entries.items()}
    namespaces = {name: namespace_of(name, entry, folders) for name, entry in entries.items()}
    return within_portions(SourceFiles(examples, entries, namespaces))


def _with_sources(
    run: RunFolder, sources: str | None, plugins: Plugins
) -> tuple[Recipe, set[str], Callable[[str], str]]:
    """The run's recipe with the entries of a sources file, the names of the sources that it changes, and where a key of
    the recipe is from.
    """
    text = run.read_recipe()
    own = resolved(text.validated(), plugins)
    if sources is None:
        return own, set(), text.place
    file = find_sources(sources)
    new = yaml_file.read_mapping(file)
    both = RecipeText({**text.content, "sources": {**text.content["sources"], **new}}, text.where, sources=str(file))
    recipe = resolved(both.validated(), plugins)
    return recipe, {name for name in new if own.sources.get(name) != recipe.sources[name]}, both.place


def _rows(recipe: Recipe, request: _Request, ids: Sequence[str], listed: Sequence[Example], progress: Progress) -> Rows:
    """The images with these ids, decoded, without those that the source's entry says to skip."""
    chosen, output = set(ids), request.task.output
    examples = [example for example in listed if example.id in chosen]
    if gone := sorted(chosen - {example.id for example in examples}):
        raise DataError(
            f"task '{request.task.name}': the source '{request.source}' no longer has the image '{gone[0]}' that the "
            f"run's split names ({counted(len(gone), 'such id')}). Restore it"
        )
    structures = output.classes if output.kind == "masks" else ()
    skip = recipe.sources[request.source].on_error == "skip"
    image = recipe.image
    decoded = decode(examples, image.size, image.channels, structures, fit=image.fit, skip=skip, progress=progress)
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


def _warn_of_changes(source: str, split: SplitFile, images: Sequence[ImageIdentity]) -> None:
    """Name the test images that are no longer what they were when the run began."""
    known = split.tested.get(source, {})
    changed = [image.id for image in images if known.get(image.id, image.digest()) != image.digest()]
    if changed:
        warn(
            f"the source '{source}': the content, patient, label or mask of the test image '{changed[0]}' has changed "
            f"since the run began ({len(changed)} such images); what is scored is what is there now"
        )


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
        if equals and not tasks[name].output.has_labels:
            raise RecipeError([Problem(f"--source {item}", f"the task '{name}' has no labels", "name another task")])
        for task in [tasks[name]] if equals else experiment.tasks:
            parts = split[task.name].test.values() if source not in changed else ()
            ids = next((part.ids for part in parts if part.source == source), None)
            requests.append(_Request(task, source, source, ids, optional=not equals))
    return requests


def _ids(request: _Request, examples: Sequence[Example]) -> Sequence[str]:
    """Those of the request, else all that the task has labels for; of a set with a split of its own, the test part."""
    if request.ids is not None:
        return request.ids
    official = any(example.split for example in examples)
    return [
        example.id
        for example in examples
        if is_labeled(example, request.task.output) and (not official or example.split == "test")
    ]
