"""The tables of what was fitted on validation images: calibration before and after, and the operating thresholds."""

import math
from collections.abc import Iterator

from ssmtl.assessment.classes import assess_classes
from ssmtl.calibration.stored import TaskCalibration
from ssmtl.reports.run.classified import classified, shown_classes
from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.reports.table import NOT_DEFINED, PageTable, TableCell, decimal, whole
from ssmtl.runs.files import ClassAssessment, Rate

PLAIN = {
    "youden": "Youden",
    "sensitivity_80": "sensitivity ≥ 0.80",
    "sensitivity_90": "sensitivity ≥ 0.90",
    "sensitivity_95": "sensitivity ≥ 0.95",
}


def operating_tables(run: FinishedRun) -> Iterator[PageTable]:
    """Two tables for each classification task; none for a run that has fitted nothing."""
    fitted = run.calibration.tasks if run.calibration else {}
    for task, items in classified(run).items():
        if task not in fitted:
            continue
        own = fitted[task]
        names = run.class_names(task, items[0]["probabilities"].shape[1])
        shown = [names[index] for index in shown_classes(items)]
        assessed = {item.domain: assess_classes(item, names, own) for item in items}
        yield _calibration(task, own, shown, assessed)
        yield _thresholds(task, own, assessed)


def _calibration(
    task: str, own: TaskCalibration, shown: list[str], assessed: dict[str, dict[str, ClassAssessment]]
) -> PageTable:
    rows = []
    for name in shown:
        if name in own.ece:
            cells = [decimal(value) for value in (*own.ece[name], *own.brier.get(name, (None, None)))]
            rows.append([TableCell("validation"), TableCell(name), whole(own.images), *cells])
        for domain, classes in assessed.items():
            one = classes[name]
            numbers = [cell for values in (one.ece, one.brier) for cell in _before_after(values)]
            images = whole(one.positives + one.negatives)
            rows.append([TableCell(domain), TableCell(name), images, *numbers])
    note = (
        f"None was fitted: {own.why}."
        if own.why
        else (
            f"One temperature, {own.temperature:.3f}, divides the logits of the task: that of the least negative log "
            f"likelihood on the {own.images} validation images, {own.nll[0]:.3f} before and {own.nll[1]:.3f} after "
            "(Guo et al., 2017). It changes neither the most probable class nor, with two classes or independent "
            "labels, the ranking of images. ECE: expected calibration error; on the images of the fit it is a little "
            "too small. ssmtl predict and ssmtl.load use the temperature; the metrics and figures of this page are of "
            "the network without it."
        )
    )
    columns = ["images of", "class", "images", "ECE before", "ECE after", "Brier before", "Brier after"]
    return PageTable(f"{task}: temperature", columns, rows, note)


def _before_after(values: list[float]) -> list[TableCell]:
    cells = [decimal(value, undefined=NOT_DEFINED) for value in values]
    return cells if len(cells) == 2 else [*cells, decimal(None)]


def _thresholds(task: str, own: TaskCalibration, assessed: dict[str, dict[str, ClassAssessment]]) -> PageTable:
    rows = []
    for name, points in own.thresholds.items():
        for point, chosen in points.items():
            head = [TableCell(name), TableCell(PLAIN.get(point, point)), decimal(chosen.threshold)]
            found = [decimal(chosen.sensitivity), decimal(chosen.specificity)]
            rows.append([*head, TableCell("validation"), *found])
            for domain, classes in assessed.items():
                at = classes[name].points[point]
                rows.append([*head, TableCell(domain), _cell(at.sensitivity), _cell(at.specificity)])
    without = [f"{name}: {why}" for name, why in own.no_thresholds.items()]
    note = (
        "Chosen on validation images, applied to the test images: an image has the class if its probability, after the "
        "temperature, is at or above the threshold. Youden: the largest sensitivity + specificity − 1 (Youden, 1950), "
        "at which ssmtl predict decides; the others: the largest specificity with that sensitivity on validation. In "
        "parentheses: 95 % interval over patients. "
        if rows
        else ""
    )
    note += f"Without a threshold: {'; '.join(without)}." if without else ""
    columns = ["class", "operating point", "threshold", "images of", "sensitivity (95 %)", "specificity (95 %)"]
    return PageTable(f"{task}: operating thresholds", columns, rows, note)


def _cell(rate: Rate) -> TableCell:
    cell = decimal(rate.share, undefined=NOT_DEFINED)
    return cell if math.isnan(rate.low) else TableCell(f"{cell.text} ({rate.low:.2f}–{rate.high:.2f})", cell.order)
