"""The contract of an augmentation, and of one that mixes images with references."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Bool, UInt8
from torch import Tensor

from ssmtl.contracts.random_stream import RandomStream
from ssmtl.contracts.shapes import Images, Masks


class Augmentation(Protocol):
    """Built by a factory `name(*, options)`. Batched, on the images' device, never in place, outside autocast.

    One that says so has an attribute `moved_by`, a tuple of words: what moves pixels, such as options as they are set,
    or `()` if every pixel of every image stays in its place. Strategies that compare masks of two views ask for that.
    """

    def __call__(self, images: Images, masks: Masks | None, stream: RandomStream) -> tuple[Images, Masks | None]:
        """Images in [0, 1] and masks in {0, 1}, shaped like the input; all random numbers come from `stream`.

        Output row i depends only on input row i and its random numbers, whatever else is in the batch.
        """


def moved_by(augmentation: Augmentation) -> tuple[str, ...] | None:
    """What moves its pixels; none if they stay in their places, None if it does not say."""
    said: tuple[str, ...] | None = getattr(augmentation, "moved_by", None)
    return said


@dataclass(frozen=True)
class References:
    """Training images of the run, labelled or not, of all tasks: a pure function of the data and the seed.

    Nobody who validates or is tested is among them.

    :param images: not augmented, on the device; at least one.
    :param foreign: of each, whether it is of another source than the images that the augmentation is for.
    """

    images: UInt8[Tensor, "references channels height width"]
    foreign: Bool[Tensor, " references"]


@runtime_checkable
class ReferencedAugmentation(Augmentation, Protocol):
    """An augmentation that mixes images with training images of the run.

    Which reference a row gets, it draws by the row's own random numbers, so that no row depends on the batch.

    :param references: the most images of each source that it wants.
    """

    references: int

    def begin(self, references: References) -> None:
        """Keep what is needed of the references. Called before training, and by `ssmtl check` with grey images.

        :raises ValueError: if none of them is of use.
        """
