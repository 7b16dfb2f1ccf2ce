"""Bland–Altman plots of foreground area, systems side by side (figure 5 of the MultiMix paper)."""

from collections.abc import Iterator

import numpy as np

from ssmtl.reports.drawing import BLACK, BLUE, SMALL, VERMILLION, WIDTH, Drawing, label, panels, plain
from ssmtl.reports.run.bland_altman import LIMITS, agreement
from ssmtl.reports.suite.finished_suite import CellRun, FinishedSuite, item_of, places_of

NEEDED = ("foreground_predicted", "foreground_reference", "sample_images")
SYSTEMS = 4


def draw_agreement(suite: FinishedSuite) -> Iterator[Drawing]:
    """One drawing per sources file and mask task: one row per domain, one column per system."""
    for sources in suite.sources:
        cells = suite.main(sources)
        places = places_of(cells, *NEEDED)
        for task in dict.fromkeys(task for task, _ in places):
            domains = [domain for name, domain in places if name == task]
            able = [name for name, runs in cells.items() if item_of(runs[0], (task, domains[0]), *NEEDED)]
            yield _plots(suite, sources, cells, task, domains, suite.focus(task, able, SYSTEMS))


def _plots(
    suite: FinishedSuite,
    sources: str,
    cells: dict[str, list[CellRun]],
    task: str,
    domains: list[str],
    systems: list[str],
) -> Drawing:
    figure, axes = panels(len(domains) * len(systems), len(systems), 1.85, WIDTH)
    for place, axis in enumerate(axes):
        domain, system = domains[place // len(systems)], systems[place % len(systems)]
        first = axes[place - place % len(systems)]
        if axis is not first:
            axis.sharex(first)
            axis.sharey(first)
        predicted, reference = _shares(cells[system], (task, domain))
        axis.axhline(0, color=BLACK, linewidth=0.4)
        axis.scatter((predicted + reference) / 2, predicted - reference, s=4, color=BLUE, alpha=0.4, linewidths=0)
        bias, spread = agreement(predicted, reference)
        for height, dashes in ((bias, "-"), (bias - LIMITS * spread, "--"), (bias + LIMITS * spread, "--")):
            if np.isfinite(height):
                axis.axhline(height, color=VERMILLION, linewidth=1.0, linestyle=dashes)
        words = f"bias {bias:+.1f}, limits {bias - LIMITS * spread:+.1f} to {bias + LIMITS * spread:+.1f}"
        label(
            axis,
            title=plain(suite.results.label(system), 24) + "\n",
            x="mean of both (% of the image)" if place >= len(axes) - len(systems) else "",
            y=f"{domain.replace('_', ' ')}\nprediction − reference (%)" if place % len(systems) == 0 else "",
        )
        axis.text(
            0.0,
            1.03,
            words.replace("-", "−"),
            transform=axis.transAxes,
            fontsize=SMALL - 1,
            va="bottom",
            color=VERMILLION,
        )
    caption = (
        f"{sources}, {task}: Bland–Altman plot of the segmented area in per cent of the image, one point per "
        f"image and seed. Solid: bias; dashed: limits of agreement, bias ± {LIMITS} SD."
    )
    return Drawing(f"agreement.{sources}.{task}", caption, figure)


def _shares(runs: list[CellRun], place: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and reference area of the first structure, in % of the image, all seeds."""
    both: tuple[list[float], list[float]] = ([], [])
    for run in runs:
        item = item_of(run, place, *NEEDED)
        if item is not None:
            pixels = item["sample_images"].shape[1] * item["sample_images"].shape[2]
            for kept, name in zip(both, NEEDED, strict=False):
                counts = item[name].reshape(len(item[name]), -1)[:, 0]
                kept.extend(100 * counts / pixels)
    return np.array(both[0]), np.array(both[1])
