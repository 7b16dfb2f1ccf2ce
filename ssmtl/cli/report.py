"""`ssmtl report`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape


def report(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A run's folder, or a suite's.", show_default=False)],
) -> None:
    """Redraw the figures and rewrite the page of a run or a suite."""
    from ssmtl.errors import RunError
    from ssmtl.reports import write_report, write_suite_report
    from ssmtl.reports.folds import RECORD as FOLDS
    from ssmtl.reports.folds import write_folds_report
    from ssmtl.runs.folder import RunFolder
    from ssmtl.suite.suite_file import RECORD
    from ssmtl.suite.tables import write_tables

    if (folder / FOLDS).is_file():
        page = write_folds_report(folder)
    elif (folder / RECORD).is_file():
        write_tables(folder)
        page = write_suite_report(folder)
    elif RunFolder(folder).results.is_file() or RunFolder(folder).log.is_file():
        page = write_report(folder)
    else:
        raise RunError(f"{folder} is neither a run's folder (results.json) nor a suite's (suite.json)")
    Console().print(f"report [bold]{escape(str(page))}[/]", highlight=False, soft_wrap=True)
