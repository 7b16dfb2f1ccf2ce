"""per_image.csv: the metrics that have one value per image, and whose image it is."""

import csv
import io
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from ssmtl.atomic_file import write_text
from ssmtl.data.rows import Rows
from ssmtl.errors import RunError
from ssmtl.evaluation.predict import Predictions
from ssmtl.evaluation.score import Scores
from ssmtl.regular_file import read_text

COLUMNS = ("task", "domain", "id", "patient", "metric", "value")

PerImage = Mapping[tuple[str, str, str], Mapping[str, float]]
"""By (task, domain, metric), each image's value; NaN where it is not defined."""


def write_per_image(path: Path, scores: Mapping[tuple[str, str], tuple[Rows | Predictions, Scores]]) -> None:
    """:param scores: by (task, domain), what has the images' ids and patients, and their scores."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for (task, domain), (images, one) in scores.items():
        for metric, values in one.per_image.items():
            rows = zip(images.ids, images.patients, values.tolist(), strict=True)
            writer.writerows([task, domain, name, patient, metric, f"{value:.6g}"] for name, patient, value in rows)
    write_text(path, text.getvalue())


def read_per_image(path: Path) -> PerImage:
    """:raises RunError: if the file cannot be read or lacks a column."""
    values: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in _rows(path, set(COLUMNS) - {"patient"}):
        values.setdefault((row["task"], row["domain"], row["metric"]), {})[row["id"]] = _number(row["value"])
    return values


def read_patients(path: Path) -> Mapping[tuple[str, str], Mapping[str, str]]:
    """By (task, domain), each image's patient.

    :raises RunError: if the file cannot be read or lacks a column.
    """
    patients: dict[tuple[str, str], dict[str, str]] = {}
    for row in _rows(path, set(COLUMNS)):
        patients.setdefault((row["task"], row["domain"]), {})[row["id"]] = row["patient"]
    return patients


def _rows(path: Path, needed: set[str]) -> Iterator[dict[str, str]]:
    try:
        reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
        if missing := needed - set(reader.fieldnames or ()):
            raise RunError(f"{path}: no column {', '.join(sorted(missing))}")
        yield from reader
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"{path} cannot be read: {error}") from error


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan
