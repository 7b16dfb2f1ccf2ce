"""What a step saw, put together again from its passes: losses, and the logits of all rows."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ssmtl.contracts.shapes import Logits
from ssmtl.contracts.view import View
from ssmtl.experiment.passes import StrategyBatch
from ssmtl.experiment.strategy_outputs import StrategyOutputs


class Seen:
    """:param parts: each strategy's batch, whole."""

    def __init__(self, parts: Sequence[StrategyBatch]) -> None:
        self.parts = {part.name: part for part in parts}
        self.losses: dict[str, Tensor] = {}
        self._logits: dict[str, dict[View, list[Logits]]] = {part.name: {} for part in parts}

    @property
    def rows(self) -> int:
        """How many rows were encoded with gradient."""
        tensors = {
            (part.task.name, id(rows)): len(rows) for part in self.parts.values() for rows in part.batch.images.values()
        }
        return sum(tensors.values())

    def add(self, name: str, loss: Tensor, outputs: StrategyOutputs) -> None:
        """:param name: of the strategy, 'task.strategy'. :param loss: of some of its rows, by their share."""
        before = self.losses.get(name)
        self.losses[name] = loss.detach() if before is None else before + loss.detach()
        for view, logits in (*outputs.items(), *outputs.kept.items()):
            self._logits[name].setdefault(view, []).append(logits.detach())

    def outputs(self, name: str) -> dict[View, Logits]:
        """The logits of all rows of one strategy, and what it kept of them, detached."""
        return {
            view: logits[0] if len(logits) == 1 else torch.cat(logits) for view, logits in self._logits[name].items()
        }

    @torch.no_grad()
    def diagnostics(self, truths: Mapping[str, Mapping[View, Tensor]]) -> dict[str, Tensor]:
        """What the strategies say for the log. :param truths: by task, the true classes of unlabelled rows."""
        numbers = {}
        for name, part in self.parts.items():
            own = part.term.strategy.diagnose(part.batch, self.outputs(name), truths[part.task.name])
            numbers.update({f"{name}.{key}": value for key, value in own.items()})
        return numbers
