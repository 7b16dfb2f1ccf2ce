"""Which group an image is in, such as sex, age or view, from the cells of a table's row."""

from collections.abc import Mapping

from ssmtl_sources.table import Row

GROUPS = ("sex", "age", "age_band", "view", "site")
"""What groups are called."""

BANDS = ((18, "0-17"), (40, "18-39"), (65, "40-64"), (150, "65+"))
"""Below which age, in years, which name."""

UNITS = {"Y": 1.0, "M": 12.0, "W": 52.0, "D": 365.0}
"""Of an age, how many are a year; without one, years."""

UNKNOWN = ("unknown", "n/a", "na", "nan", "none")
"""What says that a cell is not known, as an empty one does."""


def groups_of(row: Row, columns: Mapping[str, str]) -> dict[str, str]:
    """Of each group that is known, its name. :param columns: group → column; the table may lack it."""
    cells = {group: row.cells.get(column, "") for group, column in columns.items()}
    named = {group: READERS.get(group, _word)(cell) for group, cell in cells.items()}
    return {group: name for group, name in named.items() if name}


def _word(cell: str) -> str:
    """The cell, letters such as m and pa in capitals. Empty: not known."""
    if cell.lower() in UNKNOWN:
        return ""
    return cell.upper() if len(cell) <= 2 else cell


def _band(cell: str) -> str:
    """Of an age (58, 058Y, 018M, 052W, 007D), its band; other words stay as they are. Empty: not known."""
    number, unit = (cell[:-1], cell[-1].upper()) if cell[-1:].upper() in UNITS else (cell, "Y")
    try:
        years = float(number) / UNITS[unit]
    except ValueError:
        return _word(cell)
    return next((name for limit, name in BANDS if 0 <= years < limit), "")


def _sex(cell: str) -> str:
    """Words as their letters."""
    word = _word(cell)
    return {"male": "M", "female": "F"}.get(word.lower(), word)


READERS = {"age": _band, "sex": _sex}
"""How a group's cell is read, if not as a word."""
