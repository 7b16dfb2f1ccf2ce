"""Weak and strong augmentation with kornia's operators; random parameters, drawn for each sample, are our own.

kornia itself is imported when an image is augmented, so that a recipe is checked without it.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Augmentation


@hookimpl
def ssmtl_augmentations() -> Mapping[str, Callable[..., "Augmentation"]]:
    from ssmtl_kornia.rand_augment import RandAugment
    from ssmtl_kornia.strong import KorniaStrong
    from ssmtl_kornia.weak import KorniaWeak

    return {"kornia_weak": KorniaWeak, "kornia_strong": KorniaStrong, "rand_augment": RandAugment}
