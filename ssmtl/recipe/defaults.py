"""The resolved recipe: every option of every component has a value, the default where the recipe gives none."""

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from ssmtl.recipe.components import Component, as_component
from ssmtl.recipe.models import Recipe, TaskSpec
from ssmtl.recipe.other_tasks import filled, others_of
from ssmtl.registry.options import resolved_options
from ssmtl.registry.plugins import Plugins

Named = TypeVar("Named", bound=Component)


def resolved(recipe: Recipe, plugins: Plugins) -> Recipe:
    """The same recipe, whether it leaves an option out or gives its default; loads again to an equal one.

    A component that is unknown, or whose options are wrong, is left as it is: `check_names` reports it.

    :raises PluginError: for an option whose default no recipe could hold.
    """

    def full(kind: str, component: Named, others: Sequence[str] = ()) -> Named:
        return _resolved(kind, component, plugins, others)

    def augmented(given: Component | list[Component]) -> Component | list[Component]:
        if isinstance(given, Component):
            return full("augmentation", given)
        return [full("augmentation", one) for one in given]

    def of(name: str, task: TaskSpec) -> TaskSpec:
        others = others_of(f"tasks.{name}", recipe.tasks)
        return task.model_copy(
            update={
                "bridge": full("bridge", task.bridge, others) if task.bridge else None,
                "head": full("head", task.head),
                "augment": {name: augmented(given) for name, given in task.augment.items()},
                "strategies": [full("strategy", one, others) for one in task.strategies],
                "metrics": [_shortest(full("metric", as_component(one))) for one in task.metrics],
            }
        )

    return recipe.model_copy(
        update={
            "backbone": full("backbone", recipe.backbone),
            "balancer": full("balancer", recipe.balancer),
            "sources": {name: full("source", one) for name, one in recipe.sources.items()},
            "tasks": {name: of(name, task) for name, task in recipe.tasks.items()},
            "trackers": [_shortest(full("tracker", as_component(one))) for one in recipe.trackers],
        }
    )


def _resolved(kind: str, component: Named, plugins: Plugins, others: Sequence[str]) -> Named:
    entry = plugins[kind].get(component.use)
    if entry is None:
        return component
    given = filled(entry.make, component.use, component.options, others)
    try:
        options = resolved_options(entry.make, component.use, given)
    except ValidationError:
        return component
    own: dict[str, Any] = {name: getattr(component, name) for name in type(component).model_fields}
    return type(component).model_validate({**options, **own})


def _shortest(named: Component) -> str | Component:
    return named if named.options else named.use
