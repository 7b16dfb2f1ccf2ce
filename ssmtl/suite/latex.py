"""A table as LaTeX, for `\\input`; needs the package booktabs."""

from ssmtl.suite.footnotes import NOTES, PUBLISHED, Footnotes
from ssmtl.suite.layout import Layout, Line, Place
from ssmtl.suite.results import SuiteResults

SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "–": "--", "†": r"\textdagger{}",
    "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


def as_latex(layout: Layout, results: SuiteResults) -> str:
    """A `tabular` with booktabs rules, and the notes as a `parbox` below it."""
    notes = Footnotes()
    form = "l" + "r" * (len(layout.tasks) + 1) + "l" * len(layout.columns)
    heads = ["system", *(f"{task} labels" for task in layout.tasks), "$n$"]
    heads += layout.heads
    body = [_line(line, layout, notes) for line in layout.lines]
    published = any(place.published for line in layout.lines for place in line.places.values())
    notes_below = [*NOTES, *([PUBLISHED] if published else []), results.selection_labels(), results.suite.note]
    below = [escaped(text) for text in notes_below if text]
    below += [rf"\textsuperscript{{{number}}} {escaped(text)}" for text, number in notes.texts.items()]
    return "\n".join([
        f"% {results.suite.name}: {layout.sources}, {layout.domain}",
        rf"\begin{{tabular}}{{{form}}}",
        r"\toprule",
        " & ".join(heads[:-len(layout.columns)] + [escaped(head) for head in heads[-len(layout.columns):]]) + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\smallskip\parbox{\linewidth}{\footnotesize " + r" \\ ".join(below) + "}",
        "",
    ])  # fmt: skip


def _line(line: Line, layout: Layout, notes: Footnotes) -> str:
    cells = [line.label, *(line.labeled.get(task, "–") for task in layout.tasks), str(line.n)]
    numbers = [_place(line.places.get(column), notes) for column in layout.columns]
    return " & ".join([*(escaped(cell) for cell in cells), *numbers]) + r" \\"


def _place(place: Place | None, notes: Footnotes) -> str:
    if place is None:
        return ""
    ours = rf"\textbf{{{escaped(place.ours)}}}" if place.best else escaped(place.ours)
    mark = notes.mark(place)
    sign = rf"\textsuperscript{{{mark}}}" if mark else ""
    return ours + (f" ({escaped(place.theirs)}{sign})" if place.theirs else "")


def escaped(text: str) -> str:
    """`text` so that LaTeX prints it literally."""
    return "".join(SIGNS.get(sign, sign) for sign in text)
