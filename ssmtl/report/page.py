"""The report: one HTML file that needs nothing else, drawn from what a run folder holds."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from ssmtl.report import tables
from ssmtl.report.figures import SUBJECTS, SavedFigure, save_figures
from ssmtl.report.finished_run import FinishedRun
from ssmtl.report.summary import summarise
from ssmtl.run_files import damaged
from ssmtl.whole_file import write_text

TEMPLATE, STYLE, SCRIPT = "report.html.j2", "report.css", "report.js"
PIXELS_PER_INCH = 96  # of CSS
FILES = {
    "recipe.yaml": "the recipe, resolved: what to run to repeat this",
    "results.json": "every number of this page",
    "metrics.jsonl": "losses and validation metrics by step",
    "per_image.csv": "metrics of each test image",
    "split.json": "which images were labelled, unlabelled, validation, test",
    "environment.json": "versions, device, commit, command",
    "predictions": "probabilities, targets and samples (NumPy archives)",
    "figures": "the figures of this page, one file each",
}


@dataclass(frozen=True)
class Picture:
    """A figure in the page. :param source: a data URI. :param width: in CSS pixels."""

    source: str
    link: str
    caption: str
    width: int


@dataclass(frozen=True)
class Section:
    """Figures of one subject; if there are none, what they need."""

    heading: str
    pictures: Sequence[Picture]
    needs: str


def write_report(run: Path) -> Path:
    """Draw the figures of the run folder `run` into its `figures/`, and write `report.html` beside them.

    :raises RunError: if `run` is no folder or holds a damaged file.
    """
    path = run / "report.html"
    with damaged(run):
        finished = FinishedRun.read(run)
        taken: set[str] = set()
        sections = [
            Section(
                subject.heading, [picture(figure) for figure in save_figures(finished, subject, taken)], subject.needs
            )
            for subject in SUBJECTS
        ]
        page = _render(finished, sections)
    write_text(path, page)
    return path


def _render(run: FinishedRun, sections: Sequence[Section]) -> str:
    return render(
        TEMPLATE,
        name=run.name,
        seed=run.seed,
        summary=summarise(run),
        metrics=list(tables.metrics(run)),
        evaluated=[tables.counts(run), tables.spread(run)],
        data=[tables.budgets(run), tables.split(run)],
        environment=tables.environment(run),
        sections=sections,
        recipe=run.recipe,
        recipe_hash=run.results.get("recipe_hash"),
        data_fingerprint=run.results.get("data_fingerprint"),
        files=[(link(run.folder, name), name, what) for name, what in FILES.items() if (run.folder / name).exists()],
    )


def render(template: str, **content: Any) -> str:
    """The template with every string of `content` escaped, and with the hash of the one script that may run."""
    environment = Environment(
        loader=PackageLoader("ssmtl.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Style and script are included verbatim: they are ours and hold nothing of the run.
    script = resources.files("ssmtl.report").joinpath(SCRIPT).read_text(encoding="utf-8")
    script_hash = base64.b64encode(hashlib.sha256(script.rstrip("\n").encode()).digest()).decode()
    return environment.get_template(template).render(script_hash=script_hash, **content)


def picture(figure: SavedFigure) -> Picture:
    """The figure as a data URI."""
    content = base64.b64encode(figure.path.read_bytes()).decode()
    file = quote(f"{figure.path.parent.name}/{figure.path.name}")
    return Picture(f"data:image/png;base64,{content}", file, figure.caption, round(figure.width * PIXELS_PER_INCH))


def link(folder: Path, name: str) -> str:
    """Where the page finds a file or folder beside it."""
    return quote(name) + ("/" if (folder / name).is_dir() else "")
