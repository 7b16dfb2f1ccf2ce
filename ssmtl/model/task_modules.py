"""Modules by task."""

from collections.abc import ItemsView, KeysView

from torch import nn

from ssmtl.contracts.task_names import key_in


class TaskModules(nn.ModuleDict):
    """A module for some of the tasks, by the task's name, whatever that is."""

    def __getitem__(self, task: str) -> nn.Module:
        return super().__getitem__(key_in(self, task))

    def __setitem__(self, task: str, module: nn.Module) -> None:
        super().__setitem__(key_in(self, task), module)

    def __contains__(self, task: str) -> bool:
        return super().__contains__(key_in(self, task))

    def keys(self) -> KeysView[str]:
        """The tasks that have one."""
        return dict(self.items()).keys()

    def items(self) -> ItemsView[str, nn.Module]:
        """Task and module."""
        return {key.removeprefix("task:"): module for key, module in super().items()}.items()
