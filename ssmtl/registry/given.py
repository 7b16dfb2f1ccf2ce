"""Components that a program hands over itself, such as a class from a notebook, as a plugin."""

import inspect
import re
from types import SimpleNamespace
from typing import Any

from ssmtl.errors import PluginError
from ssmtl.hookspecs import hookimpl

HOOKS = {
    "Backbone": "ssmtl_backbones",
    "Head": "ssmtl_heads",
    "Bridge": "ssmtl_bridges",
    "Strategy": "ssmtl_strategies",
    "Balancer": "ssmtl_balancers",
    "Tracker": "ssmtl_trackers",
}
"""By the public name of the class that its components derive from."""

PLACES = ("ssmtl.contracts.", "ssmtl.tracker")
"""Where these classes are."""


def plugin_of(given: Any) -> tuple[str, Any]:
    """A name, and what implements hooks: the object itself, or one that offers the class by its name in snake case.

    :raises PluginError: for a class of which the kind of component cannot be told, or what is no plugin at all.
    """
    if inspect.isclass(given):
        parents = {parent.__name__ for parent in given.__mro__ if parent.__module__.startswith(PLACES)}
        hook = next((hook for kind, hook in HOOKS.items() if kind in parents), None)
        if hook is None:
            raise PluginError(
                f"plugins: the class {given.__name__} is none of {', '.join(HOOKS)}; offer a metric, source or "
                "augmentation by a hook, in a module (docs/plugins.md)"
            )
        return given.__name__, SimpleNamespace(component=given, **{hook: _offering(given)})
    if not any(name.startswith("ssmtl_") for name in dir(given)):
        raise PluginError(f"plugins: {given!r:.80} implements no hook; expected a file, a class or a module with hooks")
    return str(getattr(given, "__name__", type(given).__name__)), given


def name_of(component: type) -> str:
    """What a recipe calls a class that was given: PictureBridge is `picture_bridge`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", component.__name__).lower()


def code_of(plugin: Any) -> str:
    """The source of what was given, or what there is of it: a class from a prompt may have none."""
    component = getattr(plugin, "component", plugin)
    try:
        return inspect.getsource(component)
    except (OSError, TypeError):
        members = sorted((name, value) for name, value in vars(component).items() if inspect.isfunction(value))
        return repr([(name, value.__code__.co_code.hex(), repr(value.__code__.co_names)) for name, value in members])


def _offering(component: type) -> Any:
    @hookimpl
    def offer() -> dict[str, type]:
        return {name_of(component): component}

    return offer
