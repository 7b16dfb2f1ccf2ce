"""Several augmentations of one view, one after another."""

from collections.abc import Sequence

from ssmtl.contracts.augmentation import Augmentation, moved_by
from ssmtl.contracts.random_stream import RandomStream
from ssmtl.contracts.shapes import Images, Masks


class InTurn:
    """Each augmentation gets what the one before it made, and random numbers of its own; the first, those of the view.

    :param steps: two or more.
    """

    def __init__(self, steps: Sequence[Augmentation]) -> None:
        self.steps = tuple(steps)

    @property
    def moved_by(self) -> tuple[str, ...] | None:
        """What moves pixels in any of them; None if one that moves none does not say so."""
        said = [moved_by(step) for step in self.steps]
        moving = tuple(word for words in said if words for word in words)
        return moving or (None if None in said else ())

    def __call__(self, images: Images, masks: Masks | None, stream: RandomStream) -> tuple[Images, Masks | None]:
        for number, step in enumerate(self.steps):
            images, masks = step(images, masks, stream.other(number))
        return images, masks


def in_turn(steps: Sequence[Augmentation]) -> Augmentation:
    """One augmentation that does all of them."""
    return steps[0] if len(steps) == 1 else InTurn(steps)


def steps_of(augmentation: Augmentation) -> tuple[Augmentation, ...]:
    """The recipe's components of it."""
    return augmentation.steps if isinstance(augmentation, InTurn) else (augmentation,)
