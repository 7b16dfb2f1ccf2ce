"""Which code a result came from, as a hash of what can change a number."""

import hashlib
import inspect
from functools import cache
from pathlib import Path
from typing import Any

import torch

from ssmtl.recipe.models import Recipe
from ssmtl.registry.given import code_of
from ssmtl.registry.plugins import Plugins

CHANGES_NUMBERS = ("contracts", "model", "data", "experiment", "training", "evaluation")
"""Packages of the core that a weight or a metric depends on, whatever the recipe."""


def code_version(plugins: Plugins, recipe: Recipe) -> str:
    """A hash of `code_files`, of the code that a program gave itself, and of PyTorch's version."""
    given = sorted(code_of(plugins.manager.get_plugin(name)) for name in _plugins_of(plugins, recipe, given=True))
    return _digest(tuple(sorted(code_files(plugins, recipe))), tuple(given))


def code_files(plugins: Plugins, recipe: Recipe) -> set[Path]:
    """The files of those packages, and of the plugins that the recipe's components come from.

    The built-in components count as a plugin. Rewording a message elsewhere changes no hash, and neither does a plugin
    that the recipe does not use.
    """
    core = Path(__file__).parent.parent
    files = {file for package in CHANGES_NUMBERS for file in (core / package).rglob("*.py")}
    for name in _plugins_of(plugins, recipe, given=False):
        plugin: Any = plugins.manager.get_plugin(name)
        module = Path(inspect.getfile(plugin))
        files |= set(module.parent.rglob("*.py")) if module.name == "__init__.py" else {module}
    return files


def _plugins_of(plugins: Plugins, recipe: Recipe, *, given: bool) -> set[str]:
    """Those that the recipe's components come from. :param given: those that a program gave itself, or the others."""
    names = {plugins[kind][component.use].origin.plugin for _, kind, component in recipe.components()}
    return {name for name in names if (name in plugins.given) == given}


@cache
def _digest(files: tuple[Path, ...], given: tuple[str, ...] = ()) -> str:
    digest = hashlib.sha256(torch.__version__.encode())
    for content in sorted(path.read_bytes() for path in files):
        digest.update(hashlib.sha256(content).digest())
    for text in given:
        digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()[:16]
