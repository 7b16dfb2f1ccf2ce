"""The network of one run or several, from images to probabilities."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ssmtl.contracts.head import Output
from ssmtl.contracts.shapes import Images
from ssmtl.model.multi_task_model import MultiTaskModel


class Network(nn.Module):
    """Images in [0, 1] to the probabilities of every task; normalisation and temperature are inside.

    Of several runs, the mean of their probabilities (Lakshminarayanan, Pritzel and Blundell, "Simple and scalable
    predictive uncertainty estimation using deep ensembles", 2017).
    """

    def __init__(
        self,
        members: Sequence[MultiTaskModel],
        outputs: Mapping[str, Output],
        temperatures: Sequence[Mapping[str, float]] = (),
    ) -> None:
        """:param temperatures: of each run, what divides the logits of a task, where one was fitted."""
        super().__init__()
        self.temperatures = [dict(one) for one in temperatures] or [{} for _ in members]
        self.members = nn.ModuleList(members)
        self.outputs = dict(outputs)
        self.alike = [_alike(member, list(outputs)) for member in members]
        self.draws = False
        """Whether a pass draws random numbers even in evaluation mode, known after `find_draws`."""

    def forward(self, images: Images) -> dict[str, Tensor]:
        """By task, (rows, classes) or (rows, structures, height, width), float32.

        :param images: (rows, channels, height, width), of the recipe's size.
        """
        every = [self.of_member(number, images) for number in range(len(self.members))]
        return {task: torch.stack([one[task] for one in every]).mean(0) for task in self.outputs}

    def of_member(self, number: int, images: Images) -> dict[str, Tensor]:
        """As `forward`, of one of the runs alone. Tasks that see the same numbers share a pass through the backbone."""
        model = self.member(number)
        result = {}
        for tasks in self.alike[number]:
            encoded = model.encode_for(tasks[0], images)
            for task in tasks:
                logits = model.decode(task, images, encoded).logits.float()
                if task in self.temperatures[number]:
                    logits = logits / self.temperatures[number][task]
                result[task] = self.outputs[task].probabilities(logits)
        return {task: result[task] for task in self.outputs}

    def find_draws(self, images: Images) -> None:
        """Set `draws` by a pass of these images."""
        watch = _DrawsWatch()
        with torch.no_grad(), watch:
            self(images)
        self.draws = watch.seen

    def member(self, number: int) -> MultiTaskModel:
        """The network of one run."""
        model = self.members[number]
        assert isinstance(model, MultiTaskModel)
        return model


class _DrawsWatch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation that draws random numbers."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen |= torch.Tag.nondeterministic_seeded in func.tags
        return func(*args, **(kwargs or {}))


def _alike(model: MultiTaskModel, tasks: Sequence[str]) -> list[list[str]]:
    """The tasks, those whose backbone sees the same numbers together: one normalisation of images and of features."""
    groups: dict[Any, list[str]] = {}
    for task in tasks:
        used = tuple(tuple(model.get_buffer(f"{name}_{task}").flatten().tolist()) for name in ("mean", "std"))
        groups.setdefault((used, model.domain_of(task), model.looks(task) and task), []).append(task)
    return list(groups.values())
