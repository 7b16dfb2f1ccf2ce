"""RandAugment with one magnitude for all operations, as in its paper."""

from typing import Annotated

import torch
from pydantic import Field, PositiveInt

from ssmtl import Images, Masks, RandomStream
from ssmtl_kornia.geometry import AT_LEVEL_ONE
from ssmtl_kornia.operations import Operation, change, pool_of
from ssmtl_kornia.parts import MANY, by_parts
from ssmtl_kornia.weak import KorniaWeak, Pad

LARGEST = 10


class RandAugment:
    """Flip and crop as `kornia_weak`, then `operations` of the pool, drawn with replacement, each of one magnitude.

    Cubuk, Zoph, Shlens and Le, "RandAugment: Practical automated data augmentation with a reduced search space", CVPR
    Workshops 2020, with a constant magnitude; `kornia_strong` draws a magnitude for each operation, as FixMatch does.

    Differences: the pool and its ranges are those of `kornia_strong`, with magnitude 10 as the far end; of the paper's
    14 operations it lacks `color`, which does nothing to grey images. Brightness, contrast and sharpness only go down.

    :param operations: N; 2 as for the paper's ResNet-50. :param magnitude: M, from 0 to 10; 9 as for that network.
    :param pad: as for `kornia_weak`. :param horizontal_flip: as for `kornia_weak`.
    :param only: the operations to choose from; all of them by default.
    :param without: operations to leave out, such as `solarize` where grey levels have a meaning.
    :raises ValueError: if an operation is unknown, or none is left.
    """

    def __init__(
        self,
        *,
        operations: PositiveInt = 2,
        magnitude: Annotated[float, Field(ge=0, le=LARGEST)] = 9,
        pad: Pad = 0.125,
        horizontal_flip: bool = True,
        only: tuple[Operation, ...] | None = None,
        without: tuple[Operation, ...] = (),
    ) -> None:
        self.operations, self.magnitude = operations, magnitude
        self.pool = pool_of(only, without)
        self.weak = KorniaWeak(horizontal_flip=horizontal_flip, pad=pad)
        self.moved_by = (*self.weak.moved_by, *(name for name in self.pool if name in AT_LEVEL_ONE))

    @torch.no_grad()
    def __call__(self, images: Images, masks: Masks | None, stream: RandomStream) -> tuple[Images, Masks | None]:
        return by_parts(self._augment, images, masks, stream, MANY)

    def _augment(self, images: Images, masks: Masks | None, stream: RandomStream) -> tuple[Images, Masks | None]:
        images, masks = self.weak(images, masks, stream)
        numbers = RandomStream(stream.keys)  # on the CPU
        chosen = (numbers.uniform("operation", self.operations) * len(self.pool)).long()
        signs = torch.where(numbers.uniform("sign", self.operations) < 0.5, -1.0, 1.0)
        for place in range(self.operations):
            names = [self.pool[index] for index in chosen[:, place].tolist()]
            change(images, masks, names, signs[:, place] * (self.magnitude / LARGEST))
        return images, masks
