"""What `ssmtl check` prints about the data: who is in each source, whom sources share, who is in each part."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ssmtl.wording import LEFT_OUT, class_counts

if TYPE_CHECKING:
    from ssmtl.data.sharing import PartCounts, Shared, SourceCounts

PARTS = {"labeled": "labelled", "unlabeled": "unlabelled", "val": "validation"}
"""How the parts of a split are called in print."""


def print_data(
    console: Console,
    sources: Mapping[str, "SourceCounts"],
    shared: Sequence["Shared"],
    doubts: Sequence[str],
    parts: Sequence["PartCounts"],
    left_out: Mapping[str, int],
) -> None:
    """:param doubts: about people, one sentence each.

    :param left_out: by task, how many images are in no part, since whom they show is tested or validates."""
    table = _table("source", "images", "patients", "labelled", "with masks", "copies")
    for name, counts in sources.items():
        numbers = (counts.images, counts.patients, counts.labeled, counts.masked, counts.copies)
        table.add_row(escape(name), *(f"{number:,}" for number in numbers))
    console.print(table, highlight=False)
    for name, counts in sources.items():
        for what, number in (("labels", counts.labels_differ), ("masks", counts.masks_differ)):
            if number:
                images = "1 image has" if number == 1 else f"{number:,} images have"
                _say(console, f"source {name}: {images} copies with other {what}")
    for pair in shared:
        common = f"{pair.images:,} images and {pair.patients:,} patients in common"
        _say(console, f"sources {pair.one} and {pair.other} have {common}")
    for doubt in doubts:
        _say(console, doubt)
    table = _table("task", "part", "source", "images", "patients", "classes")
    for part in parts:
        name, _, domain = part.part.partition(".")
        words = f"test, {domain}" if domain else PARTS[name]
        classes = class_counts(part.classes, part.known)
        names = (escape(part.task), escape(words), escape(part.source))
        table.add_row(*names, f"{part.images:,}", f"{part.patients:,}", escape(classes))
    console.print(table, highlight=False)
    for task, count in left_out.items():
        if count:
            images = "1 image is" if count == 1 else f"{count:,} images are"
            _say(console, f"task {task}: {images} left out: {LEFT_OUT}")
    console.print("Training, validation and test share no image and no patient, over all tasks.", highlight=False)


def _table(*names: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in names:
        words = name in ("task", "part", "source", "classes")
        table.add_column(name, justify="left" if words else "right", no_wrap=not words)
    return table


def _say(console: Console, text: str) -> None:
    console.print(text, style="yellow", markup=False, highlight=False)
