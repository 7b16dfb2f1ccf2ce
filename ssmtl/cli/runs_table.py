"""Tables of runs, in print and as CSV."""

import csv
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ssmtl.recipe.differences import as_text
from ssmtl.runs.compared import ComparedRuns
from ssmtl.runs.listing import FACTS, ListedRun
from ssmtl.wording import counted, visible

FIRST, THEN = ("run", "state", "seed", "steps", "score"), ("recipe", "date", "selected")
"""Columns that are always shown, and those that come before the metrics where there is room."""

ORDER = ("run", "recipe", "date", "seed", "steps", "state", "selected", "score")

GAP = 2


def write_csv(out: TextIO, runs: Sequence[ListedRun], shown: Sequence[str]) -> None:
    """One row per run, one column for each fact and metric, and for each key of `shown`."""
    columns = list(dict.fromkeys([*FACTS, *shown, *_metrics(runs)]))
    table = csv.writer(out, lineterminator="\n")
    table.writerow([*columns, "problems"])
    for run in runs:
        row = [as_text(run.values[key]) if key in run.values else "" for key in columns]
        table.writerow([*row, "; ".join(run.problems)])


def print_runs(console: Console, folder: Path, runs: Sequence[ListedRun], known: int, wanted: Sequence[str]) -> None:
    """As many columns as there is room for. :param known: runs before filtering. :param wanted: keys to show first."""
    if not runs:
        what = f"none of {counted(known, 'run')} in {folder} is such a run" if known else f"there is no run in {folder}"
        console.print(what, markup=False, highlight=False, soft_wrap=True)
        return
    extra = [key for key in dict.fromkeys(wanted) if key not in ORDER]
    keys, left = _that_fit(console.width, runs, [*FIRST, *extra, *THEN, *_metrics(runs)], len(FIRST) + len(extra))
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False)
    for key in _in_order(keys):
        numeric = key not in ("run", "recipe", "date", "state")
        table.add_column(Text(_head(key)), justify="right" if numeric else "left", overflow="fold", no_wrap=False)
    for run in runs:
        table.add_row(*(Text(_cell(run, column), style=_style(run, column)) for column in _in_order(keys)))
    console.print(table, highlight=False)
    if left:
        console.print(
            f"{counted(len(left), 'more column')}; --show KEY puts one first, --csv has all: {', '.join(left[:3])}"
            f"{', …' if len(left) > 3 else ''}",
            markup=False, highlight=False, style="dim",
        )  # fmt: skip
    for run in runs:
        for problem in run.problems:
            console.print(visible(f"broken: {problem}"), markup=False, highlight=False, soft_wrap=True)


def print_differences(console: Console, paths: tuple[Path, Path], compared: ComparedRuns) -> None:
    """A table for each part in which they differ, and a line for each in which they do not."""
    for name, path in zip(("first", "second"), paths, strict=True):
        console.print(visible(f"{name:<6}  {path}"), markup=False, highlight=False, soft_wrap=True)
    for part, pairs in compared.parts().items():
        console.print()
        same = compared.same.get(part)
        if not pairs:
            console.print(f"{part}: the same", highlight=False)
            continue
        also = f" ({same} more the same)" if same else ""
        console.print(f"[bold]{part}[/]{also}", highlight=False)
        table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False)
        wide = min(max(map(len, [*pairs, "key"])), console.width // 2)
        room = max(4, (console.width - wide - 2 * GAP) // 2)
        table.add_column("key", overflow="fold", width=wide)
        for head in ("first", "second", *(("second − first",) if part == "results" else ())):
            right = part == "results"
            table.add_column(
                head, justify="right" if right else "left", overflow="fold", max_width=None if right else room
            )
        for key, (first, second) in pairs.items():
            if part == "results":
                row = [key, _rounded(first), _rounded(second), _change(key, first, second)]
            else:
                row = [key, _exact(first), _exact(second)]
            table.add_row(*map(Text, row))
        console.print(table, highlight=False)


def _metrics(runs: Sequence[ListedRun]) -> list[str]:
    """Of all runs, each at the earliest place that it has in one of them."""
    places: dict[str, tuple[bool, int]] = {}
    for run in runs:
        for place, key in enumerate(run.metrics):
            at = (not key.startswith("test."), place)
            places[key] = min(at, places.get(key, at))
    return sorted(places, key=lambda key: places[key])


def _that_fit(width: int, runs: Sequence[ListedRun], keys: Sequence[str], least: int) -> tuple[list[str], list[str]]:
    """The keys that there is room for, the first `least` whatever the room, and the others."""
    kept, left, used = list[str](), list[str](), 0
    for place, key in enumerate(dict.fromkeys(keys)):
        lines = [*_head(key).splitlines(), *(_cell(run, key) for run in runs)]
        used_with = used + max(map(len, lines)) + GAP
        if place < least or used_with - GAP <= width:
            kept.append(key)
            used = used_with
        else:
            left.append(key)
    return kept, left


def _in_order(keys: Sequence[str]) -> list[str]:
    return sorted(keys, key=lambda key: ORDER.index(key) if key in ORDER else len(ORDER))


def _head(key: str) -> str:
    return visible(key).replace(".", "\n")


def _cell(run: ListedRun, key: str) -> str:
    value = run.values.get(key)
    if value is None:
        return "–"
    if key == "date":
        return datetime.fromisoformat(str(value)).astimezone().strftime("%Y-%m-%d %H:%M")
    if key == "steps" and run.values.get("planned", value) != value:
        return f"{value}/{run.values['planned']}"
    return (
        f"{value:.3f}"
        if isinstance(value, float) and (key == "score" or key in run.metrics)
        else visible(as_text(value))
    )


def _style(run: ListedRun, key: str) -> str:
    styles = {"broken": "red", "running": "green", "unfinished": "yellow"}
    return styles.get(str(run.values["state"]), "") if key == "state" else ""


def _exact(value: Any) -> str:
    return "–" if value is None else visible(as_text(value))


def _rounded(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else _exact(value)


def _change(key: str, first: Any, second: Any) -> str:
    numbers = all(isinstance(one, int | float) for one in (first, second))
    if not numbers or not key.startswith(("score", "test.", "validation.")):
        return ""
    return f"{second - first:+.3g}"
