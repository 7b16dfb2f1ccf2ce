"""The device, the precision and the processes of a run."""

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
from torch.multiprocessing.spawn import ProcessRaisedException

from ssmtl.errors import RunError
from ssmtl.importing import uncollected, without
from ssmtl.recipe.models import Recipe
from ssmtl.recipe.training import Train
from ssmtl.runs.allocator import keep_pages
from ssmtl.runs.launched import launched, processes

if TYPE_CHECKING:
    from lightning_fabric import Fabric


PORTS = 3
"""How many are tried."""

PORT_TAKEN = "EADDRINUSE"


def make_fabric(recipe: Recipe) -> "Fabric":
    """Where the process trains; from here on it keeps its memory.

    :raises RunError: if this machine lacks the device, or the device the precision.
    """
    keep_pages()
    with uncollected(), without("torchmetrics"):  # which is imported only to look at its version, in a second or two
        from lightning_fabric import Fabric
        from lightning_fabric.plugins.environments.lightning import LightningEnvironment
        from lightning_fabric.strategies.ddp import DDPStrategy

    train = recipe.train
    _check_processes(train)
    started = launched(train)
    several = DDPStrategy(start_method="popen" if started else "spawn", timeout=timedelta(seconds=train.timeout))
    strategy = several if started or train.devices > 1 else "auto"
    precision = "32-true" if train.precision == "32" else train.precision
    try:
        if precision == "16-mixed" and Fabric(accelerator=train.device, devices=1).device.type == "cpu":
            raise ValueError("a CPU does not support 16-mixed (Fabric would use bf16-mixed); set bf16-mixed or 32")
        fabric = Fabric(
            accelerator=train.device,
            devices=train.devices,
            num_nodes=train.nodes,
            strategy=strategy,
            precision=precision,
            plugins=None if started else [LightningEnvironment()],  # and not a Slurm job that happens to be around
        )
    except Exception as error:
        raise RunError(
            f"train: device {train.device}, devices {train.devices}, precision {train.precision}: {error}"
        ) from error
    if fabric.device.type == "cuda":
        from ssmtl.runs.repeatable import make_repeatable

        make_repeatable()
    return fabric


def launch(fabric: "Fabric", recipe: Recipe, work: Callable[..., None]) -> None:
    """Work in processes of this machine; once more if another program took the port that they were to meet at.

    :param work: gets the fabric.
    """
    for _ in range(PORTS - 1):
        try:
            fabric.launch(work)
        except ProcessRaisedException as error:
            if PORT_TAKEN not in str(error):
                raise
            fabric = make_fabric(recipe)  # finds another port
        else:
            return
    fabric.launch(work)


def leave(fabric: "Fabric") -> None:
    """At the end of a spawned process: its connections to the others are closed, and nothing is torn down in between.

    Without the first, a thread that still listens to a process that has gone ended this one with SIGABRT, in 2 of 10
    short runs. Every process but the first has nothing more to say, and ends at once.
    """
    torch.distributed.destroy_process_group()
    if not fabric.is_global_zero:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _check_processes(train: Train) -> None:
    """:raises RunError: if another number of processes was started than the recipe says."""
    wanted = train.devices * train.nodes
    if launched(train) and processes(train) != wanted:
        said = f"train.devices x train.nodes is {train.devices} x {train.nodes}"
        raise RunError(f"{processes(train)} processes were started, but {said}; set both as torchrun or srun was told")
    if train.nodes > 1 and not launched(train):
        raise RunError(
            f"train.nodes is {train.nodes}: on several machines, torchrun or srun starts the processes "
            "(docs/recipes.md, Several processes)"
        )
