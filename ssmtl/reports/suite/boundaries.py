"""Predicted and reference boundaries, systems side by side; and the masks themselves (figures 4 and 8 of the paper)."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.reports.drawing import SMALL, Drawing, pictures, plain
from ssmtl.reports.run.masks import NEEDED, PREDICTED, REFERENCE, THRESHOLD, boundary, dice
from ssmtl.reports.suite.finished_suite import FinishedSuite, item_of, places_of
from ssmtl.suite.layout import domain_words

IMAGES, ACROSS = 3, 6


def draw_boundaries(suite: FinishedSuite) -> Iterator[Drawing]:
    """Drawings for each sources file, task and domain: one row per image, one column per system."""
    yield from _drawings(suite, "boundaries")


def draw_gallery(suite: FinishedSuite) -> Iterator[Drawing]:
    """The same images beside their reference and predicted masks."""
    yield from _drawings(suite, "gallery")


def _drawings(suite: FinishedSuite, kind: str) -> Iterator[Drawing]:
    for sources in suite.sources:
        cells = suite.main(sources)
        for place in places_of(cells, *NEEDED):
            items = {name: item_of(runs[0], place, *NEEDED) for name, runs in cells.items()}
            able = [name for name, item in items.items() if item is not None]
            same = _same_images({name: items[name] for name in able})
            across = ACROSS if kind == "boundaries" else ACROSS - 2
            other = suite.left_out(able, same, "their sample images differ")
            shown = list(same) if kind == "boundaries" else suite.focus(place[0], list(same), across)
            other += suite.left_out(same, shown, f"at most {across} systems")
            for start in range(0, len(shown), across):
                part = {suite.label(name): same[name] for name in shown[start : start + across]}
                yield _sheet(kind, (sources, *place), start // across, part, other)


def _same_images(predictions: dict[str, StoredPredictions | None]) -> dict[str, StoredPredictions]:
    """Those that have the same sample images as the first."""
    known = {name: item for name, item in predictions.items() if item is not None}
    ids = [tuple(item["sample_ids"]) for item in known.values()]
    return {name: item for name, item in known.items() if tuple(item["sample_ids"]) == ids[0]}


def _sheet(
    kind: str, where: tuple[str, str, str], number: int, items: dict[str, StoredPredictions], left_out: str
) -> Drawing:
    """:param where: sources file, task, domain."""
    first = next(iter(items.values()))
    rows = min(IMAGES, len(first["sample_images"]))
    chosen = np.linspace(0, len(first["sample_images"]) - 1, rows).round().astype(int)
    extra = 2 if kind == "gallery" else 0
    aspect = first["sample_images"].shape[1] / first["sample_images"].shape[2]
    figure, frames = pictures(rows, len(items) + extra, aspect, titled=1, below=0.28 if not extra else 0.05)
    for row, image in enumerate(chosen):
        line = frames[row]
        if extra:
            line[0].imshow(first["sample_images"][image], cmap="gray", vmin=0, vmax=255)
            line[1].imshow(first["sample_masks"][image, 0], cmap="gray", vmin=0, vmax=1)
        for frame, item in zip(line[extra:], items.values(), strict=True):
            _picture(frame, item, int(image), bool(extra))
    titles = ["image", "reference"][:extra] + list(items)
    for frame, title in zip(frames[0], titles, strict=True):
        frame.set_title(_two_lines(title), fontsize=SMALL, linespacing=1.1)
    if not extra:
        handles = [
            Line2D([], [], color=REFERENCE, linewidth=1.6),
            Line2D([], [], color=PREDICTED, linewidth=1.6, linestyle="--"),
        ]
        names = ["reference", "prediction"]
        figure.legend(handles, names, loc="lower center", borderaxespad=0.1, ncols=2, fontsize=SMALL, frameon=False)
    drawn = "predicted masks, white where the probability is above" if extra else "boundaries, predicted at probability"
    sources, task, domain = where
    caption = (
        f"{sources}, {task}, {domain_words(domain)}: {drawn} {THRESHOLD}; {rows} test images, evenly spaced in "
        "the set, not chosen by result; first seed of each system. The number on an image is its Dice." + left_out
    )
    return Drawing(f"{kind}.{'.'.join(where)}.{number + 1}", caption, figure)


def _picture(frame: Axes, item: StoredPredictions, image: int, filled: bool) -> None:
    reference, probability = item["sample_masks"][image, 0] == 1, item["sample_probabilities"][image, 0].astype(float)
    if filled:
        frame.imshow(probability > THRESHOLD, cmap="gray", vmin=0, vmax=1)
    else:
        frame.imshow(item["sample_images"][image], cmap="gray", vmin=0, vmax=255)
        boundary(frame, reference.astype(float), REFERENCE, "solid")
        boundary(frame, probability, PREDICTED, "dashed")
    score = dice(reference, probability > THRESHOLD)
    words = f"{score:.3f}" if np.isfinite(score) else "both empty"
    box = {"facecolor": "black", "alpha": 0.55, "edgecolor": "none", "pad": 1.0}
    frame.text(0.03, 0.03, words, transform=frame.transAxes, fontsize=SMALL - 0.5, color="white", bbox=box)


def _two_lines(title: str) -> str:
    """A long title, broken near its middle."""
    words = plain(title, 40).split(" ")
    if len(title) <= 16 or len(words) == 1:
        return " ".join(words)
    cut = min(range(1, len(words)), key=lambda at: abs(len(" ".join(words[:at])) - len(" ".join(words[at:]))))
    return f"{' '.join(words[:cut])}\n{' '.join(words[cut:])}"
