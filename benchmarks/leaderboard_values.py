"""The leaderboard's committed rows, and its cells: means, and differences paired by seed."""

import csv
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean, stdev

from ssmtl.suite.p_value import p_text
from ssmtl.suite.paired_t import over_seeds
from ssmtl.suite.suite_file import Suite

RESULTS = Path(__file__).parent / "leaderboard"
METRICS = ("auroc", "dice")
FLOORS = ("ridge", "mean_mask")

Values = dict[tuple[str, str, str, str], dict[int, float]]
"""By system, labelled images, domain and metric, then by seed."""


def read_values(suite: Suite, *names: str) -> Values:
    """AUROC and Dice of the files in leaderboard/, which are of this suite or of what needs no network.

    Ends the program at a row of another system, at a second row of a run, at a value that is none in [0, 1], and where
    a system has not every seed of the suite: a mean over other seeds would be shown as if it were one of these.
    """
    values: Values = defaultdict(dict)
    known = {*suite.systems, *FLOORS}
    for name in names:
        with (RESULTS / name).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["metric"] in METRICS:
                    key, seed = (row["system"], row["labeled"], row["domain"], row["metric"]), int(row["seed"])
                    value = float(row["value"] or "nan")
                    if row["system"] not in known or seed in values[key] or not 0 <= value <= 1:
                        sys.exit(f"{name}: {key}, seed {seed}: not of the suite, a second row, or {row['value']!r}")
                    values[key][seed] = value
    check_seeds(suite, ", ".join(names), values)
    return values


def check_seeds(suite: Suite, place: str, found: Mapping[tuple[str, ...], Mapping[int, object]]) -> None:
    """Ends the program where something has other seeds than the suite. :param found: by what it is, then by seed."""
    for key, seeds in found.items():
        if set(seeds) != set(suite.seeds):
            sys.exit(f"{place}: {key} has seeds {sorted(seeds)}, expected {list(suite.seeds)}")


def paired(values: Values, one: str, other: str, budget: str, metric: str, domain: str, than: str = "") -> list[float]:
    """One system less the other, by seed. :param than: labelled images of the other, if not `budget`."""
    ours = values.get((one, budget, domain, metric), {})
    theirs = values.get((other, than or budget, domain, metric), {})
    return [ours[seed] - theirs[seed] for seed in sorted(set(ours) & set(theirs))]


def mean(values: Values, system: str, budget: str, key: tuple[str, str]) -> str:
    """:param key: metric and domain."""
    found = list(values.get((system, budget, key[1], key[0]), {}).values())
    if not found:
        return ""
    spread = f" ± {stdev(found):.3f}" if len(found) > 1 else ""
    return f"{fmean(found):.3f}{spread}"


def difference(found: list[float], p: float | None) -> str:
    """:param p: corrected; bold below 0.05."""
    if len(found) < 2 or p is None:
        return ""
    words = f"{interval(found)}, {p_text(p)}"
    return f"**{words}**" if p < 0.05 else words


def interval(found: list[float]) -> str:
    test = over_seeds(found)
    return f"{_signed(fmean(found))} [{_signed(test.low)}, {_signed(test.high)}]"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
