"""All that is said of one task on one evaluation set besides its metrics."""

from ssmtl.assessment.classes import assess_classes
from ssmtl.assessment.intervals import intervals
from ssmtl.assessment.subgroups import subgroups
from ssmtl.runs.files import Assessment, Calibration, WorstImage
from ssmtl.runs.scored import Scored


def assess(scored: Scored, calibration: Calibration | None) -> Assessment:
    """:param calibration: of the run, for these weights; None: none is known."""
    output, kept = scored.task.output, scored.predictions
    fitted = calibration.tasks.get(scored.task.name) if calibration else None
    return Assessment(
        patients=len(set(kept.patients)),
        intervals=intervals(scored.scores, kept, scored.task.name),
        classes=assess_classes(scored.stored, output.classes, fitted) if output.classifies else {},
        subgroups=subgroups(scored.scores, kept, scored.groups),
        worst=[
            WorstImage(id=kept.ids[place], patient=kept.patients[place], severity=float(severity))
            for place, severity in zip(scored.stored["worst_places"], scored.stored["worst_severities"], strict=True)
        ],
    )
