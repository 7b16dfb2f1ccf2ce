"""Every kind of tampering, and over what each is tried."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import tamper_data as data
import tamper_runs as runs
import tamper_sources as sources
import tamper_stores as stores
from tamper_data import Change
from worlds import World


@dataclass(frozen=True)
class Tampering:
    """:param change: takes the world, random numbers, and the folder of the run that it is tried on."""

    name: str
    change: Callable[[World, Random, Path], Change]


def _on(name: str, change: Callable[[World, Random, Path], Change], *over: str) -> list[tuple[Tampering, str]]:
    return [(Tampering(name, change), one) for one in over]


def _off(change: Callable[[World, Random], Change], *over: str, name: str = "") -> list[tuple[Tampering, str]]:
    """A tampering with something else than a run's folder."""
    return _on(name or change.__name__, lambda world, rng, _folder: change(world, rng), *over)


def _all(pairs: Sequence[Sequence[tuple[Tampering, str]]]) -> list[tuple[Tampering, str]]:
    return [pair for some in pairs for pair in some]


READ = ("resume", "evaluate", "suite status")
"""Where data are read again after they were run on."""

KINDS = {
    "labels": _all([
        _off(data.swap("diagnosis"), *READ, name="swap classes"),
        _off(data.empty("diagnosis"), *READ, name="empty a class"),
        _off(data.take("diagnosis"), *READ, name="change a class"),
        _off(data.edit(data.invert_classes), *READ, "suite run", name="invert classes"),
        _off(data.swap("lung"), *READ, name="swap masks"), _off(data.empty("lung"), *READ, name="empty a mask"),
        _off(data.take("lung"), *READ, name="change a mask"), _off(data.paint_a_mask, *READ, name="paint a mask"),
    ]),
    "patients": _all([
        _off(data.edit(data.merge), *READ, "source", "suite run", name="merge patients"),
        _off(data.edit(data.rename_patient), *READ, "source", name="rename a patient"),
        _off(data.take("patient"), *READ, "source", name="move an image"),
        _off(data.swap("patient"), *READ, "source", name="swap patients"),
        _off(data.empty("patient"), *READ, name="empty a patient"),
    ]),
    "images": _all([
        _off(data.replace_image, *READ, "source", name="replace an image"),
        _off(data.test_a_training_image, *READ, "source", "given split", name="test a training image"),
        _off(data.flip_a_byte, *READ, name="flip a byte"), _off(data.remove_a_file, *READ, name="remove a file"),
        _off(data.edit(data.reorder), *READ, name="reorder the table"),
    ]),
    "splits": _all([
        _on(edit.__name__, runs.split_edit(edit), "resume", "evaluate", "source", "given split")
        for edit in (
            runs.move, runs.exchange, runs.train_on_tests, runs.repeat, runs.remove, runs.rename, runs.reorder,
            runs.another_source, runs.another_seed, runs.hide, runs.another_namespace, runs.other_fingerprints,
        )
    ]),
    "recipes": _all([
        _on("edit a key", runs.edit_recipe, "resume", "evaluate"),
        _on("edit a root", runs.edit_a_root, "resume", "evaluate"),
    ]),
    "weights": _all([
        _on(change.__name__, change, "evaluate", "resume")
        for change in (runs.damage_weights, runs.others_weights, runs.edit_a_header)
    ]),
    "checkpoints": _all([
        _on(change.__name__, change, "resume")
        for change in (
            runs.damage_a_checkpoint, runs.damage_all_checkpoints, runs.others_checkpoint, runs.rename_a_checkpoint,
        )
    ]),
    "cache": _all([
        _off(change, "run again", "resume")
        for change in (
            stores.damage_cache, stores.others_entry, stores.others_file, stores.skip_in_cache, stores.link_in_cache,
        )
    ]),
    "sources": _all([
        _off(change, "source")
        for change in (
            sources.another_name, sources.another_folder, sources.no_patients, sources.new_names, sources.some_of_them,
            sources.one_many_times, sources.detours, sources.detours_twice, sources.all_are_tests, sources.follow_ups,
        )
    ]),
    "links": _all([
        _off(data.link_an_image, *READ, "source"), _off(data.link_the_root, *READ, "run again", "source"),
        _off(sources.links, "source"), _off(sources.a_linked_folder, "source"),
        _on("link_in_a_run", runs.link_in_a_run, "resume", "evaluate"),
    ]),
    "suites": _all([
        _off(change, "suite run")
        for change in (
            stores.swap_cells, stores.copy_a_cell, stores.unfinished_cell, stores.status_of_a_cell,
            stores.edit_the_suite,
        )
    ]),
}  # fmt: skip
"""By kind, the tamperings and over what each is tried."""
