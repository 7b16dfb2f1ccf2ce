"""Mean Teacher for numbers."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from ssmtl import Batch, Kind, Logits, Output, Strategy, TaskFacts, TaskPredictor, View


class NumberConsistency(Strategy):
    """What the network says of an unlabelled image is drawn to what its moving average says of another view of it.

    Tarvainen & Valpola, "Mean teachers are better role models", NeurIPS 2017, section 2: the mean squared difference of
    student and teacher, both with dropout. There they give probabilities; here numbers, each divided by its standard
    deviation over the labelled training images, so that units do not matter. Let its `weight` grow from 0, as theirs.

    :param decay: of the moving average; 0.999 in the paper, smaller in the first steps.
    :param weak, strong: names of the augmentations of the teacher's and of the student's view.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"numbers"})
    std: Tensor

    def __init__(
        self,
        output: Output,
        /,
        *,
        decay: Annotated[float, Field(gt=0, lt=1)] = 0.999,
        weak: str = "weak",
        strong: str = "strong",
    ) -> None:
        super().__init__()
        self.teacher_decay = decay
        self.weak, self.strong = View("unlabeled", weak), View("unlabeled", strong)
        self.views = frozenset({self.weak, self.strong})
        self.register_buffer("std", torch.ones(len(output.classes)))

    def begin(self, facts: TaskFacts) -> None:
        if facts.numbers is not None:
            self.std.copy_(facts.numbers[1])

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        return batch.keep({self.strong}, {self.strong: predict(batch.images[self.weak], weights="ema", training=True)})

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        return ((outputs[self.strong] - batch.targets[self.strong]) / self.std).square().mean()
