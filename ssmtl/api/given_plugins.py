"""Plugins that a Python program or a notebook gives, besides those that are installed."""

from collections.abc import Sequence
from pathlib import Path

from ssmtl.registry.plugins import Plugins, load_plugins

GivenPlugin = Path | str
"""The path of a plugin file."""


def files_among(plugins: Sequence[GivenPlugin]) -> list[Path]:
    """The plugin files."""
    return [Path(one) for one in plugins if isinstance(one, str | Path)]


def plugins_with(plugins: Sequence[GivenPlugin]) -> Plugins:
    """The installed plugins and these.

    :raises PluginError: naming the one that cannot be used.
    """
    return load_plugins(files_among(plugins))
