"""Cross-task consistency: what follows for another task from the predicted masks follows from the known ones too."""

from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from ssmtl import AnotherTask, Batch, Kind, Output, Outputs, Strategy, TaskFacts, View


class CrossTaskConsistency(Strategy):
    """|g(f(x)) − g(y)|, with f the task's masks, y the known ones, and g a network from masks to the partner's output.

    Zamir et al., "Robust Learning Through Cross-Task Consistency", CVPR 2020: the perceptual form of the triangle loss,
    whose other term, |f(x) − y|, is a loss of its own here, such as `soft_dice`. There, g is trained before, on images
    with the labels of both tasks, and kept; here no image needs both, so that g learns beside the tasks to tell the
    partner's prediction from the known masks, by mean absolute error, and this term gives g no gradient. The partner
    gets none either. Where nothing is known of a pixel, its prediction stands.

    :param partner: a task of classes or masks. :param width: of g's layers. :param mapping: weight of g's own error.
    :param augment: of the labelled images.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"masks"})
    takes_exclusive: ClassVar[bool] = True
    map: nn.Module
    partner_output: Output

    def __init__(
        self,
        output: Output,
        /,
        *,
        partner: AnotherTask,
        width: Annotated[PositiveInt, Field(le=10_000)] = 16,
        mapping: NonNegativeFloat = 1.0,
        augment: str = "weak",
    ) -> None:
        super().__init__()
        self.output, self.partner, self.width, self.mapping = output, partner, width, mapping
        self.view = View("labeled", augment)
        self.views = frozenset({self.view})

    def begin(self, facts: TaskFacts) -> None:
        self.partner_output = facts.output_of(self.partner)
        if self.partner_output.kind == "numbers":
            raise ValueError(f"the partner is a task of classes or masks, and '{self.partner}' predicts numbers")
        width, classes = self.width, len(self.partner_output.classes)
        self.map = nn.Sequential(
            nn.Conv2d(len(self.output.classes), width, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(width, classes, 3, padding=1),
        )

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        predicted, target = self.output.probabilities(outputs[self.view]), batch.targets[self.view]
        unknown = target.isnan()
        known = torch.where(unknown, predicted.detach(), target)
        learning = torch.where(unknown, predicted.detach(), predicted)
        frozen = {name: weight.detach() for name, weight in self.map.named_parameters()}
        apart = (self._mapped(learning, frozen) - self._mapped(known, frozen)).abs().mean()
        with torch.no_grad():
            partners = self.partner_output.probabilities(outputs.of(self.partner, self.view))
        return apart + self.mapping * (self._mapped(known) - partners).abs().mean()

    def _mapped(self, masks: Tensor, weights: dict[str, Tensor] | None = None) -> Tensor:
        """What the partner would predict of an image with these masks. :param weights: g's; None: those it learns."""
        logits = functional_call(self.map, weights, masks) if weights else self.map(masks)
        if self.partner_output.kind == "masks":
            logits = F.interpolate(logits, size=masks.shape[-2:], mode="bilinear")
        else:
            logits = logits.mean((2, 3))
        return self.partner_output.probabilities(logits)
