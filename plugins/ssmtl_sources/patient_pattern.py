"""Patients by a regular expression that the user wrote, searched in file names.

Some expressions take longer than the age of the universe on a short name, such as `(a+)+b`, and Python cannot stop a
search. So it is done in a process of its own, which can be stopped.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import PurePosixPath

from ssmtl import DataError

SECONDS = 10.0
"""For all names together; a thousand names take a few milliseconds."""

SEARCH = """
import json, re, sys
pattern, names = json.load(sys.stdin)
search = re.compile(pattern).search
json.dump([match and match[1] for match in map(search, names)], sys.stdout)
"""


def check_pattern(pattern: str) -> None:
    """:raises DataError: if it is not a regular expression with a group."""
    try:
        groups = re.compile(pattern).groups
    except (re.error, RecursionError, OverflowError) as error:
        raise DataError(f"patient '{pattern}' is not a regular expression: {error}") from error
    if groups < 1:
        raise DataError(f"patient '{pattern}' has no group; expected one, like '^(P[0-9]+)_'")


def patients_in(paths: Sequence[str], pattern: str, root: str) -> list[str]:
    """The first group of the expression, searched in the name of each file without suffix.

    :param paths: relative to `root`.
    :raises DataError: for the first name that it does not match, or if the search takes longer than SECONDS.
    """
    names = [PurePosixPath(path).stem for path in paths]
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", SEARCH],
            input=json.dumps([pattern, names]), stdout=subprocess.PIPE, text=True, check=True, timeout=SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise DataError(
            f"patient '{pattern}' takes more than {SECONDS:g} s for the {len(names)} names in {root}; "
            "repetitions inside repetitions, such as (a+)+, are slow"
        ) from error
    patients: list[str | None] = json.loads(done.stdout)
    for path, name, patient in zip(paths, names, patients, strict=True):
        if not patient:
            raise DataError(f"{root}/{path}: patient '{pattern}' does not match '{name}'")
    return [patient for patient in patients if patient]
