"""How many images were scored, and how many of their masks are empty."""

from collections import Counter

from ssmtl.contracts.head import Kind
from ssmtl.evaluation.predict import Predictions


class ImageCounts:
    """Filled by `add`, batch by batch.

    `numbers` has `images` and, for masks, over images and structures, `empty_reference`, `empty_prediction` and
    `both_empty`, which is included in the other two.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.numbers = Counter[str]()

    def add(self, batch: Predictions) -> None:
        """The next images."""
        self.numbers["images"] += len(batch.ids)
        if self.kind == "masks":
            reference, predicted = (mask.flatten(2).any(2) for mask in (batch.targets > 0.5, batch.probabilities > 0.5))
            self.numbers["empty_reference"] += int((~reference).sum())
            self.numbers["empty_prediction"] += int((~predicted).sum())
            self.numbers["both_empty"] += int((~reference & ~predicted).sum())
