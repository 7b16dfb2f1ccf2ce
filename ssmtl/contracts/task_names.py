"""Tasks, their strategies and sources may have any name, also one that torch's containers refuse."""

from torch import nn


def key_in(container: nn.ModuleDict | nn.ParameterDict, task: str) -> str:
    """The key of a task's or source's part in a container: its name, unless the container has such an attribute.

    torch refuses `keys`, `values`, `type` or `training` as keys, and dots, as in 'task.strategy', which becomes
    'task:strategy'. A task's name never has a colon.
    """
    return f"task:{task}" if hasattr(type(container)(), task) else task.replace(".", ":")
