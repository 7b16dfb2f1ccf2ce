"""Tables for the terminal."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ssmtl.errors import count
from ssmtl.suite.layout import head_of

if TYPE_CHECKING:
    from ssmtl.runs.files import Results


def print_plan(console: Console, plan: Mapping[str, Any]) -> None:
    """Print the plan that `ssmtl.experiment.plan.plan_of` made."""
    console.print(
        f"[bold]{escape(plan['name'])}[/]  seed {plan['seed']}  recipe {plan['recipe_hash']}  "
        f"{plan['parameters']:,} parameters  images {plan['image']}",
        highlight=False,
    )
    average = f"  EMA {plan['ema']:g}" if plan["ema"] else ""
    console.print(
        f"{count(plan['steps'], 'step')} of {count(plan['rows_per_pass'], 'encoded row')} "
        f"(about {plan['megabytes']} MB)  "
        f"{plan['optimizer']}  balancer {escape(plan['balancer'])}  weights by {plan['select_by']}{average}",
        highlight=False,
    )
    for name, task in plan["tasks"].items():
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
        bridge = f", bridge {task['bridge']}" if task["bridge"] else ""
        head = f"{task['kind']} {', '.join(task['classes'])}; head {task['head']}{bridge}"
        table.add_row("[dim]task", f"[bold]{escape(name)}[/]: {escape(head)}")
        table.add_row("[dim]data", escape(_data(task)))
        views = ", ".join(f"{view} × {rows}" for view, rows in task["views"].items())
        table.add_row("[dim]views", escape(views))
        losses = ", ".join(f"{name} (weight {weight})" for name, weight in task["strategies"].items())
        table.add_row("[dim]losses", escape(losses))
        console.print(table, highlight=False)


def _data(task: Mapping[str, Any]) -> str:
    if "images" not in task:
        domains = ", ".join(f"{domain} {source}" for domain, source in task["evaluate_on"].items())
        return f"{task['source']}, label budget {task['labeled']}; evaluated on {domains or 'nothing'}"
    images = dict(task["images"])
    labeled, unlabeled, val = images.pop("labeled"), images.pop("unlabeled"), images.pop("val")
    classes = ", ".join(f"{number} {name}" for name, number in task["labeled_classes"].items())
    include = "including" if task["unlabeled_includes_labeled"] else "excluding"
    domains = ", ".join(f"{domain} {number}" for domain, number in images.items())
    lost = f"; {task['left_out']} left out, whose patients are tested or validate" if task["left_out"] else ""
    return (
        f"{task['source']}: {labeled} labelled{f' ({classes})' if classes else ''}, {unlabeled} unlabelled "
        f"({include} the labelled), {val} validation; test {domains or 'nothing'}{lost}"
    )


def print_results(console: Console, results: "Results") -> None:
    """The final tables: one per task, with one row per metric and one column per domain."""
    for name, domains in results.tasks.items():
        if not domains:
            continue
        title = f"{name} ({results.budgets[name].labeled} labelled)"
        table = Table(title=escape(title), title_justify="left", title_style="bold")
        table.add_column("metric")
        for domain in domains:
            images = count(results.counts[name][domain]["images"], "image")
            words = f"{domain}\n{results.sources[name].get(domain, domain)}, {images}"
            table.add_column(escape(words), justify="right")
        facts = results.metrics.get(name, {})
        for metric in dict.fromkeys(metric for values in domains.values() for metric in values):
            head = head_of(metric, facts[metric].unit if metric in facts else "")
            table.add_row(escape(head), *(_number(values.get(metric)) for values in domains.values()))
        console.print(table, highlight=False)
    console.print(
        f"Weights of step {results.selected.step}, selected by {results.selected.by}. "
        "This is one seed: compare several before trusting a difference.",
        highlight=False,
    )


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"
