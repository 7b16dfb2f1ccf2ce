"""Tamperings with what a run wrote: its split, recipe, weights and checkpoints, the cache, and a suite's cells."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import yaml
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tamper_data import CHECKSUMS, Change
from worlds import World

Edit = Callable[[dict[str, Any], Random], object]
PARTS = ("labeled", "unlabeled", "val")


def _ids(task: dict[str, Any], rng: Random) -> list[str]:
    """A random part of a task."""
    domains = [domain["ids"] for domain in task["test"].values()]
    found: list[str] = rng.choice([*(task[part] for part in PARTS), *domains])
    return found


def _task(content: dict[str, Any], rng: Random) -> dict[str, Any]:
    task: dict[str, Any] = rng.choice(list(content["tasks"].values()))
    return task


def move(content: dict[str, Any], rng: Random) -> None:
    """An image goes to another part."""
    task = _task(content, rng)
    one = _ids(task, rng)
    other = one
    while other is one:
        other = _ids(task, rng)
    other.append(one.pop(rng.randrange(len(one))))


def exchange(content: dict[str, Any], rng: Random) -> None:
    """Two parts exchange an image."""
    task = _task(content, rng)
    test = rng.choice(list(task["test"].values()))["ids"]
    part = task[rng.choice(PARTS)]
    mine, theirs = rng.randrange(len(part)), rng.randrange(len(test))
    part[mine], test[theirs] = test[theirs], part[mine]


def train_on_tests(content: dict[str, Any], rng: Random) -> None:
    """A labelled or unlabelled image is replaced by one of the test images."""
    task = _task(content, rng)
    part = task[rng.choice(PARTS)]
    part[rng.randrange(len(part))] = rng.choice(rng.choice(list(task["test"].values()))["ids"])


def repeat(content: dict[str, Any], rng: Random) -> None:
    """An image stands twice in its part."""
    ids = _ids(_task(content, rng), rng)
    ids.insert(rng.randrange(len(ids)), rng.choice(ids))


def remove(content: dict[str, Any], rng: Random) -> None:
    """An image is taken out."""
    ids = _ids(_task(content, rng), rng)
    ids.pop(rng.randrange(len(ids)))


def rename(content: dict[str, Any], rng: Random) -> None:
    """An image is called by a name that does not exist."""
    ids = _ids(_task(content, rng), rng)
    ids[rng.randrange(len(ids))] = "nobody.png"


def reorder(content: dict[str, Any], rng: Random) -> None:
    """The labelled images stand in another order."""
    part = _task(content, rng)["labeled"]
    part.append(part.pop(0))


def another_source(content: dict[str, Any], rng: Random) -> None:
    """A task or domain is said to be of another source."""
    task = _task(content, rng)
    place = rng.choice([task, *task["test"].values()])
    place["source"] = "masks" if place["source"] == "labels" else "labels"


def another_seed(content: dict[str, Any], _rng: Random) -> None:
    """The split is said to be of another seed."""
    content["seed"] += 1


def hide(content: dict[str, Any], rng: Random) -> None:
    """The record of who was used forgets images, or says that they were others."""
    images = content["images"][rng.choice(list(content["images"]))]
    for name in rng.sample(list(images), rng.choice([1, 5, len(images)])):
        what = rng.randrange(3)
        if what == 0:
            del images[name]
        elif what == 1:
            images[name] = ["0" * 64, "nobody"]
        else:
            images[name][1] = "nobody"


def another_namespace(content: dict[str, Any], _rng: Random) -> None:
    """Patients are said to be named otherwise than in any other set."""
    for source in content["namespaces"]:
        content["namespaces"][source] = f"hidden {source}"


def other_fingerprints(content: dict[str, Any], rng: Random) -> None:
    """The data are said to have had another content."""
    content["fingerprints"][rng.choice(list(content["fingerprints"]))] = "0" * 16


def split_edit(edit: Edit) -> Callable[[World, Random, Path], Change]:
    """A tampering with RUN/split.json, or with a file for `split: FILE`."""

    def tampering(_world: World, rng: Random, folder: Path) -> Change:
        path = folder / "split.json"
        content = json.loads(path.read_text())
        edit(content, rng)
        path.write_text(json.dumps(content))
        return Change(("split.json",), free=("split.json",))

    return tampering


RECIPE: dict[str, tuple[Any, ...]] = {
    "seed": (1, 2), "name": ("another",), "optimizer.lr": (0.5, 0.0001), "optimizer.use": ("sgd",),
    "image.size": (32,), "backbone.widths": ([4, 4, 4], [8, 4, 8]), "image.mean": ([0.1],),
    "tasks.diagnosis.source": ("masks",), "tasks.lungs.source": ("labels",), "tasks.diagnosis.labeled": (6, 9, "all"),
    "tasks.diagnosis.batch": (2,), "tasks.diagnosis.head.classes": (["ill", "healthy"],),
    "tasks.lungs.metrics": (["jaccard"],), "tasks.diagnosis.evaluate_on": ({"in_domain": "masks"},),
    "tasks.lungs.unlabeled_includes_labeled": (False,), "tasks.lungs.strategies.0.weight": (0.1,),
    "tasks.diagnosis.disjoint_from": ("lungs",), "sources.labels.patient": ("image",), "sources.labels.val": (0.3,),
    "sources.masks.on_error": ("skip",), "sources.labels.rename": ({"healthy": "ill", "ill": "healthy"},),
    "sources.labels.patients": ("mine",), "train.steps": (3, 6), "train.evaluate_every": (1, 4),
    "train.select_by": ("last",), "train.ema": (0.5,), "train.log_every": (2,), "split": ("nobody.json",),
}  # fmt: skip


HASHED = ("recipe.yaml", "results.json:recipe_hash", *CHECKSUMS)
"""What holds a hash of the whole recipe, the parts included that a resumed run may change."""


def edit_recipe(_world: World, rng: Random, folder: Path) -> Change:
    """One key of RUN/recipe.yaml is edited."""
    path = folder / "recipe.yaml"
    content = yaml.safe_load(path.read_text())
    key = rng.choice(list(RECIPE))
    *places, last = [int(part) if part.isdigit() else part for part in key.split(".")]
    place = content
    for part in places:
        place = place[part]
    place[last] = rng.choice(RECIPE[key])
    path.write_text(yaml.safe_dump(content))
    return Change(("recipe.yaml", key, key.split(".")[-1]), free=HASHED)


def edit_a_root(world: World, rng: Random, folder: Path) -> Change:
    """RUN/recipe.yaml reads a source from a copy elsewhere, which may move; its labels may differ there."""
    path = folder / "recipe.yaml"
    content = yaml.safe_load(path.read_text())
    source = rng.choice(["labels", "masks"])
    copy = shutil.copytree(world.place / content["sources"][source]["root"], world.place / "copy")
    differs = rng.random() < 0.5
    if differs:
        table = (copy / "manifest.csv").read_text()
        (copy / "manifest.csv").write_text(table.replace("healthy", "x").replace("ill", "healthy").replace("x", "ill"))
    content["sources"][source]["root"] = "copy"
    path.write_text(yaml.safe_dump(content))
    return Change((f"'{source}'",), content=differs, free=HASHED)


def damage(path: Path, rng: Random) -> None:
    """One bit flipped, cut short, or zeroes at its end."""
    content = bytearray(path.read_bytes())
    how = rng.randrange(3)
    if how == 0:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    elif how == 1:
        del content[rng.randrange(len(content)) :]
    else:
        content[-min(len(content), 40) :] = bytes(min(len(content), 40))
    path.write_bytes(content)


def damage_weights(_world: World, rng: Random, folder: Path) -> Change:
    """Both weights files are damaged."""
    for path in (folder / "weights").iterdir():
        damage(path, rng)
    return Change((".safetensors",))


def others_weights(world: World, rng: Random, folder: Path) -> Change:
    """The weights are those of a run with another seed, or the last instead of the best ones."""
    other = rng.choice(["done-1", "done"])
    last = world.place / other / "weights" / "last.safetensors"
    shutil.copy(last, folder / "weights" / "best.safetensors")
    return Change(("best.safetensors",))


def edit_a_header(world: World, rng: Random, folder: Path) -> Change:
    """The weights of another run say that they are this run's."""
    path = folder / "weights" / "best.safetensors"
    with safe_open(path, "pt") as file:
        facts = file.metadata()
    other = world.place / "done-1" / "weights" / "best.safetensors"
    if rng.random() < 0.5:
        save_file(load_file(other), path, facts)
    else:
        told = json.loads(facts["ssmtl"])
        told[rng.choice(list(told))] = "0" * 16
        save_file(load_file(path), path, {"ssmtl": json.dumps(told)})
    return Change(("best.safetensors",))


def damage_a_checkpoint(_world: World, rng: Random, folder: Path) -> Change:
    """One file of a checkpoint is damaged."""
    damage(rng.choice(sorted((folder / "checkpoints").rglob("*.*s*"))), rng)
    return Change(("checkpoint",))


def damage_all_checkpoints(_world: World, rng: Random, folder: Path) -> Change:
    """One file of every checkpoint is damaged."""
    for place in sorted((folder / "checkpoints").iterdir()):
        damage(rng.choice(sorted(place.iterdir())), rng)
    return Change(("checkpoint",))


def others_checkpoint(world: World, rng: Random, folder: Path) -> Change:
    """A checkpoint is that of a run with another seed, in whole or in part."""
    place = rng.choice(sorted((folder / "checkpoints").iterdir()))
    other = world.place / "stopped-1" / "checkpoints" / place.name
    for name in rng.choice([["state.safetensors"], ["best.safetensors"], sorted(os.listdir(other))]):
        if (other / name).exists():
            shutil.copy(other / name, place / name)
    return Change(("checkpoint",))


def rename_a_checkpoint(_world: World, rng: Random, folder: Path) -> Change:
    """A checkpoint is said to be of another step."""
    place = rng.choice(sorted((folder / "checkpoints").iterdir()))
    place.rename(place.with_name(rng.choice(["step-00000009", "step-00000000"])))
    return Change(("checkpoint",))


def link_in_a_run(world: World, rng: Random, folder: Path) -> Change:
    """A file of a run becomes a link to that of another run, or to its own content elsewhere."""
    files = sorted(path for path in folder.rglob("*.*") if path.is_file() and "best" not in path.name)
    path = rng.choice(files)
    aside = world.place / "aside"
    shutil.move(path, aside)
    path.symlink_to(aside)
    return Change((path.name,))
