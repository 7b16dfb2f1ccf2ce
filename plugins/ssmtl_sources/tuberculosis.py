"""File names in the two sets of the U.S. National Library of Medicine: the patient's number, then 0 or 1."""

import re
from dataclasses import dataclass
from pathlib import Path

from ssmtl import DataError

PAGE = "https://data.lhncbc.nlm.nih.gov/public/Tuberculosis-Chest-X-ray-Datasets/"
NAME = re.compile(r"(?:MCUCXR|CHNCXR)_(\d+)_([01])")
LABELS = {"0": "normal", "1": "tuberculosis"}


@dataclass(frozen=True)
class Named:
    """The content of a name such as `MCUCXR_0001_0`."""

    patient: str
    label: str


def parse(path: Path) -> Named:
    """:raises DataError: if the name has another form."""
    match = NAME.fullmatch(path.stem)
    if not match:
        raise DataError(f"{path}: expected a name like MCUCXR_0001_0 or CHNCXR_0001_0 (number, then 0 or 1)")
    return Named(match[1], LABELS[match[2]])
