"""The contract of an augmentation."""

from typing import Protocol

from ssmtl.contracts.random_stream import RandomStream
from ssmtl.contracts.shapes import Images, Masks


class Augmentation(Protocol):
    """Built by a factory `name(*, options)`. Batched, on the images' device, never in place, outside autocast."""

    def __call__(self, images: Images, masks: Masks | None, stream: RandomStream) -> tuple[Images, Masks | None]:
        """Images in [0, 1] and masks in {0, 1}, shaped like the input; all random numbers come from `stream`.

        Output row i depends only on input row i and its random numbers, whatever else is in the batch.
        """
