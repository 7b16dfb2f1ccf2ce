"""The table of sensitivity, specificity and calibration: each class against the rest, with intervals over patients."""

import math
from collections.abc import Iterator

from ssmtl.assessment.one_class import THRESHOLD, OneClass, is_multilabel, one_class
from ssmtl.assessment.share_interval import RESAMPLES, share_interval
from ssmtl.calibration.error import brier_score, calibration_error
from ssmtl.reports.run.classified import classified
from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.reports.table import NOT_DEFINED, PageTable, TableCell, decimal, whole

COLUMNS = (
    "domain",
    "class",
    "patients",
    "images with / without",
    "sensitivity (95 %)",
    "specificity (95 %)",
    "Brier score",
    "ECE",
)


def rates(run: FinishedRun) -> Iterator[PageTable]:
    """One table per classification task: one row per domain and class."""
    for task, items in classified(run).items():
        names = run.class_names(task, items[0]["probabilities"].shape[1])
        rows = []
        for item in items:
            for index, name in enumerate(names):
                one = one_class(item, index)
                where = f"{task}.{item.domain}.{name}"
                rows.append([TableCell(item.domain), TableCell(name), *_numbers(one, where)])
        decision = (
            f"A label counts as predicted if its probability is above {THRESHOLD}."
            if is_multilabel(items[0])
            else "The predicted class is the most probable one, as in the metric accuracy."
        )
        note = (
            f"{decision} With / without: images that have the class / that do not. Sensitivity: the share of the "
            "former for which it was predicted; specificity: the share of the latter for which it was not. In "
            f"parentheses: 95 % bootstrap interval over patients ({RESAMPLES} resamples), since images of one patient "
            "are not independent; where a share is 0 or 1, the Wilson interval with the number of patients as n; none "
            "for a single patient. It says nothing about other seeds. Brier score and ECE (expected calibration "
            "error) are explained below the reliability diagram."
        )
        yield PageTable(f"{task}: each class against the rest", COLUMNS, rows, note)


def _numbers(one: OneClass, where: str) -> list[TableCell]:
    cells = [
        whole(len(set(one.patients)) if one.patients else math.nan),
        TableCell(f"{one.positive.sum()} / {(~one.positive).sum()}", float(one.positive.sum())),
    ]
    for kind, chosen in (("sensitivity", one.positive), ("specificity", ~one.positive)):
        right = one.predicted == one.positive
        share = decimal(right[chosen].mean() if chosen.any() else math.nan, undefined=NOT_DEFINED)
        low, high = share_interval(right, chosen, one, f"{where}.{kind}")
        interval = "" if math.isnan(low) else f" ({low:.2f}–{high:.2f})"
        cells.append(TableCell(share.text + interval, share.order))
    values = (brier_score(one.score, one.positive), calibration_error(one.score, one.positive))
    return cells + [decimal(value, undefined=NOT_DEFINED) for value in values]
