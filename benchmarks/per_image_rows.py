"""Per-image rows of committed cells: packed beside their results, and unpacked so that intervals can be recomputed.

`results/NAME/per_image/CELL.tar.xz` holds the cell's per_image.csv (metrics of each test image, and its patient) and,
of tasks with labels, `predictions/TASK.DOMAIN.npz` with probabilities and targets; no images and no masks.
"""

import io
import lzma
import tarfile
from pathlib import Path

import numpy as np

KEPT = ("ids", "patients", "probabilities", "targets")
"""Arrays of a file of predictions; the others are samples and counts for figures."""


def pack(cell: Path, target: Path) -> None:
    """The same rows give the same bytes. :param cell: its run folder. :param target: the archive."""
    files = {"per_image.csv": (cell / "per_image.csv").read_bytes()}
    for path in sorted((cell / "predictions").glob("*.npz")):
        with np.load(path, allow_pickle=False) as stored:
            if "probabilities" in stored:
                files[f"predictions/{path.name}"] = _archive({name: stored[name] for name in KEPT})
    text = io.BytesIO()
    with tarfile.open(fileobj=text, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(lzma.compress(text.getvalue(), preset=9))


def unpack(results: Path, suite: Path) -> set[str]:
    """Into `suite/cells/`, as a suite has them. :param results: results/NAME. :returns: the cells that it has."""
    cells = set()
    for path in sorted((results / "per_image").glob("*.tar.xz")):
        cell = path.name.removesuffix(".tar.xz")
        with tarfile.open(path, "r:xz") as archive:
            archive.extractall(suite / "cells" / cell, filter="data")
        cells.add(cell)
    return cells


def _archive(arrays: dict[str, np.ndarray]) -> bytes:
    """Not compressed, since the whole is; without the time of writing."""
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()
