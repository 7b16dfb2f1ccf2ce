"""Why no strategy for classes is clearly better on the leaderboard: what its networks guess, method by method.

    python benchmarks/classes_page.py            # writes leaderboard/classes.md from classes.md.j2
    python benchmarks/classes_page.py --check    # fails if it differs

Numbers are means over seeds of `guesses.csv` (`python benchmarks/quality/guesses.py`) and of the leaderboard's rows.
"""

import argparse
import csv
import sys
from collections import defaultdict
from statistics import fmean

import jinja2
import yaml
from leaderboard_page import SUITE
from leaderboard_values import RESULTS, Values, interval, paired, read_values

from ssmtl.suite.suite_file import read_suite

PAGE, TEMPLATE, REMARKS = (RESULTS / f"classes{end}" for end in (".md", ".md.j2", "_remarks.yaml"))
HEADS = (
    "method", "AUROC, difference to supervised [95 %]", "counted: first half, second half", "of these right",
    "at the end: accuracy", "AUROC", "sure", "of these right", "our reading",
)  # fmt: skip

Guesses = dict[tuple[str, str, str], list[float]]
"""By system, labelled images and column of guesses.csv, over seeds."""


def read_guesses() -> Guesses:
    found: Guesses = defaultdict(list)
    with (RESULTS / "guesses.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            run = row.pop("system"), row.pop("labeled")
            for column, value in row.items():
                if value:
                    found[*run, column].append(float(value))
    return found


def rendered() -> str:
    suite, values, guesses = read_suite(SUITE), read_values(), read_guesses()
    remarks = yaml.safe_load(REMARKS.read_text(encoding="utf-8"))

    def of(system: str, labeled: int, column: str) -> str:
        """The mean over seeds; '–' where no run has one."""
        seeds = guesses.get((system, str(labeled), column))
        return f"{fmean(seeds):.2f}" if seeds else "–"

    def gain(system: str, labeled: int, baseline: str, of: Values = values) -> list[float]:
        return paired(of, system, baseline, str(labeled), "auroc", "in_domain")

    def table(labeled: int, grid: int = 0) -> str:
        """The systems of one of the suite's grids, the largest gain first."""
        baseline, *others = suite.grids[grid].systems
        known = [one for one in others if gain(one, labeled, baseline) and (one, str(labeled), "accuracy") in guesses]
        lines = [f"| {' | '.join(HEADS)} |", f"|{' --- |' * len(HEADS)}"]
        for one in (baseline, *sorted(known, key=lambda one: -fmean(gain(one, labeled, baseline)))):
            halves = [", ".join(of(one, labeled, f"{what}_{half}") for half in (1, 2)) for what in ("counted", "right")]
            end = [of(one, labeled, column) for column in ("accuracy", "auroc", "sure", "sure_right")]
            difference = "" if one == baseline else interval(gain(one, labeled, baseline))
            lines.append(f"| {' | '.join([f'`{one}`', difference, *halves, *end, remarks.get(one, '')])} |")
        return "\n".join(lines)

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    once_more = read_values("confirm_results.csv")
    return template.render(
        table=table, of=of,
        gain=lambda *given: interval(gain(*given)), confirmed=lambda *given: interval(gain(*given, once_more)),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        PAGE.write_text(rendered(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != rendered():
        sys.exit(f"{PAGE.name} is not what its rows say; run python benchmarks/classes_page.py")


if __name__ == "__main__":
    main()
