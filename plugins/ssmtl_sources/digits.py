"""The source `digits`: 1,797 handwritten digits from a Python package, to check methods without a download."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ssmtl import Example, Folders, SsmtlError

TRAIN = 1200
"""Images before this one are trained on, all others are the test part."""

DARKEST = 16
"""The greatest value of a pixel: how many of 4 × 4 black and white ones had ink."""


@dataclass(frozen=True)
class DigitImage:
    """One digit, as `ssmtl.Pixels`. :param values: uint8 of shape (8, 8), 0 to 255; ink is bright."""

    name: str
    values: NDArray[np.uint8] = field(compare=False)

    def fingerprint(self) -> str:
        """Hash of the pixels."""
        return hashlib.sha256(self.values.tobytes()).hexdigest()[:16]

    def read(self) -> NDArray[np.uint8]:
        """uint8 of shape (8, 8)."""
        return self.values


class Digits:
    """Handwritten digits of 8 × 8 pixels, ten classes named `0` to `9`, none of them medical.

    Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998: the test
    set of that collection, as scikit-learn's `load_digits` has it. Who wrote which digit is not recorded, so that each
    image is its own patient. The last 597 images are the test part: images keep the collection's order, in case those
    that follow one another are by one writer. There is no validation part unless the sources file asks for one.

    :param folders: unused, since the images are in the package.
    :raises SsmtlError: without scikit-learn.
    """

    def __init__(self, folders: Folders, /) -> None:
        try:
            from sklearn.datasets import load_digits
        except ImportError as error:
            raise SsmtlError("the source 'digits' needs the extra 'digits': pip install 'ssmtl[digits]'") from error
        bunch = load_digits()
        self.images: NDArray[np.uint8] = np.rint(bunch.images * (255 / DARKEST)).astype(np.uint8)
        self.classes: list[int] = bunch.target.tolist()

    def examples(self) -> Sequence[Example]:
        """All digits in the collection's order."""
        return [
            Example(
                id=f"digit/{index:04d}",
                patient=f"digit/{index:04d}",
                image=DigitImage(f"digit/{index:04d} of scikit-learn's load_digits", image),
                labels=frozenset({str(number)}),
                split="train" if index < TRAIN else "test",
            )
            for index, (image, number) in enumerate(zip(self.images, self.classes, strict=True))
        ]
