"""A loss or a gradient that is not finite: where it arose, and saving the batch that caused it."""

import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from ssmtl.atomic_file import write_text
from ssmtl.data.joined_rows import Pool
from ssmtl.errors import SsmtlError
from ssmtl.experiment.task import Task
from ssmtl.model.weights import write_tensors
from ssmtl.training.render import render
from ssmtl.training.train_state import TrainState


class NotFiniteError(SsmtlError):
    """:param what: the losses or gradients that are NaN or infinite, named."""

    def __init__(self, what: tuple[str, ...]) -> None:
        super().__init__(", ".join(what))
        self.what = what


def check_finite(state: TrainState, total: Tensor, losses: Mapping[str, Tensor]) -> None:
    """Check the total loss and the gradients, by now equal in all processes, with one read from the device.

    Under 16-bit precision the loss scaler handles gradients.

    :param total: the mean over the processes. :param losses: of the strategies, by 'task.strategy'.
    :raises NotFiniteError: in every process, if anything is NaN or infinite: naming losses, or the first parameters
        whose gradient is.
    """
    scaled = state.experiment.recipe.train.precision == "16-mixed"
    gradients = {} if scaled else {name: one.grad for name, one in state.named_parameters() if one.grad is not None}
    norms = torch._foreach_norm(list(gradients.values())) if gradients else ()
    if torch.isfinite(torch.stack([total.float(), *(norm.float() for norm in norms)]).sum()):
        return
    what = tuple(f"{name} = {loss.item()}" for name, loss in losses.items() if not torch.isfinite(loss))
    if not what and not torch.isfinite(total):
        what = ("a loss in another process" if state.shard.world > 1 else f"the balancer's total = {total.item()}",)
    broken = (name for name, norm in zip(gradients, norms, strict=True) if not torch.isfinite(norm))
    what = what or tuple(f"the gradient of {name}" for name in islice(broken, 3))
    if what:
        raise NotFiniteError(what)


def ids_of(state: TrainState, task: Task, step: int) -> dict[str, list[str]]:
    """By pool, the images of step `step` (from 0) in this process."""
    seed = state.experiment.recipe.seed
    ids: dict[str, list[str]] = {}
    for pool in sorted({view.pool for view in task.views}):
        rows: Pool = getattr(state.data[task.name], pool)
        chosen = state.shard.of(rows.at(step, task.rows(pool), seed, task.name, pool))
        ids[pool] = [rows.ids[place] for place in chosen]
    return ids


def save_batch(folder: Path, state: TrainState, step: int, what: tuple[str, ...]) -> Path:
    """Write what every task saw in step `step` (from 0) to `step-….json` and its tensors; returns the JSON's path.

    The batch is rendered again: it is a pure function of the seed and the step.
    """
    experiment, shard = state.experiment, state.shard
    tensors: dict[str, Tensor] = {}
    for task in experiment.tasks:
        data, seed = state.data[task.name], experiment.recipe.seed
        batch, _ = render(task, data, seed, step, torch.device("cpu"), shard)
        tensors |= {f"{task.name}/{view}/images": images for view, images in batch.images.items()}
        tensors |= {f"{task.name}/{view}/targets": targets for view, targets in batch.targets.items()}
    folder.mkdir(parents=True, exist_ok=True)
    name = f"step-{step + 1:08d}" + (f"-process-{shard.rank}" if shard.world > 1 else "")
    write_tensors(folder / f"{name}.safetensors", tensors, {"step": str(step + 1)})
    ids = {task.name: ids_of(state, task, step) for task in experiment.tasks}
    path = folder / f"{name}.json"
    write_text(path, json.dumps({"step": step + 1, "broken": what, "ids": ids}, indent=1))
    return path
