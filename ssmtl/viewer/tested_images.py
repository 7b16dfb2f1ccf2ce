"""The test images of a run, from the sources that it was tested on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ssmtl.contracts.folders import Folders
from ssmtl.contracts.source import Example
from ssmtl.data.identity import identities_of
from ssmtl.data.pool import examples_of
from ssmtl.data.split_file import SplitFile
from ssmtl.errors import DataError
from ssmtl.experiment.prepare import NamedSource, make_source
from ssmtl.recipe.models import Recipe
from ssmtl.registry.plugins import Plugins


@dataclass(frozen=True)
class FoundImage:
    """:param note: what the reader should know, such as that it has changed since; empty: nothing."""

    source: NamedSource
    example: Example
    note: str


@dataclass
class TestedImages:
    """A source is listed when one of its images is first asked for, and again as long as that fails."""

    recipe: Recipe
    plugins: Plugins
    folders: Folders
    split: SplitFile
    _listed: dict[str, tuple[NamedSource, Mapping[str, Example]]] = field(default_factory=dict)

    def find(self, task: str, domain: str, name: str) -> FoundImage:
        """:raises DataError: if the split does not name it, or its source is not here, or no longer has it."""
        split = self.split.tasks.get(task)
        part = split.test.get(domain) if split else None
        if part is None or name not in part.ids:
            raise DataError(
                f"the run has no such test image: task {task!r:.100}, domain {domain!r:.100}, {name!r:.300}"
            )
        source, examples = self._of(part.source)
        if name not in examples:
            raise DataError(f"the source '{part.source}' no longer has the image '{name}' that the run was tested on")
        example = examples[name]
        with source.decoding():
            (identity,) = identities_of([example])
        known = self.split.tested.get(part.source, {}).get(name)
        changed = known is not None and known != identity.digest()
        note = "Its content, patient, label or mask has changed since the run was tested on it." if changed else ""
        return FoundImage(source, example, note)

    def _of(self, name: str) -> tuple[NamedSource, Mapping[str, Example]]:
        if name not in self._listed:
            source = make_source(self.recipe, self.plugins, self.folders, name)
            listed = examples_of(name, self.recipe.sources[name], source)
            self._listed[name] = source, {example.id: example for example in listed}
        return self._listed[name]
