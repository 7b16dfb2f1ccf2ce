"""Whether a plugin implements hooks, and only hooks that exist."""

from collections.abc import Mapping
from typing import Any

import pluggy

from ssmtl import hookspecs
from ssmtl.errors import PluginError, nearest
from ssmtl.registry.registry import Origin

HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("ssmtl_"))
"""The names of all hooks."""


def check_hooks(manager: pluggy.PluginManager, origins: Mapping[str, Origin]) -> None:
    """:raises PluginError: naming a plugin with a hook that does not exist, or with none at all."""
    for hook, caller in vars(manager.hook).items():
        for implementation in () if hook in HOOKS or hook.startswith("_") else caller.get_hookimpls():
            origin = origins[implementation.plugin_name]
            raise PluginError(f"the plugin {origin}: no hook is called '{hook}' ({nearest(hook, HOOKS)})")
    for name, plugin in manager.list_name_plugin():
        if plugin is not None and not manager.get_hookcallers(plugin):
            raise PluginError(f"the plugin {origins[name]} implements no hook ({_unmarked(plugin)})")


def _unmarked(plugin: Any) -> str:
    """A hint: a function named like a hook, without the decorator that makes it one."""
    named = sorted(name for name in vars(plugin) if name.startswith("ssmtl_") and callable(vars(plugin)[name]))
    if not named:
        return f"known: {', '.join(HOOKS)}; see docs/plugins.md"
    misspelt = "" if named[0] in HOOKS else f"; no hook is called so: {nearest(named[0], HOOKS)}"
    return f"put @hookimpl above '{named[0]}'{misspelt}"
