"""per_image.csv: the metrics that have one value per image."""

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path

from ssmtl.atomic_file import write_text
from ssmtl.errors import RunError
from ssmtl.evaluation.score import Scores
from ssmtl.regular_file import read_text

COLUMNS = ("task", "domain", "id", "metric", "value")

PerImage = Mapping[tuple[str, str, str], Mapping[str, float]]
"""By (task, domain, metric), each image's value; NaN where it is not defined."""


def write_per_image(path: Path, scores: Mapping[tuple[str, str], tuple[tuple[str, ...], Scores]]) -> None:
    """:param scores: by (task, domain), the images' ids and their scores."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for (task, domain), (ids, one) in scores.items():
        for metric, values in one.per_image.items():
            pairs = zip(ids, values.tolist(), strict=True)
            writer.writerows([task, domain, image, metric, f"{value:.6g}"] for image, value in pairs)
    write_text(path, text.getvalue())


def read_per_image(path: Path) -> PerImage:
    """:raises RunError: if the file cannot be read or lacks a column."""
    values: dict[tuple[str, str, str], dict[str, float]] = {}
    try:
        reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
        if missing := set(COLUMNS) - set(reader.fieldnames or ()):
            raise RunError(f"{path}: no column {', '.join(sorted(missing))}")
        for row in reader:
            key = (row["task"], row["domain"], row["metric"])
            values.setdefault(key, {})[row["id"]] = _number(row["value"])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    return values


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan
