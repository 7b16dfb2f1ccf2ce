"""Bland–Altman plots of foreground area, systems side by side (figure 5 of the MultiMix paper)."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ssmtl.reports.drawing import BLACK, BLUE, SMALL, VERMILLION, WIDTH, Drawing, label, panels, plain
from ssmtl.reports.run.bland_altman import LIMITS, agreement
from ssmtl.reports.suite.finished_suite import CellRun, FinishedSuite, item_of, places_of
from ssmtl.suite.layout import domain_words

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
            shown = suite.focus(task, able, SYSTEMS)
            missing = suite.left_out(able, shown, f"at most {SYSTEMS} systems")
            drawing = _plots(suite, sources, cells, task, domains, shown)
            yield replace(drawing, caption=drawing.caption + missing)


def _plots(
    suite: FinishedSuite,
    sources: str,
    cells: dict[str, list[CellRun]],
    task: str,
    domains: list[str],
    systems: list[str],
) -> Drawing:
    figure, axes = panels(len(domains) * len(systems), len(systems), 2.0, WIDTH)
    for place, axis in enumerate(axes):
        domain, system = domains[place // len(systems)], systems[place % len(systems)]
        first = axes[place - place % len(systems)]
        if axis is not first:
            axis.sharex(first)
            axis.sharey(first)
        predicted, reference = _shares(cells[system][0], (task, domain))
        axis.axhline(0, color=BLACK, linewidth=0.4)
        axis.scatter((predicted + reference) / 2, predicted - reference, s=4, color=BLUE, alpha=0.4, linewidths=0)
        bias, spread = agreement(predicted, reference)
        for height, dashes in ((bias, "-"), (bias - LIMITS * spread, "--"), (bias + LIMITS * spread, "--")):
            if np.isfinite(height):
                axis.axhline(height, color=VERMILLION, linewidth=1.0, linestyle=dashes)
        others = [agreement(*_shares(run, (task, domain)))[0] for run in cells[system][1:]]
        several = f" [{min(others):+.1f} to {max(others):+.1f}]" if others else ""
        words = f"bias {bias:+.1f}{several}\nlimits {bias - LIMITS * spread:+.1f} to {bias + LIMITS * spread:+.1f}"
        label(
            axis,
            title=plain(suite.results.label(system), 24) + "\n\n",
            x="mean of both (% of the image)" if place >= len(axes) - len(systems) else "",
            y=f"{domain_words(domain)}\nprediction − reference (%)" if place % len(systems) == 0 else "",
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
        f"image, first seed of each system (an image's seeds are not independent). Solid: bias; dashed: limits of "
        f"agreement, bias ± {LIMITS} SD. In brackets: the bias of the other seeds, lowest to highest."
    )
    return Drawing(f"agreement.{sources}.{task}", caption, figure)


def _shares(run: CellRun, place: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and reference area of the first structure, in % of the image."""
    item = item_of(run, place, *NEEDED)
    if item is None:
        return np.zeros(0), np.zeros(0)
    pixels = item["sample_images"].shape[1] * item["sample_images"].shape[2]
    predicted, reference = (100 * item[name].reshape(len(item[name]), -1)[:, 0] / pixels for name in NEEDED[:2])
    return predicted, reference
