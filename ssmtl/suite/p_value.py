"""A p-value as text."""

import math


def p_text(p: float, least: float = 0.0) -> str:
    """'0.012', '< 0.001', or '≤ 0.0002' for the smallest p that a bootstrap can give; a dash if undefined.

    :param least: that smallest p; after a correction, its product with the same factor.
    """
    if math.isnan(p):
        return "–"
    if p <= least:
        return f"≤ {p:.2g}"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
