"""What strategies and bridges say about themselves in sets: of kinds of output, of tasks, of names, of views."""

from typing import Any, get_args

from ssmtl.contracts.head import Kind
from ssmtl.errors import nearest

SETS = ("reads", "learns_from", "accepts", "guide_kinds", "replaces", "views", "same_pixels")

OF_KINDS = ("accepts", "guide_kinds")


def wrong_sets(made: Any) -> list[str]:
    """What is not a frozenset, or names a kind of output that there is not. :param made: a component, or its class."""
    said: dict[str, Any] = {name: getattr(made, name, frozenset()) for name in SETS}
    sets = {name: one for name, one in said.items() if not isinstance(one, property)}
    wrong = [
        f"{name} is {one!r:.80}, expected a frozenset" for name, one in sets.items() if not isinstance(one, frozenset)
    ]
    if wrong:
        return wrong
    unknown = [(name, kind) for name in OF_KINDS for kind in sets.get(name, ()) if kind not in get_args(Kind)]
    return [
        f"{name} has {kind!r:.80}, no kind of output ({nearest(str(kind), get_args(Kind))})" for name, kind in unknown
    ]
