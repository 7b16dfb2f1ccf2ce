"""Views: which augmented images of which pool a strategy requests."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jaxtyping import Int
from torch import Tensor

from ssmtl.contracts.random_stream import RandomStream
from ssmtl.contracts.shapes import Images, Masks


@dataclass(frozen=True, order=True)
class View:
    """A value object: two strategies that request the same view share its rows.

    Views of one pool are row-aligned: row i of the weak and of the strong view is the same image.

    :param pool: which images.
    :param augment: a name under the task's `augment:`.
    :param repeat: index among independent repetitions of the same augmentation.
    """

    pool: Literal["labeled", "unlabeled"]
    augment: str
    repeat: int = 0

    def __str__(self) -> str:
        return f"{self.pool}/{self.augment}" + (f"/{self.repeat}" if self.repeat else "")


@dataclass(frozen=True)
class Batch:
    """The rows that one strategy sees in one step.

    :param images: shape (rows, channels, height, width), float32 in [0, 1], by view.
    :param targets: by view, for labelled views: class indices (rows,) int64, multi-hot (rows, classes) float,
        NaN where nothing is known of a class, numbers likewise, or masks (rows, structures, height, width) float 0/1,
        NaN where nothing is known of a pixel or of a whole structure. `prepare` may set others (pseudo-labels).
    :param streams: random numbers for each view's rows, a pure function of (seed, task, sample, repetition,
        step, view), where the repetition counts how often the sample came before in the step.
    :param samples: by view, which image of the pool each row shows: 0 to `TaskFacts.images[pool]` − 1.
    :param moves: by view, how its augmentation moves masks of its images; empty in what `prepare` returns.
    """

    images: Mapping[View, Images]
    targets: Mapping[View, Tensor]
    streams: Mapping[View, RandomStream]
    samples: Mapping[View, Int[Tensor, " rows"]] = field(default_factory=dict)
    moves: Mapping[View, Callable[[Masks], Masks]] = field(default_factory=dict)

    def moved(self, view: View, masks: Masks) -> Masks:
        """Masks, or probabilities, of the images before augmentation, moved as the view's augmentation moves them.

        For `prepare`, so that what a weak view predicts can be compared with a strong one whose pixels move.
        """
        return self.moves[view](masks)

    def part(self, number: int, of: int) -> "Batch":
        """Number `number` (from 0) of so many equal, contiguous parts of the rows of every view.

        :param of: divides all of `sizes`.
        """

        def some(rows: Any) -> Any:
            each = len(rows) // of
            return rows[number * each : (number + 1) * each]

        return Batch(*({view: some(rows) for view, rows in kind.items()} for kind in self._kinds))

    def sizes(self) -> set[int]:
        """How many rows its views have."""
        return {len(rows) for kind in self._kinds for rows in kind.values()}

    @property
    def _kinds(self) -> tuple[Mapping[View, Any], ...]:
        return self.images, self.targets, self.streams, self.samples

    def keep(self, views: Iterable[View], targets: Mapping[View, Tensor] | None = None) -> "Batch":
        """The same batch with these views only, and with `targets` set or replaced."""
        chosen = frozenset(views)
        known = {**self.targets, **(targets or {})}
        return Batch(
            {view: rows for view, rows in self.images.items() if view in chosen},
            {view: target for view, target in known.items() if view in chosen},
            {view: stream for view, stream in self.streams.items() if view in chosen},
            {view: samples for view, samples in self.samples.items() if view in chosen},
            {view: move for view, move in self.moves.items() if view in chosen},
        )
