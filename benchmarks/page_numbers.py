"""Numbers of committed tables as a page writes them."""

import csv
import math
import statistics
from collections.abc import Mapping
from pathlib import Path

from ssmtl.suite.p_value import p_text

RESULTS = Path(__file__).parent / "results"


def number(text: str) -> str:
    """Three decimals; a dash for none."""
    return f"{float(text):.3f}".replace("-", "−") if text else "–"


def signed(text: str) -> str:
    """Three decimals and a sign, but of what rounds to nothing."""
    value = float(text)
    return "0.000" if abs(value) < 0.0005 else f"{value:+.3f}".replace("-", "−")


def p_value(text: str, floor: bool = False) -> str:
    """:param floor: whether it is the smallest that there can be."""
    value = float(text) if text else math.nan
    return p_text(value, value if floor else 0.0)


def rows_of(path: Path) -> list[dict[str, str]]:
    """Of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def fits(row: Mapping[str, str], keys: Mapping[str, str]) -> bool:
    """Whether the row has these."""
    return all(row[key] == value for key, value in keys.items())


def value(table: str, column: str, **keys: str) -> str:
    """The number in the one row of `results/TABLE.csv` that has these keys."""
    (row,) = [row for row in rows_of(RESULTS / f"{table}.csv") if fits(row, keys)]
    return number(row[column])


def spread(table: str, **keys: str) -> str:
    """Mean and standard deviation over seeds, of the one row of `results/TABLE.csv` that has these keys."""
    return f"{value(table, 'mean', **keys)} ± {value(table, 'std', **keys)}"


def ratio(name: str) -> str:
    """The median ratio of a paired timing."""
    return f"{statistics.median(float(row['ratio']) for row in rows_of(RESULTS / f'{name}.csv')):.2f}"


def audit(column: str, what: str) -> str:
    """Of the label of the adults who are tested (quality/label_audit.py)."""
    return value("across_ages/audit", column, part="tested", what=what)
