"""Which run to resume, and whether it is still the same run."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any

from ssmtl.errors import RunError
from ssmtl.recipe.differences import differences, leaves
from ssmtl.recipe.models import Recipe
from ssmtl.runs.folder import RunFolder

FREE = re.compile(r"train\.(checkpoint_every|keep_checkpoints|timeout)|sources\.[^.]+\.root|trackers(\..+)?")
"""Keys that may change, since they affect no number. Data that moved is compared by its content."""

ADDITIVE = re.compile(r"train\.(steps|evaluate_every|log_every|on_nonfinite|max_skipped|device|devices|nodes)")
"""Keys that may change with `--force`."""


def find_unfinished(runs: Path, recipe: Recipe) -> RunFolder | None:
    """The last folder in `runs` with an unfinished run of exactly this recipe."""
    for folder in map(RunFolder, sorted(runs.iterdir(), reverse=True) if runs.is_dir() else ()):
        if folder.is_started and not folder.is_finished:
            parsed, problems = folder.read_recipe().parsed()
            if parsed is not None and not problems and parsed.digest() == recipe.digest():
                return folder
    return None


def check_recipe(folder: RunFolder, recipe: Recipe, force: bool) -> None:
    """:raises RunError: listing what differs from the run's recipe and is neither free nor allowed by `force`."""
    before = folder.read_recipe().validated()
    _check_unedited(folder, before)
    refused = []
    for key, was, now in differences(before.content(), recipe.content()):
        if FREE.fullmatch(key) or (force and ADDITIVE.fullmatch(key)):
            continue
        refused.append(f"{key}: was {was}, is {now}" + (" (--force allows it)" if ADDITIVE.fullmatch(key) else ""))
    if recipe.train.steps < before.train.steps:
        refused.append(f"train.steps: {recipe.train.steps} is less than the {before.train.steps} of the run")
    if refused:
        listed = "\n  ".join(refused)
        raise RunError(f"{folder.path} holds a run of another recipe:\n  {listed}\nStart a new one with another --out")


def lasting_digest(recipe: Recipe) -> str:
    """A hash of what no resumed run may change, with `--force` or without."""
    return _digest(pair for pair in leaves(recipe.content()) if not ADDITIVE.fullmatch(pair[0]))


def fixed_digest(recipe: Recipe) -> str:
    """A hash of what a resumed run may change only with `--force`, or not at all."""
    return _digest(leaves(recipe.content()))


def _digest(leaves: Iterable[tuple[str, Any]]) -> str:
    kept = [pair for pair in leaves if not FREE.fullmatch(pair[0])]
    return hashlib.sha256(json.dumps(sorted(kept, key=itemgetter(0)), sort_keys=True).encode()).hexdigest()[:16]


def _check_unedited(folder: RunFolder, recipe: Recipe) -> None:
    """:raises RunError: if recipe.yaml is none that the run was started or resumed with, so that an edit in the file
    passes by `--force`. A damaged environment.json, which would say so, does not end a run.
    """
    try:
        facts = folder.read_environment()
    except RunError:
        return
    written = {facts.recipe_fixed, *(str(again.get("recipe_fixed", "")) for again in facts.resumed)}
    if fixed_digest(recipe) not in written and "" not in written:
        raise RunError(
            f"{folder.recipe} was changed since the run wrote it. Restore it; --force and --set KEY=VALUE say what a "
            "resumed run is to do differently"
        )


def check_data(folder: RunFolder, fingerprints: Mapping[str, str]) -> None:
    """:raises RunError: naming the sources whose content has changed since the run began."""
    before = folder.read_split().fingerprints
    refused = [
        f"source '{name}': its content was {before.get(name)}, is {now}"
        for name, now in fingerprints.items()
        if before.get(name) != now
    ]
    if refused:
        listed = "\n  ".join(refused)
        raise RunError(
            f"the data changed since {folder.path} was started:\n  {listed}\nRestore it, or start a new run with "
            "another --out"
        )
