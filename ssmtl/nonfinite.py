"""A loss or a gradient that is not finite: whose it is, and the batch that made it, saved."""

import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn

from ssmtl.data.dataset import Rows, TaskData
from ssmtl.data.sampler import rows_at
from ssmtl.render import Shard, render
from ssmtl.task import Task
from ssmtl.weights import write_tensors
from ssmtl.whole_file import write_text


def broken_losses(total: Tensor, losses: Mapping[str, Tensor]) -> tuple[str, ...]:
    """The strategies whose loss is NaN or infinite; the balancer, if only the total is. Empty: all is well."""
    if torch.isfinite(total):
        return ()
    found = tuple(f"{name} = {loss.item()}" for name, loss in losses.items() if not torch.isfinite(loss))
    return found or (f"the balancer's total = {total.item()}",)


def broken_gradients(*modules: nn.Module) -> tuple[str, ...]:
    """The first parameters whose gradient is not finite. Empty: all is well."""
    parameters = [(name, found) for module in modules for name, found in module.named_parameters()]
    gradients = {name: found.grad for name, found in parameters if found.grad is not None}
    norms = torch._foreach_norm(list(gradients.values())) if gradients else ()
    if not norms or torch.isfinite(torch.stack([norm.float() for norm in norms]).sum()):
        return ()
    broken = (name for name, norm in zip(gradients, norms, strict=True) if not torch.isfinite(norm))
    return tuple(f"the gradient of {name}" for name in islice(broken, 3))


def ids_of(task: Task, data: TaskData, seed: int, step: int, shard: Shard) -> dict[str, list[str]]:
    """By pool, the images of step `step` (from 0) in this process."""
    found: dict[str, list[str]] = {}
    for pool in sorted({view.pool for view in task.views}):
        rows: Rows = getattr(data, pool)
        chosen = shard.of(rows_at(step, task.rows(pool), len(rows), seed, task.name, pool))
        found[pool] = [rows.ids[place] for place in chosen]
    return found


def save_batch(
    folder: Path,
    tasks: tuple[Task, ...],
    data: Mapping[str, TaskData],
    seed: int,
    step: int,
    shard: Shard,
    broken: tuple[str, ...],
) -> Path:
    """Write `nonfinite/step-….json` and its tensors: what every task saw in step `step` (from 0). The JSON's path.

    The batch is made again, since it is a pure function of the seed and the step.
    """
    tensors: dict[str, Tensor] = {}
    ids = {}
    for task in tasks:
        batch, _ = render(task, data[task.name], seed, step, torch.device("cpu"), shard)
        ids[task.name] = ids_of(task, data[task.name], seed, step, shard)
        tensors |= {f"{task.name}/{view}/images": found for view, found in batch.images.items()}
        tensors |= {f"{task.name}/{view}/targets": found for view, found in batch.targets.items()}
    folder = folder / "nonfinite"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"step-{step + 1:08d}" + (f"-process-{shard.rank}" if shard.world > 1 else "")
    write_tensors(folder / f"{name}.safetensors", tensors, {"step": str(step + 1)})
    place = folder / f"{name}.json"
    write_text(place, json.dumps({"step": step + 1, "broken": broken, "ids": ids}, indent=1))
    return place
