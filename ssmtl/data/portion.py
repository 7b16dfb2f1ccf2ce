"""A source that is a fixed portion of the patients of a data set, for any seed: to develop on, or to report on."""

from typing import TYPE_CHECKING

from ssmtl.contracts.random_stream import key
from ssmtl.data.parts import patient_names
from ssmtl.errors import DataError

if TYPE_CHECKING:
    from ssmtl.data.pool import SourceFiles


def place(patient: str) -> float:
    """Where a patient comes in the order, in [0, 1): a pure function of the name."""
    return (key("portion", patient) >> 11) / 2**53


def outside_portions(files: "SourceFiles") -> dict[str, frozenset[str]]:
    """By source whose entry has a portion, the ids of the images of everybody else.

    A person with several names in the source has the place of the first in the alphabet.

    :raises DataError: if nobody is left.
    """
    outside: dict[str, frozenset[str]] = {}
    for source, examples in files.examples.items():
        portion = files.entries[source].portion
        if portion is None:
            continue
        names = patient_names(examples, files.persons(source))
        outside[source] = frozenset(one for one, name in names.items() if not portion[0] <= place(name) < portion[1])
        if len(outside[source]) == len(examples):
            raise DataError(f"the source '{source}': none of its patients is in the portion {portion}")
    return outside
