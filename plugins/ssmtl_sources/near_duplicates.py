"""The table of near-duplicates that the source `busi` reads, for a copy of the set that has none.

    python -m ssmtl_sources.near_duplicates FOLDER        # writes FOLDER/index.csv

Two images are near-duplicates if their 32 × 32 pixels have a correlation above 0.95; a group is what these connect.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse.csgraph import connected_components

from ssmtl import DataError, Example, Folders
from ssmtl_sources.busi import CLASSES, SET, Busi
from ssmtl_sources.listing import set_folder

SIDE, LEAST = 32, 0.95


def groups_of(examples: Sequence[Example]) -> list[int | None]:
    """Of each image the number of its group, from 1 on; None if it has no near-duplicate.

    :raises DataError: naming an image that cannot be read.
    """
    pixels = np.stack([_small(example) for example in examples])
    pixels -= pixels.mean(1, keepdims=True)
    pixels /= np.maximum(np.linalg.norm(pixels, axis=1, keepdims=True), 1e-12)
    _, component = connected_components(pixels @ pixels.T > LEAST, directed=False)
    several = [one for one in dict.fromkeys(component) if np.count_nonzero(component == one) > 1]
    numbers = {one: number for number, one in enumerate(several, start=1)}
    return [numbers.get(one) for one in component]


def _small(example: Example) -> NDArray[np.float64]:
    values = np.asarray(example.image.read(), dtype=np.float32)
    grey = values if values.ndim == 2 else values @ np.array([0.299, 0.587, 0.114], np.float32)
    small = Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.float64).ravel()


def write_table(folder: Path) -> str:
    """Writes `index.csv` beside the class folders; returns a sentence about it.

    :raises DataError: if there is one already, or no image.
    """
    examples = Busi(Folders(None), root=str(folder.absolute()), group="image").examples()
    place = set_folder(folder, [SET], CLASSES) / "index.csv"
    found = groups_of(examples)
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "dup_group"])
    for example, group in zip(examples, found, strict=True):
        writer.writerow([example.id, "" if group is None else group])
    try:
        with place.open("x", encoding="utf-8") as file:
            file.write(text.getvalue())
    except FileExistsError:
        raise DataError(f"{place} is there already; remove it to have it written anew") from None
    except OSError as error:
        raise DataError(f"{place} cannot be written: {error.strerror or error}") from error
    grouped = [group for group in found if group is not None]
    return f"{place}: {len(set(grouped))} groups with {len(grouped)} of {len(examples)} images"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one line that says what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="as for the source's root")
    try:
        said = write_table(parser.parse_args(arguments).folder)
    except DataError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
