"""CSV tables with error messages that name the file, line and column."""

import csv
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from ssmtl import DataError, open_file

SEPARATORS = {";": "semicolons", "\t": "tabs"}
"""What other programs put between cells, in place of a comma."""


@dataclass(frozen=True)
class Row:
    """One line of a table; cells are stripped of surrounding blanks."""

    table: Path
    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def error(self, column: str, what: str) -> DataError:
        """An error for the caller to raise: the file, line and column, then `what`."""
        return DataError(f"{self.table}, line {self.line}, column '{column}': {what}")


@dataclass(frozen=True)
class Table:
    """A table's columns, and its rows in the order in the file."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def require(self, columns: Iterable[str]) -> None:
        """:raises DataError: if a column is missing; it names the first one, and the most similar existing column."""
        for column in columns:
            if column not in self.columns:
                close = difflib.get_close_matches(column, self.columns, n=1)
                found = f"did you mean '{close[0]}'? It has" if close else "it has"
                raise DataError(f"{self.path} has no column '{column}'; {found}: {', '.join(self.columns)}")


def read_table(path: Path, required: Iterable[str] = ()) -> Table:
    """A comma-separated UTF-8 table with a header; blank lines are skipped.

    :raises DataError: if it is missing, empty, not UTF-8, lacks a required column, or a line has too few or too many
        cells; if semicolons or tabs separate its cells.
    """
    try:
        with open_file(path) as file:
            text = file.read().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"table {path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"table {path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    reader = csv.reader(StringIO(text, newline=""))
    try:
        table = _parse(path, ((reader.line_num, cells) for cells in reader))
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}") from error
    table.require(required)
    return table


def _parse(path: Path, lines: Iterable[tuple[int, Sequence[str]]]) -> Table:
    columns: tuple[str, ...] = ()
    rows = []
    for line, cells in lines:
        stripped = tuple(cell.strip() for cell in cells)
        if not any(stripped):
            continue
        if not columns:
            columns = stripped
            twice = {column for column in columns if column and columns.count(column) > 1}
            if twice:
                raise DataError(f"{path} has two columns '{min(twice)}'")
            _check_separator(path, columns)
            continue
        if len(stripped) != len(columns):
            raise DataError(
                f"{path}, line {line} has {len(stripped)} cells; its header has {len(columns)} ({', '.join(columns)})"
            )
        rows.append(Row(path, line, dict(zip(columns, stripped, strict=True))))
    if not rows:
        raise DataError(f"table {path} has no rows" if columns else f"table {path} is empty")
    return Table(path, columns, tuple(rows))


def _check_separator(path: Path, columns: Sequence[str]) -> None:
    """:raises DataError: if the header is one cell that another separator would make several."""
    for sign, name in SEPARATORS.items():
        if len(columns) == 1 and sign in columns[0]:
            shown = ", ".join(part.strip() for part in columns[0].split(sign))
            raise DataError(f"{path} is separated by {name}; expected commas (its header: {shown})")
