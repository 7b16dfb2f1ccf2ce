"""UDA: a sharpened prediction of the weak view is the target of the strong view."""

from typing import Annotated

from jaxtyping import Bool
from pydantic import Field
from torch import Tensor

from ssmtl import Output
from ssmtl_classification.distributions import Distributions
from ssmtl_classification.weak_to_strong import WeakToStrong


class UnsupervisedDataAugmentation(WeakToStrong):
    """Cross-entropy of the strong view against the weak view's sharpened prediction, where that was confident.

    Xie, Dai, Hovy, Luong and Le, "Unsupervised Data Augmentation for Consistency Training", NeurIPS 2020: the second
    term of its objective, with the techniques that it adds for images, confidence-based masking and sharpening by a
    softmax temperature. Its training signal annealing changes the labelled loss: `tsa_cross_entropy`. Multi-label: each
    label, over absent and present.

    :param threshold: β, on the prediction before it is sharpened; 0.8 for CIFAR-10 in the paper, 0.5 for ImageNet.
    :param temperature: τ; 0.4 in the paper. :param weak, strong: names of the task's augmentations.
    """

    def __init__(
        self,
        output: Output,
        /,
        *,
        threshold: Annotated[float, Field(ge=0, le=1)] = 0.8,
        temperature: Annotated[float, Field(ge=1e-3)] = 0.4,
        weak: str = "weak",
        strong: str = "strong",
    ) -> None:
        super().__init__(output, weak, strong)
        self.threshold, self.temperature = threshold, temperature

    def weights(self, guess: Distributions) -> Bool[Tensor, "rows variables"]:
        return guess.amax(-1) >= self.threshold

    def target(self, guess: Distributions) -> Distributions:
        return (guess.log() / self.temperature).softmax(-1)
