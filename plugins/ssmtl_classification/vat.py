"""Virtual adversarial training: the prediction stays as it is in the direction in which it would change most."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from ssmtl import Batch, Images, Kind, Logits, Output, Strategy, TaskPredictor, View
from ssmtl_classification.distributions import Distributions, cross_entropy, log_probabilities
from ssmtl_classification.noise import gaussian

ADVERSARIAL = View("unlabeled", "vat adversarial")
"""The perturbed images; made by `prepare`, never rendered."""


class VirtualAdversarialTraining(Strategy):
    """KL(p(x) ‖ p(x + r)) for the small r that increases it most; and the entropy of p(x), if it is given a weight.

    Miyato, Maeda, Koyama and Ishii, "Virtual Adversarial Training: A Regularization Method for Supervised and
    Semi-Supervised Learning", IEEE TPAMI 41(8), 2019, algorithm 1: r = ε g / ‖g‖ with the gradient g of the divergence
    at ξ d, where d is a random direction, found by power iterations. p(x) gets no gradient. Here r is cut where a pixel
    would leave [0, 1], and is found with dropout off. Multi-label: each label is a variable of two outcomes; of
    masks, each pixel. A large image takes a larger ε, which is a length over all pixels and channels.

    :param epsilon: ε, the length of r, which the paper tunes for each data set: for SVHN 2.5 and with augmentation 3.5,
        for CIFAR-10 10 and 8, of 32 × 32 × 3 values. An image of n values gets the same change of each at √(n / 3072)
        times that. :param xi: ξ; 1e-6 in the paper, at which 32-bit numbers round most of the difference away.
    :param iterations: of the power method; 1 in the paper.
    :param entropy: weight of the conditional entropy; 1 is the paper's VAT + EntMin. :param augment: of the images.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"multiclass", "multilabel", "masks"})
    takes_exclusive: ClassVar[bool] = True

    def __init__(
        self,
        output: Output,
        /,
        *,
        epsilon: PositiveFloat = 2.5,
        xi: PositiveFloat = 0.1,
        iterations: PositiveInt = 1,
        entropy: NonNegativeFloat = 0.0,
        augment: str = "weak",
    ) -> None:
        super().__init__()
        self.output, self.epsilon, self.xi = output, epsilon, xi
        self.iterations, self.entropy = iterations, entropy
        self.clean = View("unlabeled", augment)
        self.views = frozenset({self.clean})

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        images = batch.images[self.clean]
        guess = log_probabilities(self.output, predict(images)).exp()
        direction = unit(gaussian(batch.streams[self.clean], "vat direction", images))
        for _ in range(self.iterations):
            with torch.enable_grad():
                moved = (images + self.xi * direction).requires_grad_()
                logs = log_probabilities(self.output, predict(moved, differentiable=True))
                (gradient,) = torch.autograd.grad(cross_entropy(guess, logs).sum(), moved)
            direction = unit(gradient)
        perturbed = (images + self.epsilon * direction).clamp(0, 1)
        clean = {self.clean: images} if self.entropy else {}
        return Batch({ADVERSARIAL: perturbed, **clean}, {ADVERSARIAL: guess}, {})

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        guess = batch.targets[ADVERSARIAL]
        loss = divergence(guess, log_probabilities(self.output, outputs[ADVERSARIAL])).mean()
        if self.entropy:
            logs = log_probabilities(self.output, outputs[self.clean])
            loss = loss + self.entropy * cross_entropy(logs.exp(), logs).mean()
        return loss


def divergence(target: Distributions, logs: Distributions) -> Float[Tensor, "rows ..."]:
    """KL(target ‖ predicted)."""
    return torch.xlogy(target, target).sum(-1) + cross_entropy(target, logs)


def unit(images: Images) -> Images:
    """Each row divided by its length."""
    lengths: Tensor = torch.linalg.vector_norm(images, dim=(1, 2, 3), keepdim=True)
    return images / lengths.clamp(min=1e-12)
