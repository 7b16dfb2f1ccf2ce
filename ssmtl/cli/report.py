"""`ssmtl report`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape


def report(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A run's folder, or a suite's.", show_default=False)],
) -> None:
    """Redraw the figures, as PNG and as PDF, and rewrite the page of a run, a suite or folds."""
    from ssmtl.api.report import report as write

    Console().print(f"report [bold]{escape(str(write(folder)))}[/]", highlight=False, soft_wrap=True)
