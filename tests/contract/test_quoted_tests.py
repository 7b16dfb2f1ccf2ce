"""Every test that docs/faults.md and docs/guarantees.md quote exists, and every guarantee has one."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("faults.md", "guarantees.md")
QUOTED = re.compile(r"`(?:(?P<file>test_\w+\.py)::|…)(?P<name>(?:test_)?\w+)(?P<more>…?)`")


def rows_of(page):
    """The cells of each row of its tables that have a column of tests, without heads and rules."""
    rows, tests = [], False
    for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            tests = False
            continue
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if cells[-1] == "test":
            tests = True
        elif tests and not set(line) <= set("| -"):
            rows.append(cells)
    return rows


def names_in(file):
    paths = list((ROOT / "tests").rglob(file))
    assert len(paths) == 1, f"{len(paths)} files are called {file}"
    return re.findall(r"^def (test_\w+)", paths[0].read_text(encoding="utf-8"), re.MULTILINE)


def missing(cell):
    """What the cell quotes and no file has; '…' in front of a name stands for the file, after it for the name's end."""
    found, file = [], None
    for quoted in QUOTED.finditer(cell):
        file = quoted["file"] or file
        name, whole = quoted["name"], not quoted["more"]
        if not name.startswith("test_"):
            name = f"test_{name}"
        if file is None or not any(one == name if whole else one.startswith(name) for one in names_in(file)):
            found.append(f"{file}::{name}")
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_quoted_test_exists(page):
    rows = rows_of(page)
    assert len(rows) > 25
    assert [one for row in rows for one in missing(row[-1])] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_row_quotes_a_test_and_nothing_else(page):
    for row in rows_of(page):
        assert row[-1].count("`") == 2 * len(QUOTED.findall(row[-1])) > 0, row


def test_what_does_not_exist_is_found():
    assert missing("`test_quoted_tests.py::test_every…`, `…test_what_does_not_exist_is_found`") == []
    assert missing("`test_quoted_tests.py::test_nothing`") == ["test_quoted_tests.py::test_nothing"]
    assert missing("`test_quoted_tests.py::test_every`") == ["test_quoted_tests.py::test_every"]
    assert missing("`test_quoted_tests.py::test_every…`, `…nothing…`") == ["test_quoted_tests.py::test_nothing"]
