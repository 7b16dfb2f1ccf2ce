"""What labels are worth on the images of `methods.yaml`: floor and baseline by number of labels, from committed rows.

python benchmarks/labels_figure.py
"""

from pathlib import Path
from statistics import fmean

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from leaderboard_values import Values, read_values
from matplotlib.axes import Axes

FIGURE = Path(__file__).parent / "leaderboard" / "labels.png"
PANELS = (
    ("Diagnosis", "AUROC", "auroc", ("20", "100", "all"), "supervised", ("ridge", "ridge on pixels")),
    ("Lungs", "Dice", "dice", ("3", "10", "all"), "unet_supervised", ("mean_mask", "mean mask")),
)
DOMAINS = (("in_domain", "in-domain", "tab:blue"), ("cross_domain", "cross-domain", "tab:orange"))


def draw(axes: Axes, values: Values, panel: tuple[str, str, str, tuple[str, ...], str, tuple[str, str]]) -> None:
    """Each seed a dot, lines through the means."""
    title, unit, metric, budgets, system, (floor, floor_name) = panel
    for domain, words, color in DOMAINS:
        for one, name, style, marker in ((system, "network", "-", "o"), (floor, floor_name, ":", "x")):
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
    rows = read_values()
    figure, both = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for axes, panel in zip(both, PANELS, strict=True):
        draw(axes, rows, panel)
    figure.savefig(FIGURE, dpi=110, metadata={"Software": None})
