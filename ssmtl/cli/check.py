"""`ssmtl check`."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ssmtl.cli.loading import (
    AllowLocal,
    DataRoot,
    LocalPlugins,
    Overrides,
    RecipeName,
    Seed,
    Sources,
    Trackers,
)
from ssmtl.importing import uncollected

if TYPE_CHECKING:
    from ssmtl.api.loaded import Loaded
    from ssmtl.contracts.folders import Folders
    from ssmtl.data.split_file import SplitFile
    from ssmtl.experiment.experiment import Experiment
    from ssmtl.registry.plugins import Plugins

Rehash = Annotated[
    bool, typer.Option("--rehash", help="Hash every file again, and name those whose known hash is no longer right.")
]
Resolved = Annotated[
    bool,
    typer.Option("--resolved", help="Print the whole recipe, with what it extends, every key and default, as YAML."),
]
NoData = Annotated[bool, typer.Option("--no-data", help="Check the recipe alone.")]


@uncollected()
def check(
    recipe: RecipeName,
    sources: Sources = None,
    overrides: Overrides = None,
    seed: Seed = None,
    data_root: DataRoot = None,
    trackers: Trackers = None,
    local: LocalPlugins = None,
    allow: AllowLocal = False,
    no_data: NoData = False,
    rehash: Rehash = False,
    resolved: Resolved = False,
) -> None:
    """Show every error in a recipe and where it is, or else the plan; and who is in the data, if they are there.

    Image files that are new or changed are read to tell copies apart, but not decoded.
    """
    from ssmtl.api.loaded import load_recipe
    from ssmtl.cli.initial import print_initial
    from ssmtl.cli.tables import print_plan
    from ssmtl.contracts.folders import Folders
    from ssmtl.errors import warn
    from ssmtl.experiment.coupling import coupling
    from ssmtl.experiment.plan import plan_of
    from ssmtl.recipe import yaml_file
    from ssmtl.runs.initial import initial_of

    loaded = load_recipe(recipe, sources, overrides or (), seed, local or (), allow, trackers or ())
    experiment = loaded.assembled()
    if resolved:
        typer.echo(yaml_file.dump(experiment.recipe.content(every_key=True)), nl=False)
        return
    console = Console()
    print_plan(console, plan_of(experiment))
    if coupled := coupling(experiment):
        warn(coupled)
    folders = Folders(data_root)
    initial = initial_of(experiment, folders)
    if initial:
        print_initial(console, initial)
    missing = {} if no_data else _missing(loaded, folders)
    for name, error in missing.items():
        console.print(f"source {name}: {error}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    if no_data or missing:
        _end(console, f"{loaded.where} has no errors; the data were not checked")
        return
    with _rehashed() if rehash else nullcontext():
        _check_data(experiment, loaded.plugins, folders, console, initial.split if initial else None)
    _end(console, f"{loaded.where} has no errors, nor has what its sources list; only a run decodes images and masks")


def _end(console: Console, text: str) -> None:
    console.print(text, style="green", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _rehashed() -> Iterator[None]:
    """:raises DataError: at the end, naming the files that changed although their size and times say they did not."""
    from ssmtl.data.file_hashes import FILE_HASHES
    from ssmtl.errors import DataError

    with FILE_HASHES.anew() as differing:
        yield
    if differing:
        what = "its content changed, and neither its size nor its times tell; its hash is corrected"
        raise DataError(*(f"{path}: {what}" for path in sorted(differing)))


def _missing(loaded: "Loaded", folders: "Folders") -> dict[str, str]:
    """By source, why its folder or file is not found."""
    from ssmtl.errors import DataError

    missing = {}
    for name, entry in loaded.recipe.sources.items():
        root = entry.options.get("root")
        if isinstance(root, str):
            try:
                folders.find(root)
            except DataError as error:
                missing[name] = str(error)
    return missing


def _check_data(
    experiment: "Experiment", plugins: "Plugins", folders: "Folders", console: Console, earlier: "SplitFile | None"
) -> None:
    from ssmtl.cli.data_table import print_data
    from ssmtl.data.doubts import doubts_of
    from ssmtl.data.sharing import counts_of, parts_counted, shared_between
    from ssmtl.data.small_parts import warn_of_lent_tests, warn_of_small_parts
    from ssmtl.experiment.prepare import list_and_split, make_source

    make = cache(partial(make_source, experiment.recipe, plugins, folders))
    with Console(stderr=True).status("Reading images"):
        files, splits = list_and_split(experiment, make, folders, earlier=earlier)
    warn_of_small_parts(splits)
    warn_of_lent_tests(splits, files.examples)
    left_out = {task: sum(split.left_out.values()) for task, split in splits.items()}
    outputs = {task.name: task.output for task in experiment.tasks}
    unused = {task.name for task in experiment.tasks if not task.uses("unlabeled")}
    counted = parts_counted(splits, files, outputs)
    parts = [one for one in counted if one.part != "unlabeled" or one.task not in unused]
    print_data(console, counts_of(files), shared_between(files), doubts_of(files), parts, left_out)
