"""Facts about methods: what their classes say of themselves, and what was measured of their training steps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ssmtl.contracts.backbone import Pyramid
from ssmtl.contracts.balancer import GradientBalancer
from ssmtl.contracts.bridge import Bridge
from ssmtl.contracts.declared import wrong_sets
from ssmtl.cost.measured_methods import KINDS, MeasuredMethod, read_measured
from ssmtl.errors import PluginError
from ssmtl.recipe.other_tasks import filled
from ssmtl.registry.blame import FAILURES
from ssmtl.registry.docstring import paper_of
from ssmtl.registry.options import build
from ssmtl.registry.plugins import Plugins
from ssmtl.registry.registry import Entry

WORDS = {"multiclass": "classes", "multilabel": "labels", "masks": "masks", "numbers": "numbers", "none": "no labels"}
"""Kinds of output, as tables name them."""

UNKNOWN = "?"
"""In the place of what was not measured, as of other people's plugins."""

TRIED = Pyramid(channels=(2,) * 6, strides=(1, 2, 4, 8, 16, 32))
"""Of a bridge that is made to ask what it reads."""


@dataclass(frozen=True)
class MethodFacts:
    """One line of the table of methods; all in words.

    :param learns_from: what kind of task; of a balancer, losses or gradients; of a bridge, which other task it asks.
    :param over: the supervised recipe that `methods/NAME` extends, beside which it was measured.
    :param passes: through the network in a step, beside those of the supervised recipe, in batches.
    :param state: bytes, beside those of the supervised recipe. :param cost: of a step, times a supervised one.
    :param interval: of the cost. :param paper: empty if the docstring names none.
    """

    kind: str
    name: str
    learns_from: str
    over: str
    passes: str
    state: str
    cost: str
    interval: str
    paper: str


def method_facts(plugins: Plugins, kinds: Sequence[str] = KINDS) -> Iterator[MethodFacts]:
    """Of every registered strategy, balancer and bridge, by kind and name.

    :param kinds: of those only. :raises PluginError: for one whose class says what it may not.
    """
    measured = {(one.kind, one.name): one for one in read_measured()}
    for kind in kinds:
        for entry in plugins[kind].values():
            yield _facts(kind, entry, measured)


def _facts(kind: str, entry: Entry, measured: Mapping[tuple[str, str], MeasuredMethod]) -> MethodFacts:
    if wrong := wrong_sets(entry.make):
        raise PluginError(f"the {kind} '{entry.name}' of plugin {entry.origin}: {'; '.join(wrong)}")
    own = measured.get((kind, entry.name)) if entry.origin.distribution == "ssmtl" else None
    learns_from = {"strategy": _of_strategy, "balancer": _of_balancer, "bridge": _of_bridge}[kind]
    return MethodFacts(
        kind=kind,
        name=entry.name,
        learns_from=learns_from(entry),
        over=own.base if own else UNKNOWN,
        passes=_passes(own) if own else UNKNOWN,
        state=_state(own) if own else UNKNOWN,
        cost=(f"{own.ratio:.2f}×" if own.pairs else "1×") if own else UNKNOWN,
        interval=f"{own.low:.2f}–{own.high:.2f}" if own and own.pairs else "",
        paper=paper_of(entry.make.__doc__),
    )


def _of_strategy(entry: Entry) -> str:
    accepts = [WORDS[kind] for kind in WORDS if kind in getattr(entry.make, "accepts", ())]
    exclusive = ["exclusive masks"] if getattr(entry.make, "takes_exclusive", False) and "masks" in accepts else []
    replaces = sorted(getattr(entry.make, "replaces", ()))
    return ", ".join([*accepts, *exclusive]) + (f"; replaces {', '.join(replaces)}" if replaces else "")


def _of_balancer(entry: Entry) -> str:
    made: Any = entry.make
    return "gradients" if isinstance(made, type) and issubclass(made, GradientBalancer) else "losses"


def _of_bridge(entry: Entry) -> str:
    try:
        bridge: Bridge = build(entry.make, entry.name, filled(entry.make, entry.name, {}, ["another"]), TRIED)
    except FAILURES:  # its options may have to be given
        return UNKNOWN
    if bridge.reads:
        return f"a task of {', '.join(WORDS[kind] for kind in WORDS if kind in bridge.guide_kinds)}"
    return "another task's features" if bridge.learns_from else "its own task"


def _passes(own: MeasuredMethod) -> str:
    """Such as '+1 trained, +1 plain'."""
    encoded = own.rows_trained + own.rows_in_images + own.rows_plain
    rows = {
        "trained": own.rows_trained,
        "in the images": own.rows_in_images,
        "plain": own.rows_plain,
        "head": own.rows_head - encoded,
        "backward": own.rows_backward - own.rows_trained - own.rows_in_images,
    }
    return ", ".join(f"{count / own.batch:+g} {what}" for what, count in rows.items() if count) or "–"


def _state(own: MeasuredMethod) -> str:
    """Such as '320 B kept, 12 kB trained, an average'."""
    sizes = {"kept": own.bytes_buffers, "trained": own.bytes_parameters}
    parts = [f"{_size(size)} {what}" for what, size in sizes.items() if size]
    return ", ".join([*parts, *(["an average"] if own.bytes_averages else [])]) or "–"


def _size(size: int) -> str:
    if abs(size) < 1000:
        return f"{size} B".replace("-", "−")
    return f"{size / 1e3:.2g} kB" if abs(size) < 99.5e3 else f"{size / 1e6:.2g} MB"
