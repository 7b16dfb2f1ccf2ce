"""The tables of a suite: `tables/summary.csv`, and each layout as Markdown and LaTeX."""

import csv
import io
from pathlib import Path

from ssmtl.atomic_file import write_text
from ssmtl.suite.aggregate import Summary, aggregated
from ssmtl.suite.compare import IntervalOf, resampled
from ssmtl.suite.latex import as_latex
from ssmtl.suite.layout import layouts
from ssmtl.suite.markdown import as_markdown
from ssmtl.suite.reference import Reference
from ssmtl.suite.results import SuiteResults, read_results
from ssmtl.suite.significance import number_text, write_significance

COLUMNS = (
    "sources", "domain", "system", "budgets", "task", "metric", "n", "mean", "std",
    "reference_mean", "reference_std", "reference_flag",
)  # fmt: skip


def write_tables(folder: Path, interval_of: IntervalOf = resampled) -> list[Path]:
    """Write every table of the suite's folder into its `tables/`.

    :param interval_of: where intervals over patients come from, if not from the cells' folders.
    :raises RunError: if it is not a suite's folder. :raises DataError: if the published numbers cannot be read.
    """
    results = read_results(folder)
    reference = Reference.read(results.reference)
    summaries = aggregated(results.rows)
    texts = {"summary.csv": _summary(summaries, reference)}
    for layout in layouts(results, summaries, reference):
        texts[f"{layout.sources}_{layout.domain}.md"] = as_markdown(layout, results)
        texts[f"{layout.sources}_{layout.domain}.tex"] = as_latex(layout, results)
    (folder / "tables").mkdir(exist_ok=True)
    for name, text in texts.items():
        write_text(folder / "tables" / name, text)
    return [*(folder / "tables" / name for name in texts), *_significance(results, interval_of)]


def _significance(results: SuiteResults, interval_of: IntervalOf) -> list[Path]:
    path = results.folder / "tables" / "significance.csv"
    return [write_significance(path, results, interval_of)] if results.suite.compare else []


def _summary(summaries: list[Summary], reference: Reference) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in summaries:
        group, published = one.group, reference.of(one.group)
        theirs = (published.mean, published.std, published.flag) if published else ("", "", "")
        numbers = (one.n, number_text(one.mean), number_text(one.std))
        writer.writerow(
            (group.sources, group.domain, group.system, group.budgets, group.task, group.metric, *numbers, *theirs)
        )
    return text.getvalue()
