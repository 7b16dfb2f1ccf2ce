"""The leaderboard's committed rows, and its cells: means, and differences paired by seed."""

import csv
from collections import defaultdict
from pathlib import Path
from statistics import fmean, stdev

from ssmtl.suite.p_value import p_text
from ssmtl.suite.paired_t import over_seeds

RESULTS = Path(__file__).parent / "leaderboard"

Values = dict[tuple[str, str, str, str], dict[int, float]]
"""By system, labelled images, domain and metric, then by seed."""


def read_values(*names: str) -> Values:
    """Of the files in leaderboard/; by default of the suite `methods` and of what needs no network."""
    values: Values = defaultdict(dict)
    for name in names or ("results.csv", "floor.csv"):
        with (RESULTS / name).open(newline="") as file:
            for row in csv.DictReader(file):
                if row["value"]:
                    key = (row["system"], row["labeled"], row["domain"], row["metric"])
                    values[key][int(row["seed"])] = float(row["value"])
    return values


def paired(values: Values, one: str, other: str, budget: str, metric: str, domain: str, than: str = "") -> list[float]:
    """One system less the other, by seed. :param than: labelled images of the other, if not `budget`."""
    ours, theirs = (
        values.get((one, budget, domain, metric), {}),
        values.get((other, than or budget, domain, metric), {}),
    )
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
