"""Dice over test images, one box per system (figure 3 of the MultiMix paper)."""

from collections.abc import Iterator

import numpy as np

from ssmtl.reports.domains import in_order
from ssmtl.reports.drawing import BLACK, BLUE, SMALL, WHISKERS, WIDTH, Drawing, label, panels, plain
from ssmtl.reports.suite.finished_suite import CellRun, FinishedSuite, run_of
from ssmtl.suite.layout import domain_words


def draw_dice(suite: FinishedSuite) -> Iterator[Drawing]:
    """One drawing per sources file and task with Dice: one panel per domain."""
    for sources in suite.sources:
        cells = suite.main(sources)
        keys = [key for runs in cells.values() for key in run_of(runs[0].folder).per_image if key[2] == "dice"]
        for task in dict.fromkeys(task for task, _, _ in keys):
            domains = in_order(domain for name, domain, _ in keys if name == task)
            systems = [
                name for name in suite.results.systems if name in cells and _values(cells[name], task, domains[0])
            ]
            if systems:
                yield _boxes(suite, sources, cells, task, domains, systems)


def _values(runs: list[CellRun], task: str, domain: str) -> list[float]:
    pooled = [value for run in runs for value in run_of(run.folder).per_image.get((task, domain, "dice"), {}).values()]
    return [value for value in pooled if np.isfinite(value)]


def _counts(of_systems: list[int]) -> str:
    """'40', or '8 to 40, by system'."""
    least, most = min(of_systems), max(of_systems)
    return str(most) if least == most else f"{least} to {most}, by system"


def _boxes(
    suite: FinishedSuite,
    sources: str,
    cells: dict[str, list[CellRun]],
    task: str,
    domains: list[str],
    systems: list[str],
) -> Drawing:
    figure, axes = panels(len(domains), len(domains), 0.28 * len(systems) + 0.75, WIDTH)
    least = 1.0
    for place, (axis, domain) in enumerate(zip(axes, domains, strict=True)):
        columns = [_values(cells[name], task, domain) for name in systems]
        drawn = axis.boxplot(
            columns, orientation="horizontal", widths=0.62, patch_artist=True, whis=WHISKERS, showfliers=False,
            medianprops={"color": BLACK, "linewidth": 1.3}, boxprops={"linewidth": 0.6},
            whiskerprops={"linewidth": 0.7}, capprops={"linewidth": 0.7},
        )  # fmt: skip
        for box in drawn["boxes"]:
            box.set(facecolor=BLUE, alpha=0.35)
        means = [float(np.mean(column)) if column else np.nan for column in columns]
        axis.plot(means, range(1, len(systems) + 1), "D", color=BLACK, markersize=2.6)
        names = [plain(suite.results.label(name), 44) for name in systems] if place == 0 else [""] * len(systems)
        axis.set_yticks(range(1, len(systems) + 1), names, fontsize=SMALL)
        axis.invert_yaxis()
        axis.grid(axis="x", linewidth=0.3, alpha=0.6)
        least = min([least, *(float(np.percentile(column, 5)) for column in columns if column)])
        label(axis, title=domain_words(domain), x="Dice coefficient (0 to 1)")
    for axis in axes:
        axis.set_xlim(max(0.0, least - 0.03), 1.0)
    tested = ", ".join(
        f"{domain_words(domain)} {_counts([len(_values(cells[name][:1], task, domain)) for name in systems])}"
        for domain in domains
    )
    caption = (
        f"{sources}, {task}: Dice of each test image, the seeds of a system pooled (images of each seed: {tested}). "
        "Box: quartiles and median; whiskers: 5th and 95th percentiles; diamond: mean."
    )
    return Drawing(f"dice.{sources}.{task}", caption, figure)
