"""Flags of published numbers as numbered notes below a table."""

from ssmtl.suite.layout import Place


class Footnotes:
    """Numbers the distinct flags in order of appearance."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {}

    def mark(self, place: Place) -> str:
        """The footnote's number as text; empty if there is no flag."""
        flag = place.published.flag if place.published else ""
        return str(self.texts.setdefault(flag, len(self.texts) + 1)) if flag else ""

    def __bool__(self) -> bool:
        return bool(self.texts)


AS_PRINTED = "as printed in its paper; see the suite's note for how far it compares."
PUBLISHED = f"In parentheses: the published number, {AS_PRINTED}"
PUBLISHED_BELOW = f"Below ours: the published number, {AS_PRINTED}"
