"""What a run's data and split are, as hashes, before the run begins. Data is listed; nothing is decoded."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ssmtl.contracts.folders import Folders
from ssmtl.contracts.head import Output
from ssmtl.contracts.source import Example
from ssmtl.data.given_split import read_split
from ssmtl.data.identity import data_digest
from ssmtl.data.split import split_tasks
from ssmtl.data.split_file import split_digest
from ssmtl.experiment.prepare import fingerprints_of, list_files, make_source
from ssmtl.recipe.models import Recipe
from ssmtl.registry.plugins import Plugins

SPLIT_BY = ("source", "labeled", "unlabeled_from", "unlabeled_includes_labeled", "disjoint_from", "evaluate_on")
"""The fields of a task that its split depends on."""


@dataclass(frozen=True)
class Listed:
    """A source whose files have been listed."""

    listing: tuple[Example, ...]

    def examples(self) -> tuple[Example, ...]:
        """The examples, as listed."""
        return self.listing


class SplitDigests:
    """Hashes of split and data; keeps listed sources, and the hashes, for the recipes that share them."""

    def __init__(self, plugins: Plugins, folders: Folders) -> None:
        self.plugins, self.folders = plugins, folders
        self.listed: dict[str, Listed] = {}
        self.known: dict[str, tuple[str, str]] = {}

    def of(self, recipe: Recipe, outputs: Mapping[str, Output]) -> tuple[str, str]:
        """A hash of the split and one of the data. :param outputs: of the heads, by task.

        :raises DataError: for missing data, or a budget larger than the data set.
        """
        content = recipe.content()
        parts = {name: [task[key] for key in SPLIT_BY] for name, task in content["tasks"].items()}
        select = recipe.train.select_by == "validation"
        told = [content["sources"], parts, content["split"], recipe.seed, recipe.test_fold]
        key = f"{json.dumps(told)} {outputs} {select}"
        if key not in self.known:
            files = list_files(recipe, lambda name: self._listed(recipe, name), self.folders)
            tasks = {name: (recipe.tasks[name], output) for name, output in outputs.items()}
            if recipe.split is not None:
                splits = read_split(Path(recipe.split), tasks, files)
            else:
                splits = split_tasks(tasks, files, recipe.seed, select, recipe.test_fold)
            self.known[key] = split_digest(splits, recipe.seed), data_digest(fingerprints_of(recipe, files))
        return self.known[key]

    def _listed(self, recipe: Recipe, name: str) -> Listed:
        key = recipe.sources[name].model_dump_json()
        if key not in self.listed:
            source = make_source(recipe, self.plugins, self.folders, name)
            self.listed[key] = Listed(tuple(source.examples()))
        return self.listed[key]
