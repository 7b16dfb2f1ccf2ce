"""Forest plot of a suite's questions, from its committed table:  python benchmarks/forest_figure.py NAME [QUESTION …]

results/NAME/forest.png: one row per comparison; the difference, its 95 % interval over patients and seeds, and a tick
at each end of that over seeds alone. To the right of the line, the suite's own system is better.
"""

import argparse
import csv
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from ssmtl.suite.p_value import p_text

RESULTS = Path(__file__).parent / "results"
LEVEL = 0.05
WORDS = {"auroc": "AUROC", "dice": "Dice", "in_domain": "own domain", "cross_domain": "other domain"}


def label_of(row: dict[str, str], names: dict[str, str]) -> str:
    """'AUROC, own domain, against U-Net'."""
    what = ", ".join(WORDS.get(row[key], row[key].replace("_", " ")) for key in ("metric", "domain"))
    return f"{what}, against {names.get(row['against'], row['against'])}"


def draw(axes: Axes, rows: list[dict[str, str]], names: dict[str, str]) -> None:
    """A row is dark where p of the bootstrap, after Holm's correction, is below 0.05."""
    places = range(len(rows))
    for place, row in zip(places, rows, strict=True):
        middle, low, high = (float(row[key]) for key in ("difference", "low", "high"))
        p, least = float(row["p_boot_holm"]), row["p_boot"] == row["p_boot_least"]
        color = "tab:blue" if p < LEVEL else "tab:gray"
        axes.plot([low, high], [place, place], color=color, linewidth=3, solid_capstyle="butt")
        axes.plot(middle, place, "o", color=color, markersize=7)
        if row["seeds_low"]:
            axes.plot(
                [float(row["seeds_low"]), float(row["seeds_high"])], [place, place], "|", color=color, markersize=9
            )
        text = f"{middle:+.3f} [{low:+.3f}, {high:+.3f}]  p {p_text(p, p if least else 0.0)}".replace("-", "−")
        axes.annotate(
            text, (1.02, place), xycoords=("axes fraction", "data"), va="center", fontsize=8, annotation_clip=False
        )
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(places, [label_of(row, names) for row in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)
    axes.tick_params(axis="x", labelsize=8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="folder in benchmarks/results")
    parser.add_argument("questions", nargs="*", help="those drawn; all if none is named")
    arguments = parser.parse_args()
    folder = RESULTS / arguments.name
    names = json.loads((folder / "suite.json").read_text(encoding="utf-8"))["names"]
    with (folder / "tables" / "significance.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["low"]]
    questions = list(dict.fromkeys(row["question"] for row in rows))
    if unknown := [one for one in arguments.questions if one not in questions]:
        raise SystemExit(f"{arguments.name} has no question {unknown[0]!r}; it has: {', '.join(questions)}")
    wanted = arguments.questions or questions
    groups = {one: [row for row in rows if row["question"] == one] for one in wanted}
    figure, panels = plt.subplots(
        len(groups), 1, figsize=(9, 0.7 * len(groups) + 0.32 * sum(map(len, groups.values()))), squeeze=False,
        sharex=True, gridspec_kw={"height_ratios": [len(one) for one in groups.values()]}, layout="constrained",
    )  # fmt: skip
    for axes, (question, group) in zip(panels[:, 0], groups.items(), strict=True):
        draw(axes, group, names)
        axes.set_title(question, fontsize=9, loc="left")
    words = "difference (right of the line: better), 95 % interval over patients and seeds; ticks: over seeds alone"
    panels[-1, 0].set_xlabel(words, fontsize=8)
    figure.savefig(folder / "forest.png", dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
