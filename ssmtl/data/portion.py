"""A source that is a fixed portion of the patients of a data set, for any seed: to develop on, or to report on."""

from typing import TYPE_CHECKING

from ssmtl.contracts.random_stream import key
from ssmtl.data.parts import patient_names
from ssmtl.errors import DataError
from ssmtl.wording import counted

if TYPE_CHECKING:
    from ssmtl.data.pool import SourceFiles


def place(patient: str) -> float:
    """Where a patient comes in the order, in [0, 1): a pure function of the name."""
    return (key("portion", patient) >> 11) / 2**53


def within_portions(files: "SourceFiles") -> "SourceFiles":
    """Each source with nobody but its entry's portion, whoever the other sources hold.

    Patients of a source who share a byte-identical image are one person, whose place is that of the first name in the
    alphabet. Files are read to tell, if an entry has a portion.

    :raises DataError: if nobody is left.
    """
    outside: dict[str, frozenset[str]] = {}
    for source, examples in files.examples.items():
        portion = files.entries[source].portion
        if portion is None:
            continue
        names = patient_names(examples, files.only({source}).persons(source))
        outside[source] = frozenset(one for one, name in names.items() if not portion[0] <= place(name) < portion[1])
        if len(outside[source]) == len(examples):
            has = counted(len(set(names.values())), "patient")
            raise DataError(f"source '{source}': portion: none of its {has} is in {portion}; expected a wider one")
    return files.without(outside) if outside else files
