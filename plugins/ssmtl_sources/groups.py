"""Which group an image is in, such as sex, age or view, from the cells of a table's row."""

from collections.abc import Mapping

from ssmtl_sources.table import Row

GROUPS = ("sex", "age", "age_band", "view", "site")
"""What groups are called."""

BANDS = ((18, "0-17"), (40, "18-39"), (65, "40-64"), (150, "65+"))
"""Below which age, in years, which name."""

UNITS = {"Y": 1.0, "M": 12.0, "D": 365.0}
"""Of an age, how many are a year; without one, years."""


def groups_of(row: Row, columns: Mapping[str, str]) -> dict[str, str]:
    """Of each group that is known, its name. :param columns: group → column; the table may lack it."""
    cells = {group: row.cells.get(column, "") for group, column in columns.items()}
    named = {group: _band(cell) if group == "age" else cell for group, cell in cells.items()}
    return {group: name for group, name in named.items() if name}


def _band(cell: str) -> str:
    """Of an age (58, 058Y, 018M, 007D), its band; other words stay as they are. Empty: not known."""
    unit = cell[-1:] if cell[-1:] in UNITS else "Y"
    try:
        years = float(cell.removesuffix(unit)) / UNITS[unit]
    except ValueError:
        return cell
    return next((name for limit, name in BANDS if 0 <= years < limit), "")
