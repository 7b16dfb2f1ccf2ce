"""What labels are worth on the images of `methods.yaml`: floor and baseline by number of labels, from committed rows.

python benchmarks/labels_figure.py
"""

from pathlib import Path
from statistics import fmean

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from leaderboard_page import SUITE
from leaderboard_values import Values, read_values
from matplotlib.axes import Axes

from ssmtl.suite.suite_file import read_suite

FIGURE = Path(__file__).parent / "leaderboard" / "labels.png"
NETWORK, TUNED, FLOOR = ("-", "o"), ("--", "s"), (":", "x")
PANELS = (
    (
        "Diagnosis", "AUROC", "auroc", ("20", "100", "all"),
        {
            "supervised": ("network", NETWORK), "supervised_tuned": ("without dropout", TUNED),
            "ridge": ("ridge on pixels", FLOOR),
        },
    ),
    (
        "Lungs", "Dice", "dice", ("3", "10", "all"),
        {"unet_supervised": ("network", NETWORK), "mean_mask": ("mean mask", FLOOR)},
    ),
)  # fmt: skip
DOMAINS = (("in_domain", "in-domain", "tab:blue"), ("cross_domain", "cross-domain", "tab:orange"))


def draw(axes: Axes, values: Values, panel: tuple) -> None:
    """Each seed a dot, lines through the means."""
    title, unit, metric, budgets, systems = panel
    for domain, words, color in DOMAINS:
        for one, (name, (style, marker)) in systems.items():
            found = {place: list(values[one, n, domain, metric].values()) for place, n in enumerate(budgets)}
            means = {place: fmean(seeds) for place, seeds in found.items() if seeds}
            axes.plot(list(means), list(means.values()), style, color=color, label=f"{name}, {words}")
            for place, seeds in found.items():
                axes.plot([place] * len(seeds), seeds, marker, color=color, alpha=0.5, markersize=4)
    axes.set_xticks(range(len(budgets)), budgets)
    axes.set_xlabel("labelled images")
    axes.set_ylabel(unit)
    axes.set_title(title)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2)


if __name__ == "__main__":
    rows = read_values(read_suite(SUITE), "results.csv", "floor.csv")
    figure, both = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for axes, panel in zip(both, PANELS, strict=True):
        draw(axes, rows, panel)
    figure.savefig(FIGURE, dpi=110, metadata={"Software": None})
