"""Every extension point, on one screen.

Providers return mappings and have no side effects; observers receive frozen records and return nothing.
No hook can change the mathematics: the recipe and the versions explain a run.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import typer

    from ssmtl.contracts.augmentation import Augmentation
    from ssmtl.contracts.backbone import Backbone
    from ssmtl.contracts.balancer import Balancer
    from ssmtl.contracts.bridge import Bridge
    from ssmtl.contracts.head import Head
    from ssmtl.contracts.metric import Metric
    from ssmtl.contracts.source import Source
    from ssmtl.contracts.strategy import Strategy
    from ssmtl.events import CheckpointSaved, Evaluated, RunEnded, RunStarted, StepEnded
    from ssmtl.tracker import Tracker

hookspec = pluggy.HookspecMarker("ssmtl")
hookimpl = pluggy.HookimplMarker("ssmtl")


# fmt: off
@hookspec
def ssmtl_backbones() -> Mapping[str, type["Backbone"]]: ...
@hookspec
def ssmtl_heads() -> Mapping[str, type["Head"]]: ...
@hookspec
def ssmtl_bridges() -> Mapping[str, type["Bridge"]]: ...
@hookspec
def ssmtl_strategies() -> Mapping[str, type["Strategy"]]: ...
@hookspec
def ssmtl_balancers() -> Mapping[str, type["Balancer"]]: ...
@hookspec
def ssmtl_augmentations() -> Mapping[str, Callable[..., "Augmentation"]]: ...
@hookspec
def ssmtl_sources() -> Mapping[str, Callable[..., "Source"]]: ...
@hookspec
def ssmtl_metrics() -> Mapping[str, Callable[..., "Metric"]]: ...
@hookspec
def ssmtl_trackers() -> Mapping[str, type["Tracker"]]: ...
@hookspec
def ssmtl_recipes() -> Mapping[str, Path]: ...
@hookspec
def ssmtl_commands(app: "typer.Typer") -> None: ...

@hookspec
def ssmtl_run_started(run: "RunStarted") -> None: ...
@hookspec
def ssmtl_step_ended(step: "StepEnded") -> None: ...
@hookspec
def ssmtl_evaluated(result: "Evaluated") -> None: ...
@hookspec
def ssmtl_checkpoint_saved(saved: "CheckpointSaved") -> None: ...
@hookspec
def ssmtl_run_ended(run: "RunEnded") -> None: ...
# fmt: on
