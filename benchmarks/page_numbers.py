"""Numbers of a committed table as a page writes them."""

import math

from ssmtl.suite.p_value import p_text


def number(text: str) -> str:
    """Three decimals; a dash for none."""
    return f"{float(text):.3f}" if text else "–"


def signed(text: str) -> str:
    """Three decimals and a sign, but of what rounds to nothing."""
    value = float(text)
    return "0.000" if abs(value) < 0.0005 else f"{value:+.3f}".replace("-", "−")


def p_value(text: str, floor: bool = False) -> str:
    """:param floor: whether it is the smallest that there can be."""
    value = float(text) if text else math.nan
    return p_text(value, value if floor else 0.0)
