"""Tick labels of very large and very small numbers."""

import re

from matplotlib.ticker import ScalarFormatter

RAISED = str.maketrans("0123456789-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻")


class PowersOfTen(ScalarFormatter):
    """A common power of ten stands above the axis, such as ×10⁻⁴, for numbers below 10⁻³ or from 10⁵.

    In plain characters: matplotlib's mathematical ones are parsed anew for every label.
    """

    def __init__(self) -> None:
        super().__init__(useMathText=False)
        self.set_powerlimits((-3, 5))

    def get_offset(self) -> str:
        """The power; empty without one."""
        return re.sub(r"1e([-−]?\d+)", lambda found: "×10" + found[1].translate(RAISED), super().get_offset())
