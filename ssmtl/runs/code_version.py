"""Which code a result came from, as a hash of what can change a number."""

import hashlib
import inspect
from functools import cache
from pathlib import Path
from typing import Any

import torch

from ssmtl.recipe.models import Recipe
from ssmtl.registry.plugins import Plugins

CHANGES_NUMBERS = ("contracts", "model", "data", "experiment", "training", "evaluation")
"""Packages of the core that a weight or a metric depends on, whatever the recipe."""


def code_version(plugins: Plugins, recipe: Recipe) -> str:
    """A hash of `code_files` and of PyTorch's version."""
    return _digest(tuple(sorted(code_files(plugins, recipe))))


def code_files(plugins: Plugins, recipe: Recipe) -> set[Path]:
    """The files of those packages, and of the plugins that the recipe's components come from.

    The built-in components count as a plugin. Rewording a message elsewhere changes no hash, and neither does a plugin
    that the recipe does not use.
    """
    core = Path(__file__).parent.parent
    files = {file for package in CHANGES_NUMBERS for file in (core / package).rglob("*.py")}
    for _, kind, component in recipe.components():
        origin = plugins[kind][component.use].origin
        plugin: Any = plugins.manager.get_plugin(origin.plugin)
        module = Path(inspect.getfile(plugin))
        files |= set(module.parent.rglob("*.py")) if module.name == "__init__.py" else {module}
    return files


@cache
def _digest(files: tuple[Path, ...]) -> str:
    digest = hashlib.sha256(torch.__version__.encode())
    for content in sorted(path.read_bytes() for path in files):
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]
