"""What is kept of the predictions on one evaluation set: of masks, only numbers for each image and a few examples."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssmtl.contracts.head import Kind
from ssmtl.data.mask_values import UNKNOWN
from ssmtl.evaluation.predict import Predictions, is_known
from ssmtl.evaluation.worst import WORST, severity, worst_places

SAMPLES = 8
"""Images of each evaluation set that are kept with their predictions, evenly spaced over it."""


@dataclass(frozen=True)
class KeptImage:
    """One image's row of the set, how wrong its prediction is, its predicted and its true masks."""

    place: int
    severity: float
    probabilities: Tensor
    targets: Tensor


@dataclass
class KeptPredictions:
    """Filled by `add`, batch by batch. :param rows: how many images there will be."""

    kind: Kind
    rows: int
    seen: int = 0
    worst: list[KeptImage] = field(default_factory=list)
    samples: list[KeptImage] = field(default_factory=list)
    columns: dict[str, Tensor] = field(default_factory=dict)

    @property
    def sample_places(self) -> NDArray[np.int64]:
        """Rows that are kept as samples, whatever the model does."""
        return np.unique(np.linspace(0, self.rows - 1, min(SAMPLES, self.rows)).astype(np.int64))

    def add(self, batch: Predictions) -> None:
        """The next images."""
        severities = severity(self.kind, batch)
        self.worst += self._images(batch, worst_places(severities), severities)
        self.worst = sorted(self.worst, key=lambda image: -image.severity)[:WORST]
        if self.kind == "masks":
            chosen = [int(place) - self.seen for place in self.sample_places]
            self.samples += self._images(batch, [place for place in chosen if 0 <= place < len(batch.ids)], severities)
            self._append("foreground_predicted", (batch.probabilities > 0.5).sum((2, 3)))
            area = batch.targets.nan_to_num().sum((2, 3)).long()
            self._append("foreground_reference", area.masked_fill(~is_known(batch.targets), -1))
        elif self.kind == "numbers":
            self._append("numbers", batch.probabilities)
            self._append("true_numbers", batch.targets)
        else:
            self._append("probabilities", batch.probabilities)
            self._append("targets", batch.targets)
        self.seen += len(batch.ids)

    def arrays(self) -> dict[str, Any]:
        """What `StoredPredictions` holds of them, by name."""
        worst = {
            "worst_places": np.array([image.place for image in self.worst], dtype=np.int64),
            "worst_severities": np.array([image.severity for image in self.worst], dtype=np.float32),
        }
        columns = {name: values.numpy() for name, values in self.columns.items()}
        return worst | columns | (self._masks() if self.kind == "masks" else {})

    def _masks(self) -> dict[str, Any]:
        return {
            "sample_masks": _stacked([image.targets for image in self.samples]).nan_to_num(UNKNOWN).byte().numpy(),
            "sample_probabilities": _stacked([image.probabilities for image in self.samples]).numpy(),
            "worst_masks": _stacked([image.targets for image in self.worst]).nan_to_num(UNKNOWN).byte().numpy(),
            "worst_probabilities": _stacked([image.probabilities for image in self.worst]).numpy(),
        }

    def _images(self, batch: Predictions, places: Sequence[int], severities: Tensor) -> list[KeptImage]:
        return [
            KeptImage(
                self.seen + place,
                float(severities[place]),
                batch.probabilities[place].clone(),
                batch.targets[place].clone(),
            )
            for place in places
        ]

    def _append(self, name: str, values: Tensor) -> None:
        self.columns[name] = torch.cat([self.columns[name], values]) if name in self.columns else values


def _stacked(images: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(images)) if images else torch.empty(0)
