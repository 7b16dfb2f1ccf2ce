"""The folder of a suite whose cells are made-up runs with everything that figures need."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))

from made_up_run import make_up_run

from ssmtl.json_file import write_model
from ssmtl.runs.folder import RunFolder
from ssmtl.suite.rows import CELL_COLUMNS, COLUMNS, _csv

SYSTEMS = {
    "enc": ("diagnosis",),
    "unet": ("lungs",),
    "umtl": ("diagnosis", "lungs"),
    "multimix": ("diagnosis", "lungs"),
}
LABELS = {"diagnosis": 100, "lungs": 10}
HOSTILE = "<script>alert(1)</script>"


def made_up_cells(folder, seeds=(0, 1), budgets=(20, 100, 250), **told):
    """Four systems; `enc` at several budgets; one cell that failed."""
    rows, listed = [], []
    for system, tasks in SYSTEMS.items():
        for count in budgets if system == "enc" else (100,):
            for seed in seeds:
                labels = {task: count if task == "diagnosis" else LABELS[task] for task in tasks}
                rows += cell(folder, listed, system, labels, seed)
    listed.append((f"{HOSTILE}_s0", HOSTILE, "made", 0, "diagnosis=100", "failed", "", 1, HOSTILE))
    return write_suite(folder, rows, listed, **told)


def write_suite(folder, rows, listed, **told):
    """suite.json and the two tables."""
    content = {
        "name": "made",
        "title": f"Made up {HOSTILE}",
        "note": "",
        "names": {"multimix": f"MultiMix {HOSTILE}"},
        "systems": [*SYSTEMS, HOSTILE],
        **told,
    }
    (folder / "suite.json").write_text(json.dumps(content), encoding="utf-8")
    (folder / "results.csv").write_text(_csv(COLUMNS, iter(rows)), encoding="utf-8")
    (folder / "cells.csv").write_text(_csv(CELL_COLUMNS, iter(listed)), encoding="utf-8")
    return folder


def cell(folder, listed, system, labels, seed, whole=1040):
    """One made-up run; returns its rows."""
    name = f"{system}_{'-'.join(map(str, labels.values()))}_s{seed}"
    run = make_up_run(folder / "cells" / name, name=system, tasks=tuple(labels), steps=60)
    made = RunFolder(run).read_results()
    for task, count in labels.items():
        made.budgets[task].labeled = whole if count == "all" else count
    write_model(RunFolder(run).results, made)
    asked = " ".join(f"{task}={count}" for task, count in labels.items())
    listed.append((name, system, "made", seed, asked, "finished", 3.5, 1, ""))
    came = (name, "recipe", "split", "code", "commit", "versions")
    return [
        (
            system, asked, "made", seed, task, labels[task], domain, made.sources[task][domain], metric,
            str(made.metrics[task][metric].higher_is_better).lower(), made.metrics[task][metric].unit,
            value, made.counts[task][domain]["images"], 40, 25, *came,
        )
        for task, domains in made.tasks.items()
        for domain, metrics in domains.items()
        for metric, value in metrics.items()
    ]  # fmt: skip
