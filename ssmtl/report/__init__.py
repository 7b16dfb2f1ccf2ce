"""Figures and a self-contained page for one finished run: reads its folder, writes `figures/` and `report.html`."""

from ssmtl.report.figures import write_figures
from ssmtl.report.page import write_report

__all__ = ["write_figures", "write_report"]
