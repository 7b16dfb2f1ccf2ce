"""The committed tables of one suite, for look-up by name: the numbers of RESULTS.md."""

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from page_numbers import RESULTS, fits, number, p_value, rows_of, signed

from ssmtl.suite.aggregate import FEW
from ssmtl.suite.paired_t import over_seeds

LEVEL = 0.05
"""Of a p-value after Holm's correction: the rule of evidence."""

SMALL, MARGIN = {"auroc": 0.01, "dice": 0.005}, 0.01
"""Differences that are called small, and the loss of Dice that may not be possible (quality/flagship.md)."""

MAIN = {"diagnosis": "100", "lungs": "10", "lesion": "100"}
"""Labels of the main comparison."""

COLUMNS = (
    ("accuracy", "in_domain"),
    ("auroc", "in_domain"),
    ("dice", "in_domain"),
    ("jaccard", "in_domain"),
    ("auroc", "cross_domain"),
    ("dice", "cross_domain"),
)
"""Metric and domain of each column in the table of systems."""

Rows = list[dict[str, str]]


class Suite:
    """The committed tables of one suite, for look-up by name."""

    def __init__(self, name: str) -> None:
        folder = RESULTS / name
        self.summary = rows_of(folder / "tables" / "summary.csv")
        path = folder / "tables" / "significance.csv"
        self.tests = rows_of(path) if path.is_file() else []
        self.cells = rows_of(folder / "cells.csv")
        self.rows = rows_of(folder / "results.csv")
        path = folder / "last_step.csv"
        self.last_rows = rows_of(path) if path.is_file() else []
        self.names: dict[str, str] = json.loads((folder / "suite.json").read_text(encoding="utf-8"))["names"]

    def mean(self, system: str, metric: str, domain: str = "in_domain", labels: str | None = None) -> str:
        """'0.903 ± 0.009'; '0.903' for a single seed."""
        row = self._summary(system, metric, domain, labels)
        return number(row["mean"]) + (f" ± {number(row['std'])}" if row["std"] else "")

    def seeds(self, system: str, metric: str, domain: str = "in_domain", labels: str | None = None) -> str:
        """The value of each seed."""
        budgets = self._summary(system, metric, domain, labels)["budgets"]
        keys = {"system": system, "metric": metric, "domain": domain, "budgets": budgets}
        return ", ".join(number(row["value"]) for row in self.rows if fits(row, keys))

    def deviation(self, system: str, metric: str, domain: str = "in_domain", labels: str | None = None) -> str:
        """Its standard deviation over seeds."""
        return number(self._summary(system, metric, domain, labels)["std"])

    def n(self, system: str, metric: str = "", domain: str = "in_domain", labels: str | None = None) -> str:
        """The number of seeds."""
        return self._summary(system, metric, domain, labels)["n"]

    def line(self, system: str, labels: str | None = None) -> str:
        """One row of the table of systems: name, n, then the mean for each of COLUMNS that has one."""
        name, n = self.names.get(system, system), self.n(system, labels=labels)
        return f"| {name} | {n} | {self.row(system, COLUMNS, labels)} |"

    def row(self, system: str, columns: Sequence[tuple[str, str]], labels: str | None = None) -> str:
        """The mean for each metric and domain, empty where the system has none."""
        known = [self.has(system, *one, labels) for one in columns]
        return " | ".join(
            self.mean(system, *one, labels) if has else "" for one, has in zip(columns, known, strict=True)
        )

    def test(self, system: str, against: str, metric: str, domain: str = "in_domain", labels: str | None = None) -> str:
        """The difference between two systems with both tests and the verdict of the rule of evidence, in words."""
        row = self._test(system, against, metric, domain, labels)
        seeds = "no interval over seeds"
        if row["seeds_low"]:
            seeds = f"{signed(row['seeds_low'])} to {signed(row['seeds_high'])}, detectable {number(row['detectable'])}"
        over_seeds = f"p {p_value(row['p_t'])} over {row['seeds']} seeds ({p_value(row['p_t_holm'])} after Holm)"
        images = f"{signed(row['low'])} to {signed(row['high'])}"
        floor = row["p_boot"] == row["p_boot_least"]
        drawn = "patients" if row["patients"] else "images"
        resampled = f"p {p_value(row['p_boot'], floor)} over {drawn} ({p_value(row['p_boot_holm'], floor)} after Holm)"
        verdict = self.verdict(system, against, metric, domain, labels)
        return f"{signed(row['difference'])} [{seeds}], {over_seeds}; {drawn} [{images}], {resampled}: *{verdict}*"

    def verdict(
        self, system: str, against: str, metric: str, domain: str = "in_domain", labels: str | None = None
    ) -> str:
        """The rule of evidence, for every claim: 'shown', 'on these networks' or 'undecided'."""
        return self._verdict(self._test(system, against, metric, domain, labels))

    def answer(
        self,
        system: str,
        against: str,
        metric: str,
        domain: str = "in_domain",
        cost: bool = False,
        labels: str | None = None,
    ) -> str:
        """A question that was written down before (quality/flagship.md): the difference, its interval over patients and
        seeds, p after Holm's correction, p over seeds after it, and the answer in words.

        :param cost: whether to say if a loss is below MARGIN.
        """
        row = self._test(system, against, metric, domain, labels)
        difference, p, over_seeds = (float(row[key]) for key in ("difference", "p_boot_holm", "p_t_holm"))
        words = "open"
        if p >= LEVEL and over_seeds < LEVEL:
            words += f"; {'better' if difference > 0 else 'worse'} over seeds alone"
        if p < LEVEL:
            words = "yes" if difference > 0 else "no: worse"
            words += ", small" if abs(difference) < SMALL.get(metric, 0) else ""
            words += "" if over_seeds < LEVEL else "; open over seeds alone"
        if cost:
            words += f"; a loss of 0.01 is {'within' if float(row['low']) <= -MARGIN else 'outside'} the interval"
        least = row["p_boot"] == row["p_boot_least"]
        interval = f"{signed(row['low'])} to {signed(row['high'])}"
        p_values = f"{p_value(row['p_boot_holm'], least)} | {p_value(row['p_t_holm'])}"
        return f"{signed(row['difference'])} | {interval} | {p_values} | {words}"

    @staticmethod
    def _verdict(row: Mapping[str, str]) -> str:
        if int(row["seeds"]) >= FEW and row["p_t_holm"] and float(row["p_t_holm"]) < LEVEL:
            return "shown"
        if row["p_boot_holm"] and float(row["p_boot_holm"]) < LEVEL:
            return "on these networks"
        return "undecided"

    def seeds_interval(self, system: str, against: str, metric: str, domain: str = "in_domain") -> str:
        """The interval of the difference over seeds."""
        row = self._test(system, against, metric, domain, None)
        return f"{signed(row['seeds_low'])} to {signed(row['seeds_high'])}"

    def range(self, metric: str, domain: str, systems: list[str], labels: str | None = None) -> str:
        """The lowest and the highest mean of these systems, at these labels or at any."""
        rows = [row for row in self.summary if row["system"] in systems and row["n"] >= "3"]
        rows = [row for row in rows if (row["metric"], row["domain"]) == (metric, domain)]
        means = [float(row["mean"]) for row in rows if labels in (None, _budgets(row)[row["task"]])]
        return f"{min(means):.3f} to {max(means):.3f}"

    def verdicts(self) -> dict[str, int]:
        """How many comparisons of the table end in each verdict."""
        return dict(Counter(self._verdict(row) for row in self.tests))

    def _test(self, system: str, against: str, metric: str, domain: str, labels: str | None) -> dict[str, str]:
        keys = {"system": system, "against": against, "metric": metric, "domain": domain}
        rows = [row for row in self.tests if fits(row, keys)]
        (row,) = [row for row in rows if all(_budgets(row)[task] == (labels or MAIN[task]) for task in _budgets(row))]
        return row

    def paired(self, one: str, other: str, metric: str, domain: str = "in_domain") -> str:
        """The mean difference over their common seeds, at the labels of the main comparison."""
        ours, theirs = (self._values(name, metric, domain) for name in (one, other))
        both = sorted(set(ours) & set(theirs))
        return signed(str(statistics.fmean(ours[seed] - theirs[seed] for seed in both)))

    def minus(self, one: str, suite: "Suite", other: str, metric: str, labels: str) -> str:
        """The mean of a system minus that of another one of another suite."""
        means = (of._summary(name, metric, "in_domain", labels)["mean"] for of, name in ((self, one), (suite, other)))
        ours, theirs = map(float, means)
        return signed(str(ours - theirs))

    def _values(self, system: str, metric: str, domain: str) -> dict[str, float]:
        keys = {"system": system, "metric": metric, "domain": domain}
        rows = [row for row in self.rows if fits(row, keys) and _budgets(row).get(row["task"]) == MAIN[row["task"]]]
        return {row["seed"]: float(row["value"]) for row in rows}

    def last(self, system: str, metric: str, domain: str = "in_domain") -> str:
        """The last weights' value minus that of the selected ones, the mean over the seeds of the main comparison."""
        rows = self._last(system, metric, domain)
        return signed(str(statistics.fmean(float(row["last"]) - float(row["selected"]) for row in rows)))

    def last_weights(self, system: str, against: str, metric: str) -> str:
        """By how much two systems' last weights differ in their own domain: the mean over seeds, and p over seeds."""
        both = (self._last(one, metric) for one in (system, against))
        ours, theirs = ({row["seed"]: float(row["last"]) for row in rows} for rows in both)
        differences = [ours[seed] - theirs[seed] for seed in sorted(ours)]
        p = p_value(str(over_seeds(differences).p))
        return f"{signed(str(statistics.fmean(differences)))} (p {p} over seeds, not corrected)"

    def _last(self, system: str, metric: str, domain: str = "in_domain") -> Rows:
        rows = [row for row in self.last_rows if fits(row, {"system": system, "metric": metric, "domain": domain})]
        return [row for row in rows if _budgets(row).get(row["task"]) == MAIN[row["task"]]]

    def commit(self) -> str:
        """The commit of every cell."""
        (commit,) = {row["commit"] for row in self.rows}
        return commit[:7]

    def reference(self, system: str, metric: str, domain: str = "in_domain") -> str:
        """The published mean."""
        return self._summary(system, metric, domain, None)["reference_mean"]

    def has(self, system: str, metric: str, domain: str = "in_domain", labels: str | None = None) -> bool:
        """Whether there is such a row."""
        return bool(self._summaries(system, metric, domain, labels))

    def hours(self) -> str:
        """Hours of all finished cells, one thread each."""
        return f"{sum(float(row['seconds']) for row in self.cells if row['status'] == 'finished') / 3600:.1f}"

    def minutes(self, system: str) -> str:
        """Of one training, the median over its cells."""
        seconds = [float(row["seconds"]) for row in self.cells if row["system"] == system and row["seconds"]]
        return f"{statistics.median(seconds) / 60:.1f}"

    def count(self, status: str) -> int:
        """The number of cells with that status."""
        return sum(row["status"] == status for row in self.cells)

    def _summaries(self, system: str, metric: str, domain: str, labels: str | None) -> Rows:
        own = [row for row in self.summary if row["system"] == system and row["domain"] == domain]
        own = [row for row in own if row["metric"] == metric or not metric]
        return [row for row in own if _budgets(row).get(row["task"]) == (labels or MAIN[row["task"]])]

    def _summary(self, system: str, metric: str, domain: str, labels: str | None) -> dict[str, str]:
        rows = self._summaries(system, metric, domain, labels)
        if not rows:
            raise KeyError(f"no row: {system} {metric} {domain} {labels}")
        return rows[0]


def _budgets(row: Mapping[str, str]) -> dict[str, str]:
    return dict(part.split("=") for part in row["budgets"].split())
