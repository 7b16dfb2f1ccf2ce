"""Tasks and their strategies may have any name, also one that torch's containers refuse."""

from torch import nn


def key_in(container: nn.ModuleDict | nn.ParameterDict, task: str) -> str:
    """The key of a task's part in a container: the task's name, unless the container has an attribute of that name.

    torch refuses `keys`, `values`, `type` or `training` as keys, and dots, as in 'task.strategy', which becomes
    'task:strategy'. A task's name never has a colon.
    """
    return f"task:{task}" if hasattr(type(container)(), task) else task.replace(".", ":")
