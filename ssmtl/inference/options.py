"""What may be asked of a model besides its probabilities."""

from dataclasses import dataclass
from typing import Literal, get_args

from ssmtl.errors import SsmtlError

Tta = Literal["none", "shifts", "mirror"]


@dataclass(frozen=True)
class Options:
    """:param tta: test-time augmentation: probabilities are the mean over several views of the image.

    `shifts`: the image, and moved diagonally by a 32nd of its side in four directions. `mirror`: the image, and
    mirrored left to right, which is only sane where left and right do not differ.
    :param saliency: whether to add which pixels each class depends on.
    :param dropout: how many passes with dropout on (Gal and Ghahramani, "Dropout as a Bayesian approximation", 2016);
        0: one pass with dropout off. What is dropped depends on the image's content alone.
    """

    tta: Tta = "none"
    saliency: bool = False
    dropout: int = 0

    def __post_init__(self) -> None:
        if self.tta not in get_args(Tta):
            raise SsmtlError(f"there is no tta called '{self.tta}'; expected {', '.join(get_args(Tta))}")
        if not isinstance(self.saliency, bool):
            raise SsmtlError(f"saliency: {self.saliency!r}; expected True or False")
        if not isinstance(self.dropout, int) or self.dropout < 0 or self.dropout == 1:
            raise SsmtlError(f"dropout: {self.dropout!r} passes; expected 0, or 2 or more")
