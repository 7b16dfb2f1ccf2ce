"""A process that takes a training step whenever it is told to: python -m ssmtl.cost.stepper JSON."""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ssmtl.contracts.folders import Folders
from ssmtl.cost.bare_step import bare_step
from ssmtl.cost.reference_step import reference_step, with_plain_layers
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.prepare import prepare
from ssmtl.recipe.load import read
from ssmtl.registry.plugins import load_plugins
from ssmtl.runs.allocator import keep_pages
from ssmtl.runs.repeatable import make_repeatable
from ssmtl.training.engine import training_step
from ssmtl.training.train_state import TrainState, make_train_state

Step = Literal["engine", "bare", "reference"]
Device = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Stepper:
    """One way of training.

    :param keep: whether freed memory is kept for reuse.
    """

    recipe: str
    overrides: tuple[str, ...]
    step: Step
    keep: bool
    threads: int
    device: Device

    def argument(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class StepTaken:
    """Seconds by the clock, seconds of the processor, and pages that were fetched, during one step."""

    seconds: float
    cpu: float
    faults: int


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the floating-point operations of convolutions and products; the rest of a network is small beside them."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        count = flop_registry.get(operation.overloadpacket)
        if count is not None:
            self.total += count(*args, **(kwargs or {}), out_val=result)
        return result


def main() -> None:
    """Says that it is ready; then takes a step for each line `step`, and counts operations for `flops`."""
    asked = Stepper(**json.loads(sys.argv[1]))
    if asked.keep:
        keep_pages()
    torch.set_num_threads(asked.threads)
    if asked.device == "cuda":
        make_repeatable()
    state = _state_of(asked)
    before = _megabytes(asked.device)
    ways: dict[Step, Callable[[TrainState, int], object]]
    ways = {"engine": training_step, "bare": bare_step(state), "reference": reference_step}
    take = ways[asked.step]
    _answer({"ready": True})
    for taken, line in enumerate(sys.stdin):
        if line.strip() == "flops":
            with _Operations() as counted:
                take(state, taken)
            _answer({"flops": counted.total})
        elif line.strip() == "memory":
            _answer({"before": before, "peak": _megabytes(asked.device)})
        else:
            began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
            take(state, taken)
            finished(asked.device)
            after = resource.getrusage(resource.RUSAGE_SELF)
            cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
            _answer(asdict(StepTaken(time.perf_counter() - began, cpu, after.ru_minflt - used.ru_minflt)))


def _state_of(asked: Stepper) -> TrainState:
    plugins = load_plugins()
    text = read(asked.recipe, plugins["recipe"], overrides=list(asked.overrides))
    experiment = assemble(text.validated(), plugins)
    data = prepare(experiment, plugins, Folders())
    if asked.step == "reference":
        with_plain_layers(experiment.model)
    return make_train_state(Fabric(accelerator=asked.device, devices=1), experiment, data.tasks)


def finished(device: Device) -> None:
    """Wait until the device has done all that it was asked."""
    if device == "cuda":
        torch.cuda.synchronize()


def _megabytes(device: Device) -> float:
    """Memory at its highest so far: the process's on a CPU, what tensors take on a GPU."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _answer(content: object) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
