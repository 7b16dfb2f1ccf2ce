"""Plugins that a Python program or a notebook gives, besides those that are installed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ssmtl.errors import PluginError
from ssmtl.registry.given import plugin_of
from ssmtl.registry.plugins import Plugins, load_plugins

GivenPlugin = Path | str | type | Any
"""The path of a plugin file; the class of a component, whose name in recipes is its own in snake case; or a module or
object that implements hooks."""


def files_among(plugins: Sequence[GivenPlugin]) -> list[Path]:
    """The plugin files."""
    return [Path(one) for one in _checked(plugins) if isinstance(one, str | Path)]


def objects_among(plugins: Sequence[GivenPlugin]) -> list[Any]:
    """What is no file."""
    return [one for one in _checked(plugins) if not isinstance(one, str | Path)]


def names_among(plugins: Sequence[GivenPlugin]) -> list[str]:
    """The names of what is no file.

    :raises PluginError: for something that cannot be a plugin.
    """
    return [plugin_of(one)[0] for one in objects_among(plugins)]


def _checked(plugins: Sequence[GivenPlugin]) -> Sequence[GivenPlugin]:
    """:raises PluginError: if it is no list, such as one file alone."""
    if isinstance(plugins, list | tuple):
        return plugins
    raise PluginError(f"plugins: {plugins!r}; expected a list of files, classes or modules")


def plugins_with(plugins: Sequence[GivenPlugin], files: Sequence[Path] | None = None) -> Plugins:
    """The installed plugins and these. :param files: instead of those among them.

    :raises PluginError: naming the one that cannot be used.
    """
    return load_plugins(files_among(plugins) if files is None else files, given=objects_among(plugins))
