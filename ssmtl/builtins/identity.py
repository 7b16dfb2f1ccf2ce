"""The augmentation that changes nothing."""

from ssmtl.data.draws import Draws
from ssmtl.shapes import Images, Masks


class Identity:
    """Images and masks as they are."""

    def __call__(self, images: Images, masks: Masks | None, draws: Draws) -> tuple[Images, Masks | None]:
        return images, masks
