"""A table as LaTeX, for `\\input`; needs the packages booktabs and siunitx."""

from collections.abc import Iterator, Sequence

from ssmtl.suite.footnotes import NOTES, PUBLISHED, Footnotes
from ssmtl.suite.layout import Layout, Line, Place
from ssmtl.suite.results import SuiteResults

METRICS = 3
"""Metrics of one table, with the published numbers beside ours, so that it fits the width of a page."""

SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "±": r"\ensuremath{\pm}", "–": "--", "†": r"\textdagger{}", "−": r"\ensuremath{-}", "≤": r"\ensuremath{\leq}",
    "×": r"\ensuremath{\times}",
}  # fmt: skip
GREEK = dict(zip("αβγδεζηθικλμνξπρστυφχψω", (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
), strict=True))  # fmt: skip
"""Letters that pdfLaTeX has only in mathematics; accented Latin letters need nothing."""


def as_latex(layout: Layout, results: SuiteResults) -> str:
    """A `tabular` for each task and at most `METRICS` of its metrics, each with its notes below."""
    tables = []
    for task in layout.tasks:
        columns = [column for column in layout.columns if column[0] == task]
        for start in range(0, len(columns), METRICS):
            tables.append(_table(layout, results, task, columns[start : start + METRICS]))
    return "\n".join(tables)


def _table(layout: Layout, results: SuiteResults, task: str, columns: Sequence[tuple[str, str]]) -> str:
    notes = Footnotes()
    lines = [line for line in layout.lines if any(column in line.places for column in columns)]
    names = dict(zip(layout.columns, layout.heads, strict=True))
    heads = ["system", *(f"{name} labels" for name in layout.tasks), "n", *(names[column] for column in columns)]
    body = [_line(line, layout, columns, notes) for line in lines]
    published = any(line.places[column].published for line in lines for column in columns if column in line.places)
    below = [*NOTES, *([PUBLISHED] if published else []), results.selection_labels(), results.suite.note]
    texts = [escaped(text) for text in below if text]
    texts += [rf"\textsuperscript{{{number}}} {escaped(text)}" for text, number in notes.texts.items()]
    return "\n".join([
        f"% {results.suite.name}: {layout.sources}, {layout.domain}, {task}".replace("\n", " "),
        rf"\begin{{tabular}}{{l{'r' * (len(layout.tasks) + 1)}{'l' * len(columns)}}}",
        r"\toprule",
        " & ".join(escaped(head) for head in heads) + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\smallskip\noindent\parbox{\linewidth}{\footnotesize " + r" \\ ".join(texts) + r"}\par\medskip",
        "",
    ])  # fmt: skip


def _line(line: Line, layout: Layout, columns: Sequence[tuple[str, str]], notes: Footnotes) -> str:
    cells = [line.label, *(line.labeled.get(task, "–") for task in layout.tasks), str(line.n)]
    numbers = [_place(line.places.get(column), notes) for column in columns]
    return " & ".join([*(escaped(cell) for cell in cells), *numbers]) + r" \\"


def _place(place: Place | None, notes: Footnotes) -> str:
    if place is None:
        return ""
    ours = _number(place.ours)
    ours = rf"{{\boldmath\bfseries {ours}}}" if place.best else ours
    mark = notes.mark(place)
    sign = rf"\textsuperscript{{{mark}}}" if mark else ""
    return ours + (f" ({_number(place.theirs)}{sign})" if place.theirs else "")


def _number(text: str) -> str:
    r"""'0.903 ± 0.009†' as '\num{0.903} \ensuremath{\pm} \num{0.009}\textdagger{}'."""
    return " ".join(_parts(text))


def _parts(text: str) -> Iterator[str]:
    for part in text.split(" "):
        digits = part.rstrip("†")
        plain = digits.replace(".", "", 1).replace("-", "", 1).isdigit()
        yield rf"\num{{{digits}}}{escaped(part[len(digits) :])}" if plain else escaped(part)


def escaped(text: str) -> str:
    """`text` so that LaTeX prints it literally."""
    return "".join(
        SIGNS[sign] if sign in SIGNS else rf"\ensuremath{{\{GREEK[sign]}}}" if sign in GREEK else sign for sign in text
    )
