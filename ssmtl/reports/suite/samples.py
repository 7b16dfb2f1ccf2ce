"""Samples and grey levels of each source (figure 2 of the MultiMix paper)."""

from collections.abc import Iterator

import numpy as np

from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.reports.drawing import BLUE, SMALL, WIDTH, Drawing, label, plain, sheet
from ssmtl.reports.suite.finished_suite import FinishedSuite, item_of, places_of, results_of
from ssmtl.suite.layout import domain_words

SHOWN = 5
ROW = 1.15
"""Inches."""


def draw_samples(suite: FinishedSuite) -> Iterator[Drawing]:
    """One drawing per sources file: one row per source, with some test images and the grey levels of all."""
    for sources in suite.sources:
        cells = suite.main(sources)
        rows: dict[str, StoredPredictions] = {}
        for place in places_of(cells, "sample_images"):
            for runs in cells.values():
                item = item_of(runs[0], place, "sample_images")
                if item is not None:
                    named = results_of(runs[0].folder).sources[place[0]][place[1]]
                    rows.setdefault(f"{named}\n{domain_words(place[1])}", item)
        if rows:
            yield _samples(sources, rows)


def _samples(sources: str, rows: dict[str, StoredPredictions]) -> Drawing:
    figure = sheet(WIDTH, ROW * len(rows) + 0.2)
    grid = figure.add_gridspec(len(rows), SHOWN + 1, width_ratios=[1] * SHOWN + [2.1])
    for row, (name, item) in enumerate(rows.items()):
        for column in range(SHOWN):
            frame = figure.add_subplot(grid[row, column])
            frame.set_xticks([])
            frame.set_yticks([])
            frame.spines[:].set_visible(False)
            if column < len(item["sample_images"]):
                frame.imshow(item["sample_images"][column], cmap="gray", vmin=0, vmax=255)
            if column == 0:
                frame.set_ylabel(plain(name), fontsize=SMALL)
        axis = figure.add_subplot(grid[row, SHOWN])
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(labelsize=SMALL, length=2.5)
        if "intensities" in item:
            counts = item["intensities"].astype(float)
            axis.fill_between(np.arange(256), 100 * counts / counts.sum(), color=BLUE, alpha=0.6, linewidth=0)
        axis.set_xlim(0, 255)
        axis.set_ylim(0)
        label(axis, x="grey level (0 to 255)" if row == len(rows) - 1 else "", y="pixels (%)")
    caption = (
        f"{sources}: test images of each source as the networks see them, evenly spaced in the set, and the "
        "distribution of grey levels over all its test images (first seed)."
    )
    return Drawing(f"samples.{sources}", caption, figure)
