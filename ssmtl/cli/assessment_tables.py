"""What `ssmtl evaluate` shows below the metrics: calibration, thresholds, subgroups, the worst images."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ssmtl.wording import visible

if TYPE_CHECKING:
    from ssmtl.runs.files import Assessment, ClassAssessment, MetricFacts, Rate, Results, Subgroup

SHOWN_METRICS, SHOWN_WORST = 4, 3
"""How many fit, without those of single classes; the file of `--out` has all."""


def print_assessments(console: Console, results: "Results") -> None:
    """Every task on every evaluation set."""
    for task, domains in results.assessed.items():
        for domain, one in domains.items():
            shown = results.classes.get(task, []) or list(one.classes)
            if results.kinds.get(task) == "multiclass" and len(shown) == 2:
                shown = shown[1:]  # the numbers of the other are the same, or follow from these
            classes = {name: one.classes[name] for name in shown if name in one.classes}
            kind = results.kinds.get(task, "")
            _print_one(console, f"{task}, {domain}", kind, one, classes, results.metrics.get(task, {}))


def note_of(results: "Results") -> str:
    """What the numbers that `print_results` and `print_assessments` show are; nothing of what they do not show."""
    assessed = [one for domains in results.assessed.values() for one in domains.values()]
    classes = [own for one in assessed for own in one.classes.values()]
    parts = ["In parentheses: 95 % intervals over patients."]
    if classes:
        parts.append("ECE, Brier score: before → after the run's temperature.")
    if any(one.points for one in classes):
        parts.append("Thresholds were chosen on its validation images, for probabilities after the temperature.")
    return " ".join(parts)


def _print_one(
    console: Console,
    where: str,
    kind: str,
    one: "Assessment",
    classes: "Mapping[str, ClassAssessment]",
    facts: "Mapping[str, MetricFacts]",
) -> None:
    if classes:
        _print_classes(console, where, classes)
    for column, groups in one.subgroups.items():
        _print_subgroups(console, f"{where}: by {column}", column, groups, facts)
    if one.worst:
        worst = ", ".join(f"{visible(image.id)} ({_number(image.severity)})" for image in one.worst[:SHOWN_WORST])
        what = {"masks": "1 − Dice", "numbers": "absolute error"}.get(kind, "cross-entropy")
        console.print(f"{where}: worst first, by {what}: {worst}", markup=False, highlight=False, soft_wrap=True)


def _print_classes(console: Console, where: str, classes: "Mapping[str, ClassAssessment]") -> None:
    calibration = _table(f"{where}: calibration", "class", "images", "ECE", "Brier score")
    points = _table(f"{where}: thresholds", "class", "chosen for", "threshold", "sensitivity", "specificity")
    for name, own in classes.items():
        numbers = (f"{own.positives} of {own.positives + own.negatives}", _arrow(own.ece), _arrow(own.brier))
        calibration.add_row(escape(name), *numbers)
        for point, at in own.points.items():
            rates = (_number(at.threshold), _rate(at.sensitivity), _rate(at.specificity))
            points.add_row(escape(name), _plain(point), *rates)
    console.print(calibration, highlight=False)
    if points.row_count:
        console.print(points, highlight=False)


def _print_subgroups(
    console: Console, title: str, column: str, groups: "Mapping[str, Subgroup]", facts: "Mapping[str, MetricFacts]"
) -> None:
    from ssmtl.suite.layout import head_of

    every = list(next(iter(groups.values())).values)
    metrics = [one for one in every if not any(one.startswith(f"{other}_") for other in every)][:SHOWN_METRICS]
    heads = [head_of(metric, facts[metric].unit if metric in facts else "") for metric in metrics]
    table = _table(title, column, "images", "patients", *heads)
    for value, own in groups.items():
        numbers = (_number(own.values.get(metric, math.nan)) for metric in metrics)
        table.add_row(escape(value), str(own.images), str(own.patients), *numbers)
    console.print(table, highlight=False)


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=escape(title), title_justify="left", title_style="bold")
    table.add_column(escape(first))
    for column in columns:
        table.add_column(escape(column), justify="right")
    return table


def _plain(point: str) -> str:
    kind, _, least = point.partition("_")
    return f"{kind[:4]}. ≥ 0.{least}" if least else kind.title()


def _arrow(values: list[float]) -> str:
    """Before and after the temperature."""
    return " → ".join(_number(value) for value in values)


def _rate(rate: "Rate") -> str:
    interval = "" if math.isnan(rate.low) else f" ({rate.low:.2f}–{rate.high:.2f})"
    return f"{_number(rate.share)}{interval}"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"
