"""How many images were scored, and how many of their masks are empty."""

from collections import Counter

from ssmtl.contracts.head import Kind, Output
from ssmtl.data.rows import Rows
from ssmtl.evaluation.predict import Predictions, is_known


class ImageCounts:
    """Filled by `add`, batch by batch.

    `numbers` has `images` and, for masks, over images and known structures, `empty_reference`, `empty_prediction` and
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
            known = is_known(batch.targets)
            self.numbers["empty_reference"] += int((~reference & known).sum())
            self.numbers["empty_prediction"] += int((~predicted & known).sum())
            self.numbers["both_empty"] += int((~reference & ~predicted & known).sum())

    def with_known(self, rows: Rows, output: Output) -> dict[str, int]:
        """The numbers, and `known_NAME` of each class or structure if one is not known in all of the images."""
        return dict(self.numbers) | {f"known_{name}": number for name, number in rows.known(output).items()}
