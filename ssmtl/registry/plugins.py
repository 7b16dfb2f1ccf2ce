"""Builds a plugin manager and the registries that its plugins fill. There is no global manager."""

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from ssmtl import builtins, hookspecs
from ssmtl.errors import PluginError
from ssmtl.registry.blame import FAILURES, place
from ssmtl.registry.given import plugin_of
from ssmtl.registry.hooks import check_hooks
from ssmtl.registry.registry import Entry, Origin, Registry

KINDS = ("backbone", "head", "bridge", "strategy", "balancer", "augmentation", "source", "metric", "tracker", "recipe")
"""Singular names of the provider hooks."""


def plural(kind: str) -> str:
    """The plural, as in the name of the hook."""
    return {"strategy": "strategies"}.get(kind, kind + "s")


@dataclass(frozen=True)
class Plugins:
    """A manager with its registries.

    :param registries: by kind; see KINDS. A recipe's component is its path.
    :param given: names of the plugins that a program handed over; they exist in its process only.
    """

    manager: pluggy.PluginManager
    origins: dict[str, Origin] = field(default_factory=dict)
    registries: dict[str, Registry] = field(default_factory=dict)
    given: list[str] = field(default_factory=list)

    def __getitem__(self, kind: str) -> Registry:
        return self.registries[kind]


def load_plugins(local: Iterable[Path] = (), installed: bool = True, given: Iterable[Any] = ()) -> Plugins:
    """Every plugin, and what each provides.

    :param local: plugin files. :param given: classes of components, and modules or objects that implement hooks.
    :raises PluginError: naming the plugin that does not load, implements an unknown hook, or reuses a taken name.
    """
    plugins = find_plugins(local, installed, given)
    for kind in KINDS:
        plugins.registries[kind] = _collect(plugins, kind)
    return plugins


def find_plugins(local: Iterable[Path] = (), installed: bool = True, given: Iterable[Any] = ()) -> Plugins:
    """Built-ins first, then installed entry points of the group `ssmtl`, then local files, then what the program gives;
    collects no components.
    """
    plugins = Plugins(pluggy.PluginManager("ssmtl"))
    plugins.manager.add_hookspecs(hookspecs)
    _register(plugins, builtins, "builtins", Origin("builtins", "ssmtl"))
    for entry in sorted(entry_points(group="ssmtl") if installed else (), key=lambda point: (point.name, point.value)):
        distribution = entry.dist.name if entry.dist else ""
        try:
            module = entry.load()
        except FAILURES as error:
            raise PluginError(
                f"the plugin '{entry.name}' ({distribution or entry.value}) does not load: {error!r} "
                f"({place(error, None, None)})"
            ) from error
        _register(plugins, module, entry.name, Origin(entry.name, distribution))
    for path in local:
        _register(plugins, _local(path), str(path), Origin(str(path)))
    for one in given:
        name, plugin = plugin_of(one)
        if plugins.manager.is_registered(plugin):  # a module that is installed as a plugin too
            continue
        _register(plugins, plugin, name, Origin(name))
        plugins.given.append(name)
    check_hooks(plugins.manager, plugins.origins)
    return plugins


def add_commands(app: Any) -> None:
    """Let every installed plugin add its commands.

    :raises PluginError: naming the plugin that fails.
    """
    plugins = find_plugins()
    for implementation in plugins.manager.hook.ssmtl_commands.get_hookimpls():
        _call(plugins, implementation, "ssmtl_commands", app=app)


def _call(plugins: Plugins, implementation: pluggy.HookImpl, hook: str, **arguments: Any) -> Any:
    """:raises PluginError: naming the plugin that fails."""
    try:
        return implementation.function(**arguments)
    except FAILURES as error:
        origin = plugins.origins[implementation.plugin_name]
        where = place(error, implementation.function, None)
        raise PluginError(f"the plugin {origin} failed in {hook}: {error!r} ({where})") from error


def _register(plugins: Plugins, module: Any, name: str, origin: Origin) -> None:
    if plugins.manager.has_plugin(name):
        taken = plugins.origins[name]
        raise PluginError(f"two plugins are called '{name}': {taken} and {origin}. Uninstall one of them")
    try:
        plugins.manager.register(module, name)
    except pluggy.PluginValidationError as error:
        raise PluginError(f"the plugin '{name}' does not fit the hooks: {error}") from error
    plugins.origins[name] = origin


def _local(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise PluginError(f"no plugin file at {path}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except FAILURES as error:
        raise PluginError(f"the plugin {path} does not load: {error!r} ({place(error, None, None)})") from error
    return module


def _collect(plugins: Plugins, kind: str) -> Registry:
    """pluggy does not say which plugin a result is from, so the implementations are called one by one."""
    registry = Registry(kind)
    hook: Any = getattr(plugins.manager.hook, f"ssmtl_{plural(kind)}")
    for implementation in hook.get_hookimpls():
        origin = plugins.origins[implementation.plugin_name]
        components = _call(plugins, implementation, f"ssmtl_{plural(kind)}")
        if not isinstance(components, Mapping):
            raise PluginError(
                f"the plugin {origin}: ssmtl_{plural(kind)} returned {components!r:.60}; expected a mapping of names"
            )
        for name, component in components.items():
            registry.add(Entry(name, component, origin))
    return registry
