"""Figures and a self-contained page of a run or a suite, read from its folder and written into it."""

from ssmtl.reports.evaluation.page import write_evaluation
from ssmtl.reports.run.figures import write_figures
from ssmtl.reports.run.page import write_report
from ssmtl.reports.suite.page import write_suite_report

__all__ = ["write_evaluation", "write_figures", "write_report", "write_suite_report"]
