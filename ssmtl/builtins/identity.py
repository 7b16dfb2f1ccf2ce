"""The augmentation that changes nothing."""

from ssmtl.contracts.random_stream import RandomStream
from ssmtl.contracts.shapes import Images, Masks


class Identity:
    """Images and masks, unchanged."""

    moved_by: tuple[str, ...] = ()

    def __call__(self, images: Images, masks: Masks | None, stream: RandomStream) -> tuple[Images, Masks | None]:
        return images, masks
