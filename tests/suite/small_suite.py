"""A suite whose runs take one second each, and functions to run it in a real process."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import yaml

TINY = {
    "image.size": 32,
    "backbone.widths": [4, 4, 8, 8, 8],
    "train.steps": 6,
    "train.evaluate_every": 3,
    "train.log_every": 1,
    "train.gradient_cosine_every": 3,
    "train.device": "cpu",
    "tasks.diagnosis.batch": 4,
    "tasks.lungs.batch": 4,
    "sources.chex.images": 80,
    "sources.jsrt.images": 60,
    "sources.nihx.images": 20,
    "sources.mcu.images": 20,
    **{f"sources.{name}.size": 32 for name in ("chex", "jsrt", "nihx", "mcu")},
}

GRID = {"systems": ["enc", "umtl"], "budgets": {"diagnosis": [12], "lungs": [6]}}


def suite_file(folder, **changes):
    """Two systems and two seeds by default."""
    content = {"name": "small", "seeds": [0, 1], "set": TINY, "grids": [GRID], **changes}
    path = Path(folder) / "small.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def started(*command, cwd):
    """The installed script, running."""
    script = Path(sys.executable).with_name("ssmtl")
    environment = {**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [script, "bench", *map(str, command)],
        cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def bench(*command, cwd):
    """Exit code, standard output, standard error."""
    process = started(*command, cwd=cwd)
    out, err = process.communicate(timeout=400)
    return process.returncode, out, err


def table(path):
    """Rows of a CSV file, as mappings."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def stable(path):
    """cells.csv without its time column."""
    return [{key: value for key, value in row.items() if key != "seconds"} for row in table(path)]
