"""Cross pseudo supervision: two networks teach each other."""

from typing import ClassVar

from jaxtyping import Float
from pydantic import NonNegativeFloat
from torch import Tensor, nn
from torch.nn import functional as F

from ssmtl import Batch, Kind, Logits, Output, Outputs, Strategy, TaskFacts, View
from ssmtl_segmentation.batch_norm import has_batch_norm
from ssmtl_segmentation.mask_losses import cross_entropies
from ssmtl_segmentation.outcomes import hard_masks


class CrossPseudoSupervision(Strategy):
    """A second network, initialised differently, learns the labels too; each learns the other's hard predictions.

    Chen et al., "Semi-Supervised Semantic Segmentation with Cross Pseudo Supervision", CVPR 2021, equations (1) to (4):
    L = L_s + λ L_cps, with the cross supervision on labelled and unlabelled images. The first network's own supervised
    loss is another strategy of the task. The second network is for training alone: the first one is evaluated.

    :param trade_off: λ; 1.5 in the paper. :param augment: of labelled and unlabelled images.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"masks", "multiclass", "multilabel"})
    takes_exclusive: ClassVar[bool] = True
    twin: nn.Module

    def __init__(self, output: Output, /, *, trade_off: NonNegativeFloat = 1.5, augment: str = "weak") -> None:
        super().__init__()
        self.output, self.trade_off = output, trade_off
        self.labeled, self.unlabeled = View("labeled", augment), View("unlabeled", augment)
        self.views = frozenset({self.labeled, self.unlabeled})

    def begin(self, facts: TaskFacts) -> None:
        self.twin = facts.make_network()

    def by_rows(self, batch: Batch) -> bool:
        return not has_batch_norm(self.twin)

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        twin = {view: self.twin(batch.images[view]) for view in (self.labeled, self.unlabeled)}
        supervised = self._distance(twin[self.labeled], batch.targets[self.labeled])
        return supervised + self.trade_off * sum(self._cross(outputs[view], twin[view]) for view in twin) / 2

    def _cross(self, ours: Logits, theirs: Logits) -> Float[Tensor, ""]:
        return self._distance(theirs, self._hard(ours)) + self._distance(ours, self._hard(theirs))

    def _hard(self, logits: Logits) -> Tensor:
        if self.output.exclusive:
            return hard_masks(self.output, self.output.probabilities(logits.detach()))
        return logits.detach().argmax(1) if self.output.kind == "multiclass" else (logits.detach() >= 0).float()

    def _distance(self, logits: Logits, target: Tensor) -> Float[Tensor, ""]:
        if self.output.kind == "multiclass":
            return F.cross_entropy(logits, target)
        losses, known = cross_entropies(self.output, logits, target)
        return (losses * known).mean()
