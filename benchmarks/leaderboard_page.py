"""LEADERBOARD.md from the rows of `methods.yaml`, of its floor, and of the method's own page of facts.

    python benchmarks/leaderboard_page.py            # writes LEADERBOARD.md
    python benchmarks/leaderboard_page.py --check    # fails if it differs

Each board compares systems with one baseline, seed by seed: the mean difference, its 95 % interval by Student's t over
seeds, and p-values after Holm over the systems of a board and a budget.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from leaderboard_confirm import confirmed
from leaderboard_values import RESULTS, Values, difference, mean, paired, read_values

from ssmtl.cost.measured_methods import read_measured
from ssmtl.suite.paired_t import over_seeds
from ssmtl.suite.significance import holm
from ssmtl.suite.suite_file import Suite, read_suite

HERE = Path(__file__).parent
PAGE = HERE / "LEADERBOARD.md"
SUITE, CONFIRM = (HERE / "quality" / f"{name}.yaml" for name in ("methods", "confirm"))
CONFIRMED = """
Written down before any of its runs, then run once ([confirm.yaml](quality/confirm.yaml), commit ae11603): of three
tables below the method with the largest gain of those whose interval is above 0, with seeds 5 to 14, which chose
nothing and are new splits and draws of the same images. What was asked is the difference in its own domain, by a t-test
paired by seed, with Holm's correction over the three; other domains, and all labels against 100, are shown beside it.
"""


@dataclass(frozen=True)
class Board:
    """:param grid: of the suite, by its place, whose first system is the baseline. :param metrics: with their domain.

    :param budgets: labelled images of the task. :param base: the supervised recipe that costs are relative to.
    """

    title: str
    grid: int
    task: str
    metrics: Sequence[tuple[str, str]]
    budgets: Sequence[str]
    base: str
    text: str


def read_costs(base: str) -> dict[str, float]:
    """By method: a training step over that of the supervised recipe `base`, where that was measured."""
    return {one.name: one.ratio for one in read_measured() if one.base == base}


def method_of(system: str) -> str:
    """Without what tells the suite's systems apart, such as `unet_` and `_small`."""
    return re.sub(r"^(unet|balancer|bridge|joint)_|_(classes|small|tuned)$", "", system)


def boards(suite: Suite) -> list[Board]:
    return [
        Board(title, grid, task, metrics, [str(one) for one in suite.grids[grid].budgets[task]], base, text)
        for title, grid, task, metrics, base, text in BOARDS
    ]


AUROC = (("auroc", "in_domain"), ("auroc", "cross_domain"))
DICE = (("dice", "in_domain"), ("dice", "cross_domain"))
BALANCERS = "Both tasks on one encoder, supervised, 100 labelled images and 10 masks; the baseline adds the two losses."
BRIDGES = "The same, with features, gradients or predictions of one task in the other; the baseline has no bridge."
BOARDS = (
    (
        "Classification", 0, "diagnosis", AUROC, "enc",
        "The encoder alone, with 20 and with 100 labelled images and all others without labels.",
    ),
    (
        "Classification, without dropout", 4, "diagnosis", AUROC, "enc",
        "The same, with the learning rate and dropout that suit the baseline with all labels; three of the best above.",
    ),
    (
        "Segmentation", 1, "lungs", DICE, "unet",
        "The U-Net alone, with 3 and with 10 labelled images and all others without masks.",
    ),
    ("Balancers: classification", 2, "diagnosis", AUROC, "umtl", BALANCERS),
    ("Balancers: segmentation", 2, "lungs", DICE, "umtl", BALANCERS),
    ("Bridges: classification", 3, "diagnosis", AUROC, "umtl", BRIDGES),
    ("Bridges: segmentation", 3, "lungs", DICE, "umtl", BRIDGES),
)  # fmt: skip


def table(board: Board, suite: Suite, values: Values) -> Iterator[str]:
    costs = read_costs(board.base)
    systems = suite.grids[board.grid].systems
    baseline = systems[0]
    for budget in board.budgets:
        lines, tests = [], {}
        for metric, domain in board.metrics:
            differences = {one: paired(values, one, baseline, budget, metric, domain) for one in systems[1:]}
            known = {one: over_seeds(found) for one, found in differences.items() if len(found) > 1}
            corrected = dict(zip(known, holm([test.p for test in known.values()]), strict=True))
            tests[metric, domain] = (differences, corrected)
        first = tests[board.metrics[0]][0]
        order = sorted((one for one in systems[1:] if first[one]), key=lambda one: -fmean(first[one]))
        if not order:
            continue
        heads = [f"{_metric(metric)}, {domain.replace('_', '-')}" for metric, domain in board.metrics]
        yield ""
        yield f"**{budget} labelled images of `{board.task}`**"
        yield ""
        yield "| | method | " + " | ".join(f"{head} | difference [95 %], p" for head in heads) + " | cost |"
        yield "| --- | --- | " + " | ".join("--- | ---" for _ in heads) + " | --- |"
        for place, one in enumerate(order, start=1):
            cells = [str(place), _name(suite, one)]
            for key in board.metrics:
                differences, corrected = tests[key]
                cells += [mean(values, one, budget, key), difference(differences[one], corrected.get(one))]
            cost = costs.get(method_of(one))
            lines.append([*cells, "" if cost is None else f"{cost:.1f}×"])
        base = [mean(values, baseline, budget, key) for key in board.metrics]
        lines.append(["", f"*{_name(suite, baseline)}*", *(cell for one in base for cell in (one, "")), "1×"])
        for line in lines:
            yield f"| {' | '.join(line)} |"


def _name(suite: Suite, system: str) -> str:
    return suite.names.get(system, system)


def _metric(name: str) -> str:
    return {"auroc": "AUROC", "dice": "Dice"}[name]


def reach(suite: Suite, values: Values) -> Iterator[str]:
    """The floor, the baseline at each number of labels, and the ceiling."""
    yield "| | labelled images | in-domain | cross-domain |"
    yield "| --- | --- | --- | --- |"
    for place, floor, metric in ((0, "ridge", "auroc"), (1, "mean_mask", "dice")):
        board = next(one for one in boards(suite) if one.grid == place)
        baseline = suite.grids[place].systems[0]
        budgets = board.budgets
        for system in (floor, baseline, f"{baseline}_tuned"):
            for budget in [*budgets, "all"]:
                means = [mean(values, system, budget, (metric, domain)) for domain in ("in_domain", "cross_domain")]
                if any(means):
                    what = {"ridge": "ridge regression on pixels", "mean_mask": "mean mask"}.get(system)
                    what = f"{board.task}, {_metric(metric)}: {what or _name(suite, system)}"
                    yield f"| {what} | {budget} | {' | '.join(means)} |"


def missing(suite: Suite, values: Values) -> Iterator[str]:
    """What the suite asks for and no row answers."""
    for board in boards(suite):
        for budget in board.budgets:
            key = (budget, board.metrics[0][1], board.metrics[0][0])
            names = [_name(suite, one) for one in suite.grids[board.grid].systems if (one, *key) not in values]
            if names:
                yield f"{board.title.lower()}, {budget} labelled images: {', '.join(f'`{one}`' for one in names)}"


def rendered() -> str:
    suite = read_suite(SUITE)
    values = read_values(suite, "results.csv", "floor.csv")
    seeds = len(suite.seeds)
    lines = [
        "# Leaderboard", "",
        "Made by `python benchmarks/leaderboard_page.py` from `benchmarks/leaderboard/`; the runs are those of",
        "`ssmtl bench run benchmarks/quality/methods.yaml`, the floor is that of `python benchmarks/quality/floor.py`.",
        "",
        (RESULTS / "preface.md").read_text(encoding="utf-8").strip(), "",
        *((f"**Without rows so far:** {'; '.join(without)}.", "") if (without := list(missing(suite, values))) else ()),
        "## What there is to gain", "",
        "![Floor and baseline by number of labelled images](leaderboard/labels.png)", "", *reach(suite, values),
    ]  # fmt: skip
    lines += ["", "## The best once more", "", CONFIRMED.strip(), "", *confirmed(read_suite(CONFIRM))]
    for board in boards(suite):
        rows = list(table(board, suite, values))
        lines += ["", f"## {board.title}", "", board.text, *rows] if rows else []
    lines += [
        "",
        f"Means ± SD over {seeds} seeds. Difference: to the baseline in italics, paired by seed. Cost: of a",
        "training step, over that of the supervised recipe ([docs/methods.md](../docs/methods.md#the-columns)).",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        PAGE.write_text(rendered(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != rendered():
        sys.exit("LEADERBOARD.md is not what its rows say; run python benchmarks/leaderboard_page.py")


if __name__ == "__main__":
    main()
