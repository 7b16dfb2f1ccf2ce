"""Mean Teacher: the network agrees with the moving average of itself."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from jaxtyping import Float
from pydantic import Field, NonNegativeFloat
from torch import Tensor

from ssmtl import Batch, Kind, Logits, Output, Strategy, TaskPredictor, View
from ssmtl_classification.noise import gaussian


class MeanTeacher(Strategy):
    """The mean squared difference between the predictions of the network and of its moving average.

    Tarvainen and Valpola, "Mean teachers are better role models: Weight-averaged consistency targets improve
    semi-supervised deep learning results", NeurIPS 2017, equations (1) and (2). The teacher sees another augmentation
    of an unlabelled image, with dropout and noise, and gets no gradient. Its coefficient is the weight in the recipe; a
    ramp is linear there, sigmoid-shaped in the paper. The authors' code has 1 for SVHN and 100 · M/N for CIFAR-10, with
    M of N images labelled (10 with 100 of 1000); later comparisons have 50. As a mean over the classes, the same
    difference weighs five times as much with two classes as with ten. Labelled images take part if the unlabelled pool
    includes them, as by default. If the task has masks, the teacher sees the same view as the network, but for the
    noise, so that the pixels correspond. For numbers there is `number_consistency`.

    :param decay: α of the average; 0.999 in the paper (0.99 at its beginning; here the average warms up). None: the
        recipe's `train.ema`.
    :param noise: standard deviation of the Gaussian noise on the teacher's images, which are in [0, 1]. The paper's
        0.15 is of normalised images, and the network's get it as well. :param augment: of the unlabelled images.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"multiclass", "multilabel", "masks"})
    takes_exclusive: ClassVar[bool] = True

    def __init__(
        self,
        output: Output,
        /,
        *,
        decay: Annotated[float, Field(ge=0, lt=1)] | None = 0.999,
        noise: NonNegativeFloat = 0.1,
        augment: str = "weak",
    ) -> None:
        super().__init__()
        self.output, self.teacher_decay, self.noise = output, decay, noise
        self.student = View("unlabeled", augment)
        self.teacher = self.student if output.kind == "masks" else View("unlabeled", augment, 1)
        self.views = frozenset({self.student, self.teacher})

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        images = batch.images[self.teacher]
        noise = gaussian(batch.streams[self.teacher], "mean teacher noise", images)
        logits = predict((images + self.noise * noise).clamp(0, 1), weights="ema", training=True)
        return batch.keep({self.student}, {self.student: self.output.probabilities(logits)})

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        difference = self.output.probabilities(outputs[self.student]) - batch.targets[self.student]
        return difference.square().mean()
