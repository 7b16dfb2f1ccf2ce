"""What a task's bridge gives its head: the bridge's own maps, beside image and mask."""

from collections.abc import Iterator

import numpy as np

from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.reports.drawing import SMALL, Drawing, pictures, plain
from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.reports.run.masks import NEEDED, PREDICTED, REFERENCE, boundary, boundary_legend

COLUMNS = 5
COLOURS = "inferno"  # perceptually uniform, safe for colour-blind readers


def draw_bridge_maps(run: FinishedRun) -> Iterator[Drawing]:
    """One drawing per domain of each task whose bridge adds maps: one column per image, one row per map."""
    for item in run.predictions:
        if "bridge_map_names" in item and "sample_images" in item and len(item["sample_images"]):
            yield _maps(run, item)


def _maps(run: FinishedRun, item: StoredPredictions) -> Drawing:
    images, names = item["sample_images"], [str(name) for name in item["bridge_map_names"]]
    maps = [item[f"bridge_map_{place}"].astype(float) for place in range(len(names))]
    masks = all(name in item for name in NEEDED)
    shown = min(len(images), COLUMNS)
    figure, frames = pictures(
        1 + len(maps) + masks,
        shown,
        images.shape[1] / images.shape[2],
        titled=1,
        below=0.3 if masks else 0.08,
        left=0.6,
    )
    ids = item["sample_ids"] if "sample_ids" in item else np.arange(len(images)).astype(str)
    for column in range(shown):
        frames[0][column].imshow(images[column], cmap="gray", vmin=0, vmax=255)
        frames[0][column].set_title(plain(str(ids[column]), 19), fontsize=SMALL)
    frames[0][0].set_ylabel("image", fontsize=SMALL)
    for row, (name, values) in enumerate(zip(names, maps, strict=True), start=1):
        low, high = float(values[:shown].min()), float(values[:shown].max())
        for column in range(shown):
            frames[row][column].imshow(values[column], cmap=COLOURS, vmin=low, vmax=high, interpolation="nearest")
        size = f"{values.shape[1]} × {values.shape[2]}"
        frames[row][0].set_ylabel(f"bridge: {plain(name, 14)}\n{size}\n{low:.2f} to {high:.2f}", fontsize=SMALL)
    if masks:
        for column, frame in enumerate(frames[-1]):
            frame.imshow(images[column], cmap="gray", vmin=0, vmax=255)
            for reference, probability in zip(
                item["sample_masks"][column], item["sample_probabilities"][column], strict=True
            ):
                boundary(frame, (reference == 1).astype(float), REFERENCE, "solid")
                boundary(frame, np.asarray(probability, dtype=float), PREDICTED, "dashed")
        frames[-1][0].set_ylabel("masks", fontsize=SMALL)
        boundary_legend(figure)
    used = run.bridge(item.task)
    caption = (
        f"{item.task}, {item.domain}: what the bridge{f' {used}' if used else ''} adds to the features that the head "
        "reads, for some test images, evenly spaced over the set. Each map is shown at the size at which the head "
        "reads it, dark to bright from the smallest to the largest value in its row, which stand at its left."
    )
    return Drawing(f"bridge.{item.task}.{item.domain}", caption, figure)
