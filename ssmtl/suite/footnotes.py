"""Flags of published numbers as numbered notes below a table."""

from ssmtl.suite.layout import Place


class Footnotes:
    """Gives each distinct flag a number, in the order they come."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {}

    def mark(self, place: Place) -> str:
        """The note's number as text; empty without a flag."""
        flag = place.published.flag if place.published else ""
        return str(self.texts.setdefault(flag, len(self.texts) + 1)) if flag else ""

    def __bool__(self) -> bool:
        return bool(self.texts)


NOTES = (
    "Mean ± sample standard deviation over seeds; n is the number of seeds.",
    "Bold is the best mean among the systems with as many labels of the task. It says nothing about significance: "
    "see significance.csv.",
)
PUBLISHED = "In parentheses: the published number, of other data or another scale where the suite says so."
