"""Tables for the terminal."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ssmtl.wording import LEFT_OUT, class_counts, counted

if TYPE_CHECKING:
    from ssmtl.runs.files import Results


def print_plan(console: Console, plan: Mapping[str, Any]) -> None:
    """Print the plan that `ssmtl.experiment.plan.plan_of` made."""
    console.print(
        f"[bold]{escape(plan['name'])}[/]  seed {plan['seed']}  recipe {plan['recipe_hash']}"
        f"{'  ' + plan['fold'] if 'fold' in plan else ''}",
        highlight=False,
    )
    at_once, total = plan["rows_per_pass"], plan["rows_per_step"]
    passes = "of all tasks together" if at_once == total else f"of all tasks, at most {at_once} at once"
    average = f"; evaluated: their moving average (EMA {plan['ema']:g})" if plan["ema"] else ""
    table = _facts()
    table.add_row(
        "[dim]network",
        f"backbone {escape(plan['backbone'])}, {plan['parameters']:,} parameters with all heads; "
        f"images {plan['image']} (channels × height × width{'; padded' if 'fit' in plan else ''})",
    )
    table.add_row(
        "[dim]training",
        f"{counted(plan['steps'], 'step')}, each on {counted(plan['rows_per_step'], 'image')} {passes} "
        f"(about {plan['megabytes']} MB); optimizer {escape(plan['optimizer'])}; balancer {escape(plan['balancer'])}",
    )
    table.add_row("[dim]weights", f"{_kept(plan['select_by'])}{average}")
    if "early_stopping" in plan:
        from ssmtl.runs.early_stopping import rule_in_words

        table.add_row("[dim]stopping", f"early, if {rule_in_words(**plan['early_stopping'])}")
    console.print(table, highlight=False)
    for name, task in plan["tasks"].items():
        table = _facts()
        bridge = f", bridge {task['bridge']}" if task["bridge"] else ""
        what = "no labels" if task["kind"] == "none" else f"{'exclusive ' if 'exclusive' in task else ''}{task['kind']}"
        head = f"{' '.join([what, ', '.join(task['classes'])]).rstrip()}; head {task['head']}{bridge}"
        table.add_row("[dim]task", f"[bold]{escape(name)}[/]: {escape(head)}")
        table.add_row("[dim]data", escape(_data(task)))
        views = ", ".join(f"{view} × {rows}" for view, rows in task["views"].items())
        table.add_row("[dim]views", escape(views))
        losses = ", ".join(f"{name} (weight {weight})" for name, weight in task["strategies"].items())
        table.add_row("[dim]losses", escape(losses))
        console.print(table, highlight=False)


def _facts() -> Table:
    """Names and values, aligned with those of other such tables."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    table.add_column(min_width=len("training"))
    return table


def _kept(select_by: str) -> str:
    return "those that are best on the validation images" if select_by == "validation" else "those of the last step"


def _data(task: Mapping[str, Any]) -> str:
    if task["kind"] == "none":
        images, lost = task.get("images"), task.get("left_out")
        size = f": {images['unlabeled']} images{_of_others(task)}" if images else ""
        return f"{task['source']}{size}, without labels" + (f"; {lost} left out: {LEFT_OUT}" if lost else "")
    if "images" not in task:
        domains = ", ".join(f"{domain} {source}" for domain, source in task["evaluate_on"].items())
        pool = f", unlabelled images of {', '.join(task['unlabeled_from'])}" if task.get("unlabeled_from") else ""
        return f"{task['source']}, label budget {_budget(task['labeled'])}{pool}; evaluated on {domains or 'nothing'}"
    images = dict(task["images"])
    labeled, unlabeled, val = images.pop("labeled"), images.pop("unlabeled"), images.pop("val")
    classes = class_counts(task["labeled_classes"], task.get("known", {}))
    include = "including" if task["unlabeled_includes_labeled"] else "excluding"
    used = any(view.startswith("unlabeled/") for view in task["views"])
    pool = f", {unlabeled} unlabelled ({include} the labelled){_of_others(task)}" if used else ""
    domains = ", ".join(f"{domain} {number}" for domain, number in images.items())
    lost = f"; {task['left_out']} left out: {LEFT_OUT}" if task["left_out"] else ""
    return (
        f"{task['source']}: {labeled} labelled{f' ({classes})' if classes else ''}{pool}, {val} validation; "
        f"test {domains or 'nothing'}{lost}"
    )


def _of_others(task: Mapping[str, Any]) -> str:
    """', of them 271 of adults'."""
    others = [f"{count} of {source}" for source, count in task.get("unlabeled_of", {}).items()]
    return f", of them {' and '.join(others)}" if others else ""


def _budget(labeled: object) -> str:
    """A label budget as in a recipe; by class, '20 normal, 30 pneumonia'."""
    if isinstance(labeled, Mapping):
        return ", ".join(f"{number} {name}" for name, number in labeled.items())
    return str(labeled)


def print_results(console: Console, results: "Results") -> None:
    """The final tables: one per task, with one row per metric and one column per domain."""
    from ssmtl.suite.layout import head_of

    for name, domains in results.tasks.items():
        if not domains:
            continue
        title = f"{name} ({results.budgets[name].labeled} labelled)"
        table = Table(title=escape(title), title_justify="left", title_style="bold")
        table.add_column("metric")
        for domain in domains:
            count = results.counts[name][domain]["images"]
            words = f"{domain}\n{results.sources[name].get(domain, domain)}, {counted(count, 'image')}"
            table.add_column(escape(words), justify="right")
        facts = results.metrics.get(name, {})
        for metric in dict.fromkeys(metric for values in domains.values() for metric in values):
            head = head_of(metric, facts[metric].unit if metric in facts else "")
            whole = metric in facts and facts[metric].is_count
            cells = (
                _number(values.get(metric), whole) + _interval(results, name, domain, metric)
                for domain, values in domains.items()
            )
            table.add_row(escape(head), *cells)
        console.print(table, highlight=False)
    for name, numbers in results.excluded.items():
        for domain, number in numbers.items():
            if number:
                lost = (
                    f"{counted(number, 'image')} left out, since they, or whom they show, trained or selected the model"
                )
                console.print(f"{name}, {domain}: {lost}", markup=False, highlight=False, soft_wrap=True)
    selected = results.selected
    which = f"best on validation, of step {selected.step}" if selected.by == "validation" else "of the last step"
    console.print(
        f"Weights: those {which}. This is one seed: compare several before trusting a difference.",
        highlight=False,
    )


def _interval(results: "Results", task: str, domain: str, metric: str) -> str:
    """The 95 % interval over patients, if it is known."""
    assessed = results.assessed.get(task, {}).get(domain)
    low, high = assessed.intervals.get(metric, (math.nan, math.nan)) if assessed else (math.nan, math.nan)
    return "" if math.isnan(low) else f" ({low:.2f}–{high:.2f})"


def _number(value: float | None, count: bool = False) -> str:
    """With three decimals; a count that is whole without them."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.0f}" if count and value.is_integer() else f"{value:.3f}"
