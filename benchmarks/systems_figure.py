"""A suite's systems side by side, from its committed rows:  python benchmarks/systems_figure.py NAME PICTURE [SYSTEM …]

A panel for each metric and domain; each seed a dot, the mean a line; the system that the suite asks about is orange.
"""

import argparse
import csv
import json
from collections import defaultdict
from pathlib import Path
from statistics import fmean

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

RESULTS = Path(__file__).parent / "results"
PANELS = (
    ("auroc", "in_domain", "Pneumonia: AUROC"),
    ("dice", "in_domain", "Lungs: Dice"),
    ("dice", "cross_domain", "Lungs in COVID-19: Dice"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="folder in benchmarks/results")
    parser.add_argument("picture", type=Path)
    parser.add_argument("systems", nargs="*", help="in this order; all if none is given")
    arguments = parser.parse_args()
    folder = RESULTS / arguments.name
    suite = json.loads((folder / "suite.json").read_text(encoding="utf-8"))
    own = suite["compare"][0]["system"]
    systems = arguments.systems or suite["systems"]
    if unknown := set(systems) - set(suite["systems"]):
        parser.error(
            f"{arguments.name} has no system {', '.join(sorted(unknown))}; it has {', '.join(suite['systems'])}"
        )
    values: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with (folder / "results.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            values[row["metric"], row["domain"]][row["system"]].append(float(row["value"]))
    figure, panels = plt.subplots(1, len(PANELS), figsize=(9, 2.6), sharey=True, layout="constrained")
    for axes, (metric, domain, title) in zip(panels, PANELS, strict=True):
        for place, system in enumerate(systems):
            color = "tab:orange" if system == own else "tab:gray"
            if found := values[metric, domain][system]:
                axes.plot(found, [place] * len(found), "o", color=color, alpha=0.5, markersize=4, markeredgewidth=0)
                axes.plot(fmean(found), place, "|", color=color, markersize=16, markeredgewidth=2.5)
            else:
                where = {"xycoords": ("axes fraction", "data"), "ha": "center", "va": "center"}
                axes.annotate("has no such task", (0.5, place), fontsize=7, color="tab:gray", **where)
        axes.set_title(title, fontsize=9)
        axes.set_yticks(range(len(systems)), [suite["names"].get(one, one) for one in systems])
        axes.set_ylim(len(systems) - 0.5, -0.5)
        axes.tick_params(labelsize=8)
        axes.grid(axis="x", alpha=0.3)
    figure.savefig(arguments.picture, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
