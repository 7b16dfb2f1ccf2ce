"""Patients from a column of a table."""

import re

from ssmtl_sources.table import Table

NUMBER = re.compile(r"([0-9]+)(\.0)?")
"""A whole number as pandas writes it: 3.0 in a column with gaps."""


def patients_of(table: Table, column: str) -> dict[int, str]:
    """By line, the patient; without lines whose cell is empty. In a column of whole numbers `3.0` is `3`."""
    patients = {row.line: row[column] for row in table.rows if row[column]}
    numbers = {line: NUMBER.fullmatch(patient) for line, patient in patients.items()}
    if not all(numbers.values()):
        return patients
    return {line: number[1] for line, number in numbers.items() if number}
