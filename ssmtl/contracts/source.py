"""The contract of a source: it names images, labels, masks and patients, and knows nothing of budgets or caching."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

SplitName = Literal["train", "val", "test"]


class Pixels(Protocol):
    """A picture that can be read: a file (`ssmtl.ImageFile`), or a procedure."""

    @property
    def name(self) -> str:
        """For messages: a path, or what else tells it apart."""

    def fingerprint(self) -> str:
        """Equal for equal content; cheap beside `read`."""

    def read(self) -> NDArray[Any]:
        """Shape (height, width) or (height, width, channels); unsigned integers, or floats in [0, 1].

        Full range is the range of the type. For a mask, anything above half of the range is inside.
        :raises DataError: naming the file, if it cannot be decoded.
        """


@dataclass(frozen=True)
class Example:
    """One image and what is known of it.

    :param id: unique within the source, stable between machines (a path relative to the root, say).
    :param patient: images of one patient never fall on two sides of a split.
    :param labels: names of its classes (exactly one for a multi-class task); None: not labelled.
    :param masks: by structure name, pictures that are united (or-ed); None: not labelled.
    :param split: the data set's own split; None: the core splits.
    :param mask_scale: size of the masks over the size of the image (JSRT's masks have half the image's size).
    """

    id: str
    patient: str
    image: Pixels
    labels: frozenset[str] | None = None
    masks: Mapping[str, tuple[Pixels, ...]] | None = field(default=None, hash=False)
    split: SplitName | None = None
    mask_scale: float = 1.0


class Source(Protocol):
    """Made by a factory `name(folders, /, *, options)` where `folders` (`ssmtl.Folders`) finds the recipe's `root:`."""

    def examples(self) -> Sequence[Example]:
        """Every image, in a stable order. Lists files; decodes none.

        :raises DataError: if a folder or table that it needs is missing or malformed.
        """
