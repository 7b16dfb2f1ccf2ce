"""The strong augmentation: the weak one, then random operations for each sample."""

from typing import Annotated

import torch
from pydantic import Field, PositiveInt

from ssmtl import Images, Masks, RandomStream
from ssmtl_kornia.geometry import AT_LEVEL_ONE
from ssmtl_kornia.operations import Operation, change, pool_of
from ssmtl_kornia.parts import MANY, by_parts
from ssmtl_kornia.weak import KorniaWeak, Pad

Fraction = Annotated[float, Field(ge=0, le=1)]


class KorniaStrong:
    """Flip and crop as `kornia_weak`, then random operations of random strength, drawn for each sample.

    MultiMix's GAug (Haque et al., MELBA 2021, footnote 2), from FixMatch's RandAugment. The paper applies "a random
    number of operations" and does not say how they are drawn. Either `operations` of them are drawn from the pool with
    replacement, as in RandAugment, or each operation of the pool is applied with a `probability`, in the order of the
    pool, so that their number is random. Pixels that a warp brings in from outside are 0.

    :param operations: number of operations per sample; 2, as in FixMatch, unless `probability` is given.
    :param probability: probability of each operation of the pool, instead of `operations`.
    :param magnitude: the greatest strength, in [0, 1]; the strength of each operation is drawn uniformly up to it.
    :param pad: as for `kornia_weak`.
    :param horizontal_flip: as for `kornia_weak`; no other operation flips images.
    :param only: the operations to choose from; all of them by default.
    :param without: operations to leave out, such as `solarize` where grey levels have a meaning.
    :raises ValueError: if both `operations` and `probability` are given, or an operation is unknown, or none is left.
    """

    def __init__(
        self,
        *,
        operations: PositiveInt | None = None,
        probability: Fraction | None = None,
        magnitude: Fraction = 1.0,
        pad: Pad = 0.125,
        horizontal_flip: bool = True,
        only: tuple[Operation, ...] | None = None,
        without: tuple[Operation, ...] = (),
    ) -> None:
        if operations is not None and probability is not None:
            raise ValueError("give either 'operations' or 'probability', not both")
        self.operations = 2 if operations is None else operations
        self.probability = probability
        self.magnitude = magnitude
        self.pool = pool_of(only, without)
        self.weak = KorniaWeak(horizontal_flip=horizontal_flip, pad=pad)
        self.moved_by = (*self.weak.moved_by, *(name for name in self.pool if name in AT_LEVEL_ONE))

    @torch.no_grad()
    def __call__(self, images: Images, masks: Masks | None, stream: RandomStream) -> tuple[Images, Masks | None]:
        return by_parts(self._augment, images, masks, stream, MANY)

    def _augment(self, images: Images, masks: Masks | None, stream: RandomStream) -> tuple[Images, Masks | None]:
        images, masks = self.weak(images, masks, stream)
        numbers = RandomStream(stream.keys)  # on the CPU
        steps = self._steps(numbers)
        levels = (2 * numbers.uniform("level", len(steps)) - 1) * self.magnitude
        for place, names in enumerate(steps):
            change(images, masks, names, levels[:, place])
        return images, masks

    def _steps(self, stream: RandomStream) -> list[list[Operation]]:
        """For each step, the operation of each row."""
        if self.probability is None:
            chosen = (stream.uniform("operation", self.operations) * len(self.pool)).long()
            return [[self.pool[index] for index in row] for row in chosen.T.tolist()]
        applied = stream.uniform("apply", len(self.pool)) < self.probability
        return [
            [name if yes else "identity" for yes in row]
            for name, row in zip(self.pool, applied.T.tolist(), strict=True)
        ]
