"""Whether a task's metrics can score images of which not everything is known."""

from ssmtl.contracts.metric import takes_unknown
from ssmtl.data.rows import Rows
from ssmtl.errors import DataError
from ssmtl.experiment.task import Task


def check_metrics(task: Task, part: str, rows: Rows) -> None:
    """:raises DataError: for a metric that would take what is unknown in these images for absent."""
    unable = [title for title, metric in task.metrics.items() if not takes_unknown(metric)]
    known = rows.known(task.output) if unable else {}
    if known:
        name, count = min(known.items(), key=lambda item: item[1])
        raise DataError(
            f"task '{task.name}', {part}: '{name}' is known of {count} of {len(rows)} images, and the metric "
            f"'{unable[0]}' does not say that it can leave out the others: expected 'takes_unknown = True' in its "
            "class, or another metric"
        )
