"""A table of a page: cells as text, with the full value of numbers for sorting."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

UNDEFINED = "–"
NOT_DEFINED = "not defined"
"""Of a metric that has no value on these images, as AUROC if all have the same class."""


@dataclass(frozen=True)
class TableCell:
    """:param order: what a column of numbers is sorted by; NaN sorts last.

    :param best: shown in bold. :param links: texts and addresses, shown instead of the text.
    """

    text: str
    order: float | None = None
    links: Sequence[tuple[str, str]] = ()
    best: bool = False

    @property
    def key(self) -> str:
        """`order` for the page: empty if undefined."""
        return "" if self.order is None or math.isnan(self.order) else repr(self.order)


@dataclass(frozen=True)
class PageTable:
    """:param note: what a reader needs to know to interpret the numbers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[TableCell]]
    note: str = ""


def decimal(value: object, signed: bool = False, undefined: str = UNDEFINED) -> TableCell:
    """A measured number with three decimals, or four significant digits from 1000 up; `undefined` for NaN."""
    measured = number(value)
    if math.isnan(measured):
        return TableCell(undefined, math.nan)
    text = f"{measured:+.3f}" if signed else f"{measured:.3f}"
    text = (
        f"{measured:+.4g}" if signed and abs(measured) >= 1000 else f"{measured:.4g}" if abs(measured) >= 1000 else text
    )
    return TableCell(text.replace("-", "−"), measured)


def whole(value: object, signed: bool = False) -> TableCell:
    """A count, with thin spaces between thousands."""
    counted = number(value)
    return (
        TableCell(UNDEFINED, math.nan)
        if not math.isfinite(counted)
        else TableCell(f"{counted:{'+' if signed else ''},.0f}".replace(",", "\u202f").replace("-", "−"), counted)
    )


def number(value: object) -> float:
    """`value` as a float; NaN for anything that is not a number."""
    if isinstance(value, int | float):
        return float(value)
    try:
        return float(str(value))
    except ValueError:
        return math.nan
