"""The contract of an augmentation."""

from typing import Protocol

from ssmtl.contracts.random_stream import RandomStream
from ssmtl.contracts.shapes import Images, Masks


class Augmentation(Protocol):
    """Made by a factory `name(*, options)`. Batched, on the images' device, never in place, outside autocast."""

    def __call__(self, images: Images, masks: Masks | None, stream: RandomStream) -> tuple[Images, Masks | None]:
        """Images in [0, 1] and masks in {0, 1} of the shapes that came in; every random number is taken from `draws`.

        Row i depends on row i and its draws alone, whatever else is in the batch.
        """
