"""`ssmtl.report`."""

from pathlib import Path

from ssmtl.api.arguments import path_of
from ssmtl.errors import RunError
from ssmtl.runs.folder import RunFolder
from ssmtl.suite.checked_rows import read_checked
from ssmtl.suite.suite_file import RECORD
from ssmtl.suite.tables import write_tables


def report(folder: Path | str) -> Path:
    """Redraw the figures, as PNG and as PDF, and rewrite the page of a run, a suite or folds; what `ssmtl report` does.

    :returns: the page. :raises RunError: if the folder holds neither.
    """
    from ssmtl.reports import write_report, write_suite_report
    from ssmtl.reports.folds import RECORD as FOLDS
    from ssmtl.reports.folds import write_folds_report

    place = path_of("folder", folder)
    if (place / FOLDS).is_file():
        return write_folds_report(place)
    if (place / RECORD).is_file():
        read_checked(place)
        write_tables(place)
        return write_suite_report(place)
    if RunFolder(place).results.is_file() or RunFolder(place).log.is_file():
        return write_report(place)
    raise RunError(f"{place} is neither a run's folder (results.json) nor a suite's (suite.json)")
