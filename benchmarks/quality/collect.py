"""Results of finished runs as one tidy CSV.     python benchmarks/quality/collect.py DATA=RUN... > FILE"""

import csv
import json
import sys
from pathlib import Path

COLUMNS = ("recipe", "seed", "source", "task", "labeled", "domain", "metric", "value", "step", "seconds", "recipe_hash")


def rows(run: Path) -> list[tuple[object, ...]]:
    """One row a metric of the run's results.json."""
    found = json.loads((run / "results.json").read_text(encoding="utf-8"))
    return [
        (
            found["name"], found["seed"], found["sources"][task][domain], task, found["budgets"][task]["labeled"],
            domain, metric, "" if value is None else f"{value:.4f}", found["selected"]["step"], found["seconds"],
            found["recipe_hash"],
        )
        for task, domains in found["tasks"].items()
        for domain, metrics in domains.items()
        for metric, value in metrics.items()
    ]  # fmt: skip


if __name__ == "__main__":
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("data", *COLUMNS))
    for argument in sys.argv[1:]:
        data, _, folder = argument.rpartition("=")
        writer.writerows((data, *row) for row in rows(Path(folder)))
