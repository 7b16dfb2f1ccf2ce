"""Copy what is committed from a suite's folder:  python benchmarks/collect_results.py SUITE_FOLDER NAME

Rows, cells, tables and a part of suite.json; no images, no weights.
"""

import json
import os
import shutil
import sys
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
KEYS = ("name", "title", "note", "seeds", "threads", "set", "variants", "names", "systems", "compare", "reference")


def collect(suite: Path, name: str) -> None:
    """Copy into `results/NAME`, replacing what is there."""
    folder = RESULTS / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(suite / "tables", folder / "tables")
    for file in ("results.csv", "cells.csv"):
        shutil.copy(suite / file, folder / file)
    record = json.loads((suite / "suite.json").read_text(encoding="utf-8"))
    reference = record.get("reference")
    if reference:
        record["reference"] = os.path.relpath(reference, folder)
    text = json.dumps({key: record[key] for key in KEYS if key in record}, indent=1)
    (folder / "suite.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    collect(Path(sys.argv[1]), sys.argv[2])
