"""Tamperings with data under a run: labels, patients, masks, images and links."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import numpy as np
from PIL import Image
from worlds import Row, World, sha256, write_table


@dataclass(frozen=True)
class Change:
    """What was tampered with.

    :param names: a refusal or a warning must hold one of these.
    :param entries: of a sources file, by name, to evaluate on.
    :param alike: whether the new sources call the patients as the old ones do.
    :param content: whether it changed the data that a run or a suite reads.
    :param free: files and keys in which a run without effect may differ, since they were edited.
    """

    names: tuple[str, ...]
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    alike: bool = True
    content: bool = False
    free: tuple[str, ...] = ()


Tampering = Callable[[World, Random], Change]


def _changed(world: World, root: str, *images: str) -> Change:
    """Data of this root changed. The names are those of its sources and of the images."""
    sources = tuple(f"'{name}'" for name, entry in world.sources.items() if entry["root"] == root)
    return Change((*sources, *images), content=True)


def _two(rows: list[Row], rng: Random, column: str, given: bool = True) -> tuple[Row, Row]:
    """Two rows that differ in a column. :param given: whether both have a value."""
    able = [row for row in rows if row[column] or not given]
    one = rng.choice(able)
    return one, rng.choice([row for row in able if row[column] != one[column]])


def edit(change: Callable[[list[Row], Random], list[str]]) -> Tampering:
    """A tampering with one table. :param change: changes rows in place, and returns the images."""

    def tampering(world: World, rng: Random) -> Change:
        root = rng.choice(world.roots)
        rows = world.rows(root)
        images = change(rows, rng)
        write_table(world.place / root, rows)
        return _changed(world, root, *images)

    return tampering


def swap(column: str) -> Tampering:
    """Two images exchange their cells of a column."""

    def change(rows: list[Row], rng: Random) -> list[str]:
        one, other = _two(rows, rng, column)
        one[column], other[column] = other[column], one[column]
        return [one["image"], other["image"]]

    return edit(change)


def empty(column: str) -> Tampering:
    """An image loses its cell of a column."""

    def change(rows: list[Row], rng: Random) -> list[str]:
        row = rng.choice([row for row in rows if row[column]])
        row[column] = ""
        return [row["image"], *([row["patient"]] if row["patient"] else [])]

    return edit(change)


def take(column: str) -> Tampering:
    """An image gets another one's cell of a column: another class, mask or patient."""

    def change(rows: list[Row], rng: Random) -> list[str]:
        one, other = _two(rows, rng, column)
        before, one[column] = one[column], other[column]
        return [one["image"], *([f"'{before}'", f"'{one[column]}'"] if column == "patient" else [])]

    return edit(change)


def merge(rows: list[Row], rng: Random) -> list[str]:
    """All images of one patient are said to be of another one."""
    one, other = _two(rows, rng, "patient")
    before, after = one["patient"], other["patient"]
    merged = [row for row in rows if row["patient"] == before]
    for row in merged:
        row["patient"] = after
    return [*(row["image"] for row in merged), f"'{after}'"]


def rename_patient(rows: list[Row], rng: Random) -> list[str]:
    """A patient gets a new name."""
    before = rng.choice(rows)["patient"]
    renamed = [row for row in rows if row["patient"] == before]
    for row in renamed:
        row["patient"] = f"new {before}"
    return [row["image"] for row in renamed]


def invert_classes(rows: list[Row], _rng: Random) -> list[str]:
    """Each class is called by the other's name."""
    for row in rows:
        row["diagnosis"] = {"healthy": "ill", "ill": "healthy", "": ""}[row["diagnosis"]]
    return []


def reorder(rows: list[Row], rng: Random) -> list[str]:
    """The lines of the table are shuffled."""
    rng.shuffle(rows)
    return []


def replace_image(world: World, rng: Random) -> Change:
    """An image's file is overwritten with a copy of another one's."""
    root = rng.choice(world.roots)
    one, other = rng.sample(world.rows(root), 2)
    shutil.copyfile(world.place / root / other["image"], world.place / root / one["image"])
    return _changed(world, root, one["image"], other["image"])


def test_a_training_image(world: World, rng: Random) -> Change:
    """A test image's file is overwritten with a copy of an image that trained."""
    source = rng.choice(["labels", "masks"])
    root, (used, rest) = world.sources[source]["root"], parts(world, source)
    one, other = rng.choice(rest), rng.choice(used)
    shutil.copyfile(world.place / root / other["image"], world.place / root / one["image"])
    return _changed(world, root, one["image"], other["image"])


def flip_a_byte(world: World, rng: Random) -> Change:
    """One byte of an image or mask is changed."""
    root = rng.choice(world.roots)
    row = rng.choice([row for row in world.rows(root) if row["lung"]])
    name = row[rng.choice(["image", "lung"])]
    path = world.place / root / name
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    return _changed(world, root, name)


def paint_a_mask(world: World, rng: Random) -> Change:
    """A mask's file gets other pixels."""
    root = rng.choice(world.roots)
    row = rng.choice([row for row in world.rows(root) if row["lung"]])
    path = world.place / root / row["lung"]
    with Image.open(path) as opened:
        mask = np.array(opened)
    mask[rng.randrange(20)] ^= 255
    Image.fromarray(mask).save(path)
    return _changed(world, root, row["image"], row["lung"])


def remove_a_file(world: World, rng: Random) -> Change:
    """An image or mask vanishes."""
    root = rng.choice(world.roots)
    row = rng.choice([row for row in world.rows(root) if row["lung"]])
    name = row[rng.choice(["image", "lung"])]
    (world.place / root / name).unlink()
    return _changed(world, root, name)


def link_an_image(world: World, rng: Random) -> Change:
    """An image becomes a link to another one."""
    root = rng.choice(world.roots)
    one, other = rng.sample(world.rows(root), 2)
    path = world.place / root / one["image"]
    path.unlink()
    path.symlink_to(rng.choice([other["image"], str(world.place / root / other["image"])]))
    return _changed(world, root, one["image"], other["image"])


CHECKSUMS = ("results.json:weights", "results.json:calibration", "calibration.json:weights", "header")
"""What differs where the weights' file differs and the weights do not."""

MOVED = ("split.json:namespaces", *CHECKSUMS)
"""What names the folder of the data, and the checksums of files that do."""


def link_the_root(world: World, rng: Random) -> Change:
    """A data set moves, and a link is left in its place. A run names its folder, so its tensors are compared."""
    root = rng.choice(world.roots)
    (world.place / root).rename(world.place / "moved")
    (world.place / root).symlink_to(rng.choice(["moved", str(world.place / "moved")]))
    return replace(_changed(world, root), free=MOVED)


def parts(world: World, source: str) -> tuple[list[Row], list[Row]]:
    """The rows of a source whose patients trained or selected, and the others."""
    root = world.sources[source]["root"]
    used: list[Row] = []
    rest: list[Row] = []
    for row in world.rows(root):
        (used if world.persons[sha256(world.place / root / row["image"])] in world.used else rest).append(row)
    return used, rest
