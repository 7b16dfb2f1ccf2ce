"""Tamperings with the cache of decoded images, and with the cells of a suite."""

import json
import os
import shutil
from itertools import pairwise
from pathlib import Path
from random import Random

import tamper_runs as runs
from tamper_data import Change
from worlds import World


def _entries(world: World) -> list[Path]:
    return sorted(path for path in (world.place / "cache").iterdir() if (path / "done.json").is_file())


def damage_cache(world: World, rng: Random) -> Change:
    """A file of every entry is damaged."""
    for entry in _entries(world):
        runs.damage(rng.choice(sorted(path for path in entry.iterdir() if path.stat().st_size)), rng)
    return Change((str(world.place / "cache"),))


def others_entry(world: World, rng: Random) -> Change:
    """Every entry's folder holds that of another one."""
    entries = _entries(world)
    rng.shuffle(entries)
    entries[0].rename(world.place / "aside")
    for one, other in pairwise(entries):
        other.rename(one)
    (world.place / "aside").rename(entries[-1])
    return Change((str(world.place / "cache"),))


def others_file(world: World, rng: Random) -> Change:
    """Every entry has some files of another one."""
    entries = _entries(world)
    rng.shuffle(entries)
    names = rng.choice([["images.npy"], ["masks.npy"], ["done.json"], ["images.npy", "masks.npy"]])
    for one, other in pairwise(entries):
        for name in names:
            if (other / name).is_file():
                shutil.copy(other / name, one / name)
    return Change((str(world.place / "cache"),))


def skip_in_cache(world: World, rng: Random) -> Change:
    """Entries say that an image could not be decoded."""
    for entry in _entries(world):
        path = entry / "done.json"
        content = json.loads(path.read_text())
        content["content"]["skipped"][f"{rng.randrange(60)}.png"] = "it cannot be decoded"
        path.write_text(json.dumps(content))
    return Change((str(world.place / "cache"),))


def link_in_cache(world: World, rng: Random) -> Change:
    """The arrays of an entry are links to those of another one."""
    entries = _entries(world)
    rng.shuffle(entries)
    for one, other in pairwise(entries):
        (one / "images.npy").unlink()
        (one / "images.npy").symlink_to(other / "images.npy")
    return Change((str(world.place / "cache"),))


def _cells(world: World) -> list[Path]:
    return sorted(path for path in (world.place / "suite" / "cells").iterdir() if path.is_dir())


def swap_cells(world: World, _rng: Random) -> Change:
    """Two cells' folders exchange their names."""
    one, other = _cells(world)
    one.rename(world.place / "aside")
    other.rename(one)
    (world.place / "aside").rename(other)
    return Change((one.name, other.name))


def copy_a_cell(world: World, rng: Random) -> Change:
    """A cell's folder is a copy of another one's, in whole or in its results."""
    one, other = rng.sample(_cells(world), 2)
    for name in rng.choice([["results.json"], ["cell.json"], ["results.json", "cell.json"], sorted(os.listdir(other))]):
        if (other / name).is_file():
            shutil.copy(other / name, one / name)
    return Change((one.name,))


def unfinished_cell(world: World, rng: Random) -> Change:
    """A cell that was killed before its last step, and whose files were then edited."""
    cell = rng.choice(_cells(world))
    seed = int(cell.name.split("_")[-2][1:])
    shutil.rmtree(cell)
    cell.mkdir()
    recipe = world.untouched / "suite" / "cells" / cell.name / "recipe.yaml"
    for name in ("split.json", "environment.json"):
        shutil.copy(world.place / ("stopped-1" if seed else "stopped") / name, cell / name)
    shutil.copy(recipe, cell / "recipe.yaml")
    if rng.random() < 0.6:
        edit = rng.choice([runs.move, runs.exchange, runs.train_on_tests, runs.repeat, runs.remove, runs.another_seed])
        runs.split_edit(edit)(world, rng, cell)
        names: tuple[str, ...] = ("split.json",)
    else:
        names = runs.edit_recipe(world, rng, cell).names
    return Change(names)


def status_of_a_cell(world: World, rng: Random) -> Change:
    """A cell's record is damaged or says that it failed."""
    path = rng.choice(_cells(world)) / "cell.json"
    content = json.loads(path.read_text())
    content.update(
        rng.choice([{"status": "failed"}, {"status": ""}, {"data_hash": "0" * 16}, {"split_hash": "0" * 16}])
    )
    path.write_text(json.dumps(content))
    return Change(("cell.json", path.parent.name))


def edit_the_suite(world: World, rng: Random) -> Change:
    """The suite's file or its sources name other seeds, settings or data."""
    path = world.place / rng.choice(["suite.yaml", "own.yaml", "sources.yaml"])
    text = path.read_text()
    edits = {
        "suite.yaml": [("seeds:\n- 0", "seeds:\n- 2"), ("- 8", "- 6"), ("seeds:", "set: {optimizer.lr: 0.5}\nseeds:")],
        "own.yaml": [("steps: 4", "steps: 2"), ("batch: 4", "batch: 2"), ("steps: 4", "ema: 0.5\n  steps: 4")],
        "sources.yaml": [("patient: patient", "patient: image"), ("use: manifest", "use: manifest\n  val: 0.3")],
    }  # fmt: skip
    before, after = rng.choice(edits[path.name])
    assert before in text
    path.write_text(text.replace(before, after))
    return Change((path.name,))
