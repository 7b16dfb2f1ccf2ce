"""Seconds that a run takes around its training steps, in real processes:

    python benchmarks/cost/around.py OUT.csv --against FOLDER --rounds 5 --images 50000

Measured are a check without and with data, the time until the first step of a run whose images are cached, the time
from the last step until the process has ended, and the start of a run on made-up image files: with an empty cache, and
again. With `--against`, a checkout of another commit, each round measures both in turn; the row then has its median and
the median of the rounds' ratios. Processor seconds are more reliable than seconds on a busy machine.
"""

import argparse
import csv
import statistics
import subprocess
import tempfile
from pathlib import Path

from ssmtl.cost.around import measured
from ssmtl.cost.many_images import make_images, started

HERE = Path(__file__).parents[2]
COLUMNS = ("what", "value", "unit", "quartiles", "baseline", "ratio", "rounds", "commit", "baseline_commit")


def commit_of(code: Path) -> str:
    """Its commit, with '+' if files differ from it."""
    ask = ["git", "-C", str(code), "describe", "--always", "--dirty=+", "--exclude=*"]
    return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    """Measure in rounds, print and write the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=0)
    options = parser.parse_args()
    codes = [HERE, *([options.against.resolve()] if options.against else [])]
    found: dict[tuple[str, str], dict[Path, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if options.images:
            make_images(place, options.images)
        for number in range(options.rounds):
            for code in codes if number % 2 else codes[::-1]:
                rows = [*measured(code, place), *(started(code, place, options.images) if options.images else ())]
                for what, value, unit in rows:
                    found.setdefault((what, unit), {}).setdefault(code, []).append(value)
    commits = [commit_of(code) for code in codes]
    with options.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for (what, unit), values in found.items():
            own = values[HERE]
            quarters = statistics.quantiles(own, n=4) if len(own) > 1 else own * 3
            other, ratio = "", ""
            if options.against:
                theirs = values[codes[1]]
                other = f"{statistics.median(theirs):.2f}"
                ratio = f"{statistics.median(ours / base for ours, base in zip(own, theirs, strict=True)):.3f}"
            row = (what, f"{statistics.median(own):.2f}", unit, f"{quarters[0]:.2f} to {quarters[2]:.2f}", other, ratio)
            writer.writerow([*row, len(own), commits[0], commits[1] if options.against else ""])
            print(*row)


if __name__ == "__main__":
    main()
