"""A table as Markdown."""

from ssmtl.suite.footnotes import PUBLISHED, Footnotes
from ssmtl.suite.layout import Layout, Line, Place, domain_words
from ssmtl.suite.results import SuiteResults


def as_markdown(layout: Layout, results: SuiteResults) -> str:
    """A heading, the table, and the notes needed to read it."""
    notes = Footnotes()
    heads = ["system", *(f"{task} labels" for task in layout.tasks), "n"]
    heads += layout.heads
    rule = ["---", *["---:"] * (len(heads) - 1)]
    lines = [_row(heads), _row(rule), *(_line(line, layout, notes) for line in layout.lines)]
    published = any(place.published for line in layout.lines for place in line.places.values())
    below = [
        text
        for text in (*layout.notes, *([PUBLISHED] if published else []), results.selection_labels(), results.suite.note)
        if text
    ]
    flags = [f"<sup>{number}</sup> {_safe(text)}" for text, number in notes.texts.items()]
    title = f"## {results.suite.name}: {layout.sources}, {domain_words(layout.domain)}"
    return "\n".join(
        [title, "", *lines, "", *(f"{_safe(text)}  " for text in below), *(["", *flags] if flags else []), ""]
    )


def _line(line: Line, layout: Layout, notes: Footnotes) -> str:
    cells = [_safe(line.label), *(line.labeled.get(task, "–") for task in layout.tasks), str(line.n)]
    return _row([*cells, *(_place(line.places.get(column), notes) for column in layout.columns)])


def _place(place: Place | None, notes: Footnotes) -> str:
    if place is None:
        return ""
    ours = f"**{place.ours}**" if place.best else place.ours
    mark = notes.mark(place)
    theirs = f" ({place.theirs}{f'<sup>{mark}</sup>' if mark else ''})" if place.theirs else ""
    return ours + theirs


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _safe(text: str) -> str:
    for sign in ("\\", "|", "*", "_", "<", "`"):
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
