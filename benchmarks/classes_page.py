"""Why no strategy for classes is clearly better on the test images of the leaderboard: what its networks guess.

    python benchmarks/classes_page.py            # writes leaderboard/classes.md from classes.md.j2
    python benchmarks/classes_page.py --check    # fails if it differs

Numbers are of `guesses.csv` and `confirm_guesses.csv` (`python benchmarks/quality/guesses.py`) and of the leaderboard's
rows. How often guesses are right is over those of all seeds together, so that a seed with few of them counts as few.
"""

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Mapping
from statistics import fmean

import jinja2
import yaml
from leaderboard_page import CONFIRM, SUITE
from leaderboard_values import RESULTS, Values, check_seeds, interval, paired, read_values

from ssmtl.suite.suite_file import Suite, read_suite

PAGE, TEMPLATE, REMARKS = (RESULTS / f"classes{end}" for end in (".md", ".md.j2", "_remarks.yaml"))
HEADS = (
    "method", "AUROC, test: difference [95 %]", "AUROC, pool: difference [95 %]", "counted: first half, second half",
    "of these right", "accuracy", "sure", "right where sure", "right elsewhere", "our reading",
)  # fmt: skip

Guesses = Mapping[tuple[str, str], Mapping[int, Mapping[str, float]]]
"""By system and labelled images, by seed, by column."""


def read_guesses(suite: Suite, name: str) -> Guesses:
    """Ends the program where `leaderboard_values.read_values` does."""
    found: dict[tuple[str, str], dict[int, dict[str, float]]] = defaultdict(dict)
    with (RESULTS / name).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            run, seed = (row.pop("system"), row.pop("labeled")), int(row.pop("seed"))
            values = {column: float(value) for column, value in row.items() if value}
            if run[0] not in suite.systems or seed in found[run] or not all(0 <= one <= 1 for one in values.values()):
                sys.exit(f"{name}: {run}, seed {seed}: not of the suite, a second row, or a value that is no share")
            found[run][seed] = values
    check_seeds(suite, name, found)
    return found


SHARE_OF = {"right_1": "counted_1", "right_2": "counted_2", "sure_right": "sure"}
"""What is right, of what."""


def rate(runs: Mapping[int, Mapping[str, float]], column: str) -> float | None:
    """Over seeds; `elsewhere`: how often guesses are right where the network is not sure. None where there are none."""
    seeds = [dict(one) for one in runs.values()]
    for one in seeds:
        one["unsure"] = 1 - one["sure"]
        if one["unsure"]:
            one["elsewhere"] = (one["accuracy"] - one["sure"] * one.get("sure_right", 0.0)) / one["unsure"]
    share = {**SHARE_OF, "elsewhere": "unsure"}.get(column)
    known = [(one[share] if share else 1.0, one[column]) for one in seeds if column in one]
    whole = sum(weight for weight, _ in known)
    return sum(weight * value for weight, value in known) / whole if whole else None


def rendered() -> str:
    suite, confirm = read_suite(SUITE), read_suite(CONFIRM)
    values, again = read_values(suite, "results.csv"), read_values(confirm, "confirm_results.csv")
    guesses, guessed_again = read_guesses(suite, "guesses.csv"), read_guesses(confirm, "confirm_guesses.csv")
    remarks = yaml.safe_load(REMARKS.read_text(encoding="utf-8"))

    def of(system: str, labeled: int, column: str) -> str:
        found = rate(guesses[system, str(labeled)], column)
        return "–" if found is None else f"{found:.2f}"

    def test(system: str, labeled: int, baseline: str = "supervised", once_more: bool = False) -> str:
        return interval(_test(again if once_more else values, system, labeled, baseline))

    def pool(system: str, labeled: int, baseline: str = "supervised", once_more: bool = False) -> str:
        """The difference in AUROC on the unlabelled images, paired by seed."""
        given = guessed_again if once_more else guesses
        ours, theirs = (given[one, str(labeled)] for one in (system, baseline))
        return interval([ours[seed]["auroc"] - theirs[seed]["auroc"] for seed in sorted(ours)])

    def above(labeled: int) -> str:
        """The systems whose interval on the pool lies above 0, and of how many."""
        others = [one for one in suite.grids[0].systems[1:] if (one, str(labeled)) in guesses]
        names = [f"`{one}`" for one in others if "[+" in pool(one, labeled)]
        return f"{len(names)} of {len(others)} intervals lie above 0 ({', '.join(names) or 'none'})"

    def table(labeled: int) -> str:
        """The largest gain on test images first."""
        baseline, *others = suite.grids[0].systems
        known = {one: fmean(_test(values, one, labeled, baseline)) for one in others if (one, str(labeled)) in guesses}
        lines = [f"| {' | '.join(HEADS)} |", f"|{' --- |' * len(HEADS)}"]
        for one in (baseline, *sorted(known, key=lambda one: -known[one])):
            gains = ["", ""] if one == baseline else [test(one, labeled), pool(one, labeled)]
            halves = [", ".join(of(one, labeled, f"{what}_{half}") for half in (1, 2)) for what in ("counted", "right")]
            end = [of(one, labeled, column) for column in ("accuracy", "sure", "sure_right", "elsewhere")]
            remark = remarks[labeled].get(one, "")
            lines.append(f"| {' | '.join([f'`{one}`', *gains, *halves, *end, remark])} |".replace("–, –", "–"))
        return "\n".join(lines)

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(table=table, above=above, of=of, test=test, pool=pool)


def _test(values: Values, system: str, labeled: int, baseline: str) -> list[float]:
    return paired(values, system, baseline, str(labeled), "auroc", "in_domain")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        PAGE.write_text(rendered(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != rendered():
        sys.exit(f"{PAGE.name} is not what its rows say; run python benchmarks/classes_page.py")


if __name__ == "__main__":
    main()
