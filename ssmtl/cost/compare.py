"""Steppers in turns: their times step by step, their memory, their operations."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from json import loads
from typing import IO, Any

import torch

from ssmtl.cost.stepper import Device, Stepper, StepTaken, finished
from ssmtl.errors import RunError

WARM_UP = 1
"""Rounds that are not counted."""


@dataclass(frozen=True)
class Cost:
    """Of one way of training. :param before, peak: megabytes of memory before the first step, and at their highest."""

    steps: tuple[StepTaken, ...]
    before: float
    peak: float
    flops: int


def costs(steppers: Mapping[str, Stepper], rounds: int) -> dict[str, Cost]:
    """Each takes a step in every round, in turn, in a process of its own: so each has its own memory and allocator.

    :raises RunError: if one of them ends with an error.
    """
    with ExitStack() as stack:
        processes = {name: stack.enter_context(_started(name, stepper)) for name, stepper in steppers.items()}
        for process in processes.values():
            process.answer()
        taken: dict[str, list[StepTaken]] = {name: [] for name in processes}
        for number in range(WARM_UP + rounds):
            for name, process in processes.items():
                step = StepTaken(**process.ask("step"))
                if number >= WARM_UP:
                    taken[name].append(step)
        memory = {name: process.ask("memory") for name, process in processes.items()}
        flops = {name: process.ask("flops")["flops"] for name, process in processes.items()}
    return {name: Cost(tuple(taken[name]), **memory[name], flops=flops[name]) for name in processes}


@dataclass(frozen=True)
class _Child:
    name: str
    process: subprocess.Popen[str]

    def ask(self, what: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        output: IO[str] | None = self.process.stdout
        assert output is not None
        line = output.readline()
        if not line:
            raise RunError(f"the process of '{self.name}' ended with code {self.process.wait()}; its error is above")
        found: dict[str, Any] = loads(line)
        return found


@contextmanager
def _started(name: str, stepper: Stepper) -> Iterator[_Child]:
    command = [sys.executable, "-m", "ssmtl.cost.stepper", stepper.argument()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        child = _Child(name, process)
        try:
            yield child
        finally:
            process.kill()


def matmul_rate(threads: int, device: Device, repeats: int = 5) -> float:
    """Floating-point operations per second of a product of square matrices, the best of some.

    On a GPU in TensorFloat-32, as PyTorch's convolutions by default.
    """
    torch.set_num_threads(threads)
    size = 2048 if device == "cpu" else 8192
    one, seconds = torch.randn(size, size, device=device), []
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    for _ in range(repeats + 1):
        finished(device)
        began = time.perf_counter()
        one @ one
        finished(device)
        seconds.append(time.perf_counter() - began)
    torch.backends.cuda.matmul.allow_tf32 = before
    return 2 * size**3 / min(seconds)
