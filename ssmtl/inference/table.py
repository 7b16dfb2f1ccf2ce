"""predictions.csv or predictions.parquet, and failed.csv."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ssmtl.atomic_file import replacing, write_text
from ssmtl.contracts.head import Output
from ssmtl.errors import DataError
from ssmtl.inference.prediction import Prediction

Format = Literal["csv", "parquet"]

Cell = str | int | float | None


FIRST: dict[str, type] = {"image": str, "height": int, "width": int}
LAST: dict[str, type] = {"spacing": str}


def decision_column(task: str) -> str:
    """The task's own name, unless a column of ours has it."""
    return f"task {task}" if task in {**FIRST, **LAST} else task


def columns_of(tasks: Mapping[str, Output], several: bool) -> dict[str, type]:
    """The columns and their types, in order. :param several: whether there is a disagreement."""
    columns = dict(FIRST)
    for task, output in tasks.items():
        if output.kind != "masks":
            if output.kind != "numbers":
                columns[decision_column(task)] = str
            columns |= {f"{task}.{name}": float for name in output.classes}
        else:
            for name in output.classes:
                columns |= {f"{task}.{name}.pixels": int, f"{task}.{name}.mm2": float, f"{task}.{name}.mask": str}
        if several:
            columns |= {f"{task}.{name}.disagreement": float for name in output.classes}
    return columns | LAST


def cells_of(one: Prediction, masks: Mapping[tuple[str, str], str]) -> dict[str, Cell]:
    """By column. :param masks: by task and structure, the file of the mask."""
    cells: dict[str, Cell] = {"image": one.name, "height": one.size[0], "width": one.size[1]}
    cells["spacing"] = None
    if one.spacing:
        cells["spacing"] = f"{one.spacing.rows:g}x{one.spacing.columns:g} mm ({one.spacing.at})"
    for task, labels in one.labels.items():
        cells[decision_column(task)] = labels.decision
        cells |= {f"{task}.{name}": value for name, value in labels.probabilities.items()}
        cells |= {f"{task}.{name}.disagreement": value for name, value in labels.disagreement.items()}
    for task, numbers in one.numbers.items():
        cells |= {f"{task}.{name}": value for name, value in numbers.values.items()}
        cells |= {f"{task}.{name}.disagreement": value for name, value in numbers.disagreement.items()}
    for task, found in one.masks.items():
        for name, count in found.pixels.items():
            cells[f"{task}.{name}.pixels"] = count
            cells[f"{task}.{name}.mm2"] = found.mm2.get(name)
            cells[f"{task}.{name}.mask"] = masks.get((task, name))
        cells |= {f"{task}.{name}.disagreement": value for name, value in found.disagreement.items()}
    return cells


def fits(columns: Mapping[str, type], cells: Mapping[str, Any]) -> bool:
    """Whether a row is of this table: a line of progress.jsonl may have been changed."""
    return set(cells) == set(columns) and all(
        cell is None or isinstance(cell, columns[name]) for name, cell in cells.items()
    )


def write_table(folder: Path, kind: Format, columns: Mapping[str, type], rows: Sequence[Mapping[str, Cell]]) -> Path:
    """One line per image. Numbers have six digits in a CSV, and are exact in Parquet."""
    path = folder / f"predictions.{kind}"
    if kind == "parquet":
        arrow = _arrow()
        types = {str: arrow.string(), int: arrow.int64(), float: arrow.float64()}
        schema = arrow.schema([(name, types[one]) for name, one in columns.items()])
        from pyarrow import parquet

        with replacing(path) as file:
            plain = [{name: _unicode(cell) for name, cell in row.items()} for row in rows]
            parquet.write_table(arrow.Table.from_pylist(plain, schema=schema), file)
        return path
    write_csv(path, list(columns), [[_text(row.get(name)) for name in columns] for row in rows])
    return path


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def check_format(kind: Format) -> None:
    """:raises DataError: without pyarrow, which Parquet needs."""
    if kind == "parquet":
        _arrow()


def _arrow() -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise DataError(f"--format parquet needs pyarrow: pip install 'ssmtl[parquet]' ({error})") from error
    return pyarrow


def _unicode(cell: Cell) -> Cell:
    """Bytes of a file name that are no UTF-8 as escapes, as in the CSV."""
    return cell.encode("utf-8", "backslashreplace").decode() if isinstance(cell, str) else cell


def as_text(path: str) -> str:
    """A path, or a sentence that begins with one, which no spreadsheet takes for a formula: `./=1+1.png`."""
    return f"./{path}" if path.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else path


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)
