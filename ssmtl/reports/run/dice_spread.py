"""The distribution of Dice over the images of each domain."""

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from ssmtl.reports.domains import in_order
from ssmtl.reports.drawing import BLACK, SMALL, WHISKERS, Drawing, label, panels, plain, styles
from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.suite.layout import head_of

ENOUGH = 10  # images below which no density is drawn
GOLDEN = 0.6180339887498949  # multiples modulo 1 fill an interval evenly: jitter without a random generator


def draw_dice(run: FinishedRun) -> Iterator[Drawing]:
    """One drawing per task whose per-image values include a Dice coefficient, one panel per such metric."""
    keys = [key for key in run.per_image if key[2].lower().startswith("dice")]
    for task in dict.fromkeys(task for task, _, _ in keys):
        metrics = list(dict.fromkeys(metric for name, _, metric in keys if name == task))
        domains = in_order(domain for name, domain, _ in keys if name == task)
        figure, axes = panels(
            len(metrics), columns=min(len(metrics), 3), height=2.8, width=max(3.6, 2.4 * min(len(metrics), 3))
        )
        for axis, metric in zip(axes, metrics, strict=True):
            columns = [np.array(list(run.per_image.get((task, domain, metric), {}).values())) for domain in domains]
            _spread(axis, domains, [column[np.isfinite(column)] for column in columns])
            label(axis, title=f"{task}: {head_of(metric, '')}", y="Dice coefficient (0 to 1)")
        caption = (
            f"{task}: Dice of each test image. Box: quartiles and median; whiskers: 5th and 95th percentiles; "
            f"outline: density ({ENOUGH} images or more); points: images. "
            "Images on which Dice is undefined are left out."
        )
        yield Drawing(f"dice.{task}", caption, figure)


def _spread(axis: Axes, domains: list[str], columns: list[np.ndarray]) -> None:
    for place, (values, (_, colour, _)) in enumerate(zip(columns, styles(domains), strict=True), start=1):
        if not len(values):
            continue
        if len(values) >= ENOUGH and np.ptp(values) > 0:
            shapes = axis.violinplot([values], positions=[place], widths=0.8, showextrema=False)
            for shape in cast(Sequence[PolyCollection], shapes["bodies"]):
                shape.set(facecolor=colour, alpha=0.18, edgecolor=colour)
        across = place + 0.28 * ((np.arange(len(values)) * GOLDEN) % 1 - 0.5)
        axis.scatter(across, values, s=6, color=colour, alpha=0.55, linewidths=0, zorder=2)
        axis.boxplot(
            [values],
            positions=[place],
            widths=0.34,
            whis=WHISKERS,
            showfliers=False,
            manage_ticks=False,
            medianprops={"color": BLACK, "linewidth": 1.2},
            boxprops={"linewidth": 0.7},
            whiskerprops={"linewidth": 0.7},
            capprops={"linewidth": 0.7},
            zorder=3,
        )
    names = [f"{plain(domain, 18)}\nn = {len(values)}" for domain, values in zip(domains, columns, strict=True)]
    axis.set_xticks(range(1, len(domains) + 1), names, fontsize=SMALL)
    axis.set_xlim(0.4, len(domains) + 0.6)
    low = min((float(values.min()) for values in columns if len(values)), default=0.0)
    axis.set_ylim(min(0.0, low) if low < 0.5 else max(0.0, low - 0.1), 1.02)
