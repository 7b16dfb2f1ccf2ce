"""A table as LaTeX, for `\\input`; needs the packages booktabs and siunitx."""

from collections.abc import Iterator, Sequence

from ssmtl.suite.footnotes import PUBLISHED_BELOW, Footnotes
from ssmtl.suite.layout import Layout, Line, Place
from ssmtl.suite.results import SuiteResults

METRICS = 3
"""Metrics of one table, so that it fits a page with a text width of 15 cm; long names of systems wrap."""

SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "±": r"\ensuremath{\pm}", "–": "--", "†": r"\textdagger{}", "‡": r"\textdaggerdbl{}",
    "−": r"\ensuremath{-}", "≤": r"\ensuremath{\leq}", "×": r"\ensuremath{\times}",
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
    body = [row for line in lines for row in _rows(line, layout, columns, notes)]
    published = any(line.places[column].published for line in lines for column in columns if column in line.places)
    below = [*layout.notes, *([PUBLISHED_BELOW] if published else []), results.selection_labels(), results.suite.note]
    texts = [escaped(text) for text in below if text]
    texts += [rf"\textsuperscript{{{number}}} {escaped(text)}" for text, number in notes.texts.items()]
    return "\n".join([
        f"% {results.suite.name}: {layout.sources}, {layout.domain}, {task}".replace("\n", " "),
        r"\noindent{\footnotesize\setlength{\tabcolsep}{4pt}%",
        rf"\begin{{tabular}}{{l{'r' * (len(layout.tasks) + 1)}{'l' * len(columns)}}}",
        r"\toprule",
        " & ".join(_stacked(head) for head in heads) + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}}",
        r"\par\smallskip\noindent\parbox{\linewidth}{\footnotesize " + r" \\ ".join(texts) + r"}\par\medskip",
        "",
    ])  # fmt: skip


def _rows(line: Line, layout: Layout, columns: Sequence[tuple[str, str]], notes: Footnotes) -> Iterator[str]:
    """Ours, and the published numbers below, if there are any."""
    places = [line.places.get(column) for column in columns]
    labels = [line.labeled.get(task, "–") for task in layout.tasks]
    name = rf"\parbox[t]{{28mm}}{{\raggedright {escaped(line.label)}\strut}}"
    yield " & ".join([name, *map(escaped, (*labels, str(line.n))), *map(_ours, places)]) + r" \\"
    theirs = [_theirs(place, notes) for place in places]
    if any(theirs):
        yield " & ".join([r"\quad published", *([""] * (len(labels) + 1)), *theirs]) + r" \\"


def _ours(place: Place | None) -> str:
    if place is None:
        return ""
    return rf"{{\boldmath\bfseries {escaped(place.ours)}}}" if place.best else _number(place.ours)


def _theirs(place: Place | None, notes: Footnotes) -> str:
    if place is None or not place.theirs:
        return ""
    mark = notes.mark(place)
    return _number(place.theirs) + (rf"\textsuperscript{{{mark}}}" if mark else "")


def _stacked(head: str) -> str:
    """One word below the other, since the columns are narrow."""
    words = r" \\ ".join(escaped(word) for word in head.split(" "))
    return rf"\shortstack[l]{{{words}}}"


def _number(text: str) -> str:
    r"""'0.903 ± 0.009†' as '\num{0.903} \ensuremath{\pm} \num{0.009}\textdagger{}'."""
    return " ".join(_parts(text))


def _parts(text: str) -> Iterator[str]:
    for part in text.split(" "):
        digits = part.rstrip("†‡")
        plain = digits.replace(".", "", 1).replace("-", "", 1).isdigit()
        yield rf"\num{{{digits}}}{escaped(part[len(digits) :])}" if plain else escaped(part)


def escaped(text: str) -> str:
    """`text` so that LaTeX prints it literally."""
    return "".join(
        SIGNS[sign] if sign in SIGNS else rf"\ensuremath{{\{GREEK[sign]}}}" if sign in GREEK else sign for sign in text
    )
