"""All figures of a suite, in the order of the page."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ssmtl.reports.drawing import Drawing
from ssmtl.reports.suite.agreement import draw_agreement
from ssmtl.reports.suite.boundaries import draw_boundaries, draw_gallery
from ssmtl.reports.suite.budgets import draw_budgets
from ssmtl.reports.suite.diagnostics import draw_diagnostics
from ssmtl.reports.suite.dice import draw_dice
from ssmtl.reports.suite.finished_suite import FinishedSuite
from ssmtl.reports.suite.roc import draw_roc
from ssmtl.reports.suite.saliency import draw_saliency
from ssmtl.reports.suite.samples import draw_samples


@dataclass(frozen=True)
class SuiteSubject:
    """A kind of figure: its heading on the page, the function that draws it, and what it needs."""

    heading: str
    draw: Callable[[FinishedSuite], Iterator[Drawing]]
    needs: str


SUBJECTS = (
    SuiteSubject("Samples and grey levels", draw_samples, "sample images in the cells' predictions"),
    SuiteSubject("Dice over test images", draw_dice, "cells with a mask task and the metric dice"),
    SuiteSubject("Boundaries", draw_boundaries, "sample masks in the cells' predictions"),
    SuiteSubject("Agreement of area", draw_agreement, "cells with a mask task"),
    SuiteSubject("Metrics against label budget", draw_budgets, "a system at three label budgets or more"),
    SuiteSubject("Receiver operating characteristic", draw_roc, "cells with a two-class task"),
    SuiteSubject("Mask gallery", draw_gallery, "sample masks in the cells' predictions"),
    SuiteSubject("Saliency", draw_saliency, "saliency maps in the cells' predictions"),
    SuiteSubject("Training diagnostics", draw_diagnostics, "diagnostics in the cells' metrics.jsonl"),
)
