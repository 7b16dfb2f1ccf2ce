"""Published numbers, from a CSV file beside a suite."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ssmtl.errors import DataError
from ssmtl.suite.aggregate import Group
from ssmtl.suite.results import read_rows


@dataclass(frozen=True)
class Published:
    """As printed: mean and standard deviation, empty if unreadable. :param flag: what is doubtful about them."""

    mean: str
    std: str
    flag: str


class Reference:
    """Published numbers by system, budgets, task, domain and metric."""

    def __init__(self, numbers: Mapping[tuple[str, ...], Published]) -> None:
        self.numbers = numbers

    @classmethod
    def read(cls, path: Path | None) -> "Reference":
        """:param path: None for no numbers. :raises DataError: if the file cannot be read or lacks a column."""
        if path is None:
            return cls({})
        try:
            rows = read_rows(path)
            return cls({_key(row): Published(row["mean"], row["std"], row["flag"]) for row in rows})
        except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
            raise DataError(f"the published numbers {path} cannot be read: {error!r}") from error

    def of(self, group: Group) -> Published | None:
        """The published number of the same system, budgets, task, domain and metric."""
        return self.numbers.get((group.system, group.budgets, group.task, group.domain, group.metric))


def _key(row: Mapping[str, str]) -> tuple[str, ...]:
    return row["system"], row["budgets"], row["task"], row["domain"], row["metric"]
