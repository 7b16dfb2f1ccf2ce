"""CCT: decoders that see perturbed features agree with the one that sees them as they are."""

from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import NonNegativeFloat
from torch import Tensor, nn

from ssmtl import Batch, Kind, Output, Outputs, RandomStream, Strategy, TaskFacts, TaskPredictor, View
from ssmtl_segmentation.batch_norm import has_batch_norm
from ssmtl_segmentation.outcomes import log_outcomes


class CrossConsistency(Strategy):
    """Auxiliary decoders of perturbed features learn the main decoder's masks of unlabelled images.

    Ouali, Hudelot and Tami, "Semi-Supervised Semantic Segmentation with Cross-Consistency Training", CVPR 2020: the
    mean over auxiliary decoders of the mean squared difference of probabilities, without gradient into the main
    one's. Of the paper's seven perturbations these three, a decoder each: noise that multiplies features by 1 + N, N
    uniform in ±`noise`; the most active parts, with at least γ of the greatest mean activation, set to 0, where γ is
    uniform from 0.7 to 0.9; and half of the channels set to 0. There, features are the encoder's last level; here, all
    levels that the head reads are perturbed. The weight with its ramp, up to 30 in the paper, is the recipe's.

    :param noise: largest relative noise; 0.3 in the paper. :param augment: of the unlabelled images.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"masks"})
    takes_exclusive: ClassVar[bool] = True
    decoders: nn.ModuleList

    def __init__(self, output: Output, /, *, noise: NonNegativeFloat = 0.3, augment: str = "weak") -> None:
        super().__init__()
        self.output, self.noise = output, noise
        self.view = View("unlabeled", augment)
        self.views = frozenset({self.view})
        self.perturbations = (self._noisy, _without_the_most_active, _without_channels)

    def begin(self, facts: TaskFacts) -> None:
        self.decoders = nn.ModuleList(facts.make_head() for _ in self.perturbations)

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        return batch.keep({self.view})

    def by_rows(self, batch: Batch) -> bool:
        return not has_batch_norm(self.decoders)

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        stream, levels = batch.streams[self.view], [level.float() for level in outputs.features(self.view)]
        main = log_outcomes(self.output, outputs[self.view].detach()).exp()
        losses = []
        for decoder, perturbed in zip(self.decoders, self.perturbations, strict=True):
            seen = tuple(perturbed(level, stream, place) for place, level in enumerate(levels))
            losses.append((log_outcomes(self.output, decoder(seen)).exp() - main).square().mean())
        return torch.stack(losses).mean()

    def _noisy(self, level: Tensor, stream: RandomStream, place: int) -> Tensor:
        uniform = stream.uniform(f"cct noise {place}", level[0].numel()).reshape(level.shape)
        return level * (1 + self.noise * (2 * uniform - 1))


def _without_the_most_active(level: Tensor, stream: RandomStream, place: int) -> Float[Tensor, "rows _ _ _"]:
    share = 0.7 + 0.2 * stream.uniform(f"cct drop {place}")[:, :, None, None]
    active = level.detach().mean(1, keepdim=True)
    return level * (active < share * active.amax((2, 3), keepdim=True))


def _without_channels(level: Tensor, stream: RandomStream, place: int) -> Float[Tensor, "rows _ _ _"]:
    """The others doubled, as in dropout."""
    return level * (2.0 * (stream.uniform(f"cct channels {place}", level.shape[1]) < 0.5))[:, :, None, None]
