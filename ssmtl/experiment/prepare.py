"""From an experiment to its data: list, split, decode."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from ssmtl.contracts.folders import Folders
from ssmtl.contracts.source import Example, Source
from ssmtl.data.cache import Decoded, decode
from ssmtl.data.earlier import without_earlier
from ssmtl.data.entry import Progress, no_progress
from ssmtl.data.given_split import read_split
from ssmtl.data.identity import fingerprint_of
from ssmtl.data.parts import patient_names
from ssmtl.data.pool import SourceFiles, list_sources
from ssmtl.data.split import split_tasks
from ssmtl.data.split_file import SplitFile, TaskSplit
from ssmtl.data.targets import check_labels
from ssmtl.data.task_data import TaskData, task_data
from ssmtl.errors import DataError, PluginError
from ssmtl.experiment.begin import check_facts
from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.namespaces import namespace_of
from ssmtl.experiment.unknown_targets import check_metrics
from ssmtl.recipe.models import Recipe
from ssmtl.registry.blame import blaming
from ssmtl.registry.options import build
from ssmtl.registry.plugins import Plugins
from ssmtl.registry.registry import Entry


@dataclass(frozen=True)
class ExperimentData:
    """The data of an experiment.

    :param skipped: by source, the images that did not decode and why (`on_error: skip`).
    :param fingerprints: by source, of all its content: images, labels, masks, patients.
    :param files: what the sources hold, and who each image is.
    """

    tasks: Mapping[str, TaskData]
    splits: Mapping[str, TaskSplit]
    skipped: Mapping[str, Mapping[str, str]]
    fingerprints: Mapping[str, str]
    files: SourceFiles


@dataclass(frozen=True)
class NamedSource:
    """A source whose failures name it. :param name: in the recipe. :param entry: who offers it."""

    name: str
    source: Source
    entry: Entry

    def examples(self) -> Sequence[Example]:
        """As the source lists them.

        :raises PluginError: if the source fails, or lists something else than examples.
        """
        with blaming(f"the source '{self.name}'", self.entry, "while listing its images"):
            examples = tuple(self.source.examples())
        other = [type(example).__name__ for example in examples if not isinstance(example, Example)]
        if other:
            raise PluginError(f"the source '{self.name}' of plugin {self.entry.origin} lists a {other[0]}, no Example")
        return examples

    def decoding(self) -> AbstractContextManager[None]:
        """Wraps the decoding of its images, which run its code and ours."""
        return blaming(f"the source '{self.name}'", self.entry, "while reading its images", only_its_code=True)


def make_source(recipe: Recipe, plugins: Plugins, folders: Folders, name: str) -> NamedSource:
    """The source that the recipe calls `name`.

    :raises PluginError: if it cannot be built. :raises DataError: naming it, if its options cannot be used.
    """
    component = recipe.sources[name]
    entry = plugins["source"][component.use]
    with blaming(f"the source '{name}'", entry, "while it was built"):
        try:
            return NamedSource(name, build(entry.make, component.use, component.options, folders), entry)
        except DataError as error:
            raise DataError(f"source '{name}': {error}") from error


def prepare(
    experiment: Experiment,
    plugins: Plugins,
    folders: Folders,
    *,
    split_file: Path | None = None,
    earlier: SplitFile | None = None,
    progress: Progress = no_progress,
) -> ExperimentData:
    """List the sources, split them or read a split, decode what is needed.

    :param earlier: of the run with whose weights the training begins: whoever trained or selected it is not scored.
    :raises DataError: for anything that can be wrong with data.
    """
    recipe = experiment.recipe
    make = cache(partial(make_source, recipe, plugins, folders))
    files, splits = list_and_split(experiment, make, folders, split_file, earlier)
    fingerprints = fingerprints_of(recipe, files)
    structures = _structures(experiment)
    decoded: dict[str, Decoded] = {}
    for name in sorted(_wanted(recipe)):
        entry = recipe.sources[name]
        size, channels, skip = recipe.image.size, recipe.image.channels, entry.on_error == "skip"
        with make(name).decoding():
            decoded[name] = decode(
                files.examples[name], size, channels, structures[name],
                fit=recipe.image.fit, skip=skip, identities=files.identities[name], progress=progress,
            )  # fmt: skip
    if any(images.skipped for images in decoded.values()):
        files, decoded = _without_skipped(files, decoded)
        splits = _split(experiment, files, split_file, earlier)
    patients = {name: patient_names(files.examples[name], files.persons(name)) for name in decoded}
    data = {
        task.name: task_data(splits[task.name], task.output, files.examples, decoded, patients)
        for task in experiment.tasks
    }
    for task in experiment.tasks:
        for part, rows in {"validation": data[task.name].val, **data[task.name].test}.items():
            check_metrics(task, part, rows)
    skipped = {name: images.skipped for name, images in decoded.items() if images.skipped}
    return ExperimentData(data, splits, skipped, fingerprints, files)


def list_and_split(
    experiment: Experiment,
    make: Callable[[str], Source],
    folders: Folders,
    split_file: Path | None = None,
    earlier: SplitFile | None = None,
) -> tuple[SourceFiles, dict[str, TaskSplit]]:
    """What the sources hold, and each task's split; files are read for who each image is, none is decoded.

    :param make: builds a source from its name in the recipe. :param earlier: as in `prepare`.
    :raises DataError: as the sources do; if the split is impossible.
    """
    files = list_files(experiment.recipe, make, folders)
    return files, _split(experiment, files, split_file, earlier)


def list_files(recipe: Recipe, make: Callable[[str], Source], folders: Folders) -> SourceFiles:
    """The examples of the sources that the tasks name; no image is opened.

    :param make: builds a source from its name in the recipe.
    :raises DataError: as the sources do.
    """
    specs = recipe.tasks
    disjoint = [(spec.source, specs[spec.disjoint_from].source) for spec in specs.values() if spec.disjoint_from]
    namespaces = {name: namespace_of(name, entry, folders) for name, entry in recipe.sources.items()}
    return list_sources(recipe.sources, _wanted(recipe), make, disjoint, recipe.seed, namespaces)


def fingerprints_of(recipe: Recipe, files: SourceFiles) -> dict[str, str]:
    """Of the sources that the tasks name, images that do not decode included."""
    return {name: fingerprint_of(files.identities[name]) for name in sorted(_wanted(recipe))}


def _wanted(recipe: Recipe) -> set[str]:
    specs = recipe.tasks.values()
    return {one for spec in specs for one in (spec.source, *spec.other_sources, *spec.evaluate_on.values())}


def _split(
    experiment: Experiment, files: SourceFiles, split_file: Path | None, earlier: SplitFile | None
) -> dict[str, TaskSplit]:
    recipe, select = experiment.recipe, experiment.recipe.train.select_by == "validation"
    tasks = {task.name: (task.spec, task.output) for task in experiment.tasks}
    if split_file is None and recipe.split is not None:
        split_file = Path(recipe.split)
    if split_file is not None:
        splits = read_split(split_file, tasks, files)
    else:
        splits = split_tasks(tasks, files, recipe.seed, select, recipe.test_fold)
    if earlier is not None:
        splits = without_earlier(splits, files, earlier, select)
    check_labels(splits, {name: output for name, (_, output) in tasks.items()}, files.examples)
    idle = [task.name for task in experiment.tasks if task.uses("unlabeled") and not splits[task.name].pool]
    if idle:
        hint = "set unlabeled_includes_labeled: true, a smaller labeled, or other strategies"
        what = f"its strategies ask for unlabelled images; there is none: {hint}"
        raise DataError(*(f"task '{name}': {what}" for name in idle))
    check_facts(experiment, splits, files.examples)
    return splits


def _structures(experiment: Experiment) -> dict[str, tuple[str, ...]]:
    """By source, the structures that some task needs."""
    wanted: dict[str, list[str]] = {name: [] for name in experiment.recipe.sources}
    for task in experiment.tasks:
        if task.output.kind == "masks":
            for source in {task.spec.source, *task.spec.evaluate_on.values()}:
                wanted[source] += [name for name in task.output.classes if name not in wanted[source]]
    return {name: tuple(structures) for name, structures in wanted.items()}


def _without_skipped(files: SourceFiles, decoded: Mapping[str, Decoded]) -> tuple[SourceFiles, dict[str, Decoded]]:
    """Both without the images that did not decode."""
    rows: dict[str, Decoded] = {}
    for name, source in decoded.items():
        places = [place for place, image in enumerate(files.examples[name]) if image.id not in source.skipped]
        masks = None if source.masks is None else source.masks[places]
        rows[name] = replace(source, images=source.images[places], masks=masks) if source.skipped else source
    return files.without({name: frozenset(source.skipped) for name, source in decoded.items()}), rows
