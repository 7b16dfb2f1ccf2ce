"""From probabilities to a decision."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, get_args

from ssmtl.calibration.stored import TaskCalibration
from ssmtl.contracts.head import Output
from ssmtl.errors import RunError, nearest
from ssmtl.runs.files import Calibration

USUAL = 0.5
"""The threshold of a label or a pixel of which nothing else is known."""

Thresholds = Mapping[str, Mapping[str, float]]
"""By task and class; what is missing is `USUAL`, or the most probable class."""

Decide = Literal["stored", "usual", "youden", "sensitivity_80", "sensitivity_90", "sensitivity_95"]
"""`stored`: at Youden's threshold where the run has one. `usual`: at one half, or the most probable class."""


def check_decide(decide: str, *, calibrated: bool = True) -> None:
    """:raises RunError: if there is no such way, or it needs what is left out."""
    if decide not in get_args(Decide):
        raise RunError(f"there is no way to decide called '{decide}': {nearest(decide, get_args(Decide))}")
    if not calibrated and decide not in ("stored", "usual"):
        raise RunError(f"'{decide}' is for calibrated probabilities, which --raw (calibrated=False) leaves out")


def thresholds_of(calibrations: Sequence[Calibration | None], decide: Decide = "stored") -> Thresholds:
    """The operating thresholds that are stored in a run; none for an ensemble, whose probabilities are means.

    :param calibrations: of each run.
    :raises RunError: if thresholds are asked for by name and there are none.
    """
    if decide == "usual":
        return {}
    point = "youden" if decide == "stored" else decide
    one = calibrations[0] if len(calibrations) == 1 else None
    found = {
        task: {name: points[point].threshold for name, points in fitted.thresholds.items() if point in points}
        for task, fitted in (one.tasks.items() if one else ())
    }
    found = {task: thresholds for task, thresholds in found.items() if thresholds}
    if not found and decide != "stored":
        raise RunError(f"there is no threshold '{decide}': {_why_none(calibrations)}; expected stored or usual")
    return found


def _why_none(calibrations: Sequence[Calibration | None]) -> str:
    if len(calibrations) > 1:
        return "an ensemble has none, since the threshold of a run is for its own probabilities"
    fitted = calibrations[0]
    if fitted is None:
        return "none is stored for these weights"
    every = ((f"{task}, {name}", why) for task, one in fitted.tasks.items() for name, why in one.no_thresholds.items())
    return "; ".join(f"{where}: {why}" for where, why in every) or "the run has no classification task"


def temperatures_of(calibration: Calibration | None) -> dict[str, float]:
    """By task, where one was fitted."""
    tasks = calibration.tasks if calibration else {}
    return {task: one.temperature for task, one in tasks.items() if one.temperature != 1.0}


def decision(output: Output, probabilities: Mapping[str, float], thresholds: Mapping[str, float]) -> str:
    """One of several classes: the most probable, the first of equal ones; of two, the second from its threshold on, if
    it has one. Independent labels: those at their threshold, with `|`.
    """
    if output.kind == "multiclass":
        for last, cut in cuts(output, thresholds).items():
            return output.classes[probabilities[last] >= cut]
        return max(probabilities, key=lambda name: probabilities[name])
    least = cuts(output, thresholds)
    return "|".join(name for name, value in probabilities.items() if value >= least[name])


def cuts(output: Output, thresholds: Mapping[str, float]) -> dict[str, float]:
    """By class, the probability from which on `decision` chooses it; none where the most probable class is chosen."""
    if output.kind == "multilabel":
        return {name: thresholds.get(name, USUAL) for name in output.classes}
    last = output.classes[-1]
    return {last: thresholds[last]} if len(output.classes) == 2 and last in thresholds else {}


def described(
    calibrations: Sequence[Calibration | None], outputs: Mapping[str, Output], thresholds: Thresholds
) -> Iterator[str]:
    """A line for each classification task: at which thresholds it decides, and how its probabilities are calibrated."""
    for task, output in outputs.items():
        if output.classifies:
            fitted = [one.tasks.get(task) if one else None for one in calibrations]
            heat = ", ".join(_temperature(one) for one in fitted)
            yield f"{task}: {_decides(output, thresholds.get(task, {}))}; temperature: {heat}"


def _temperature(fitted: TaskCalibration | None) -> str:
    if fitted is None:
        return "none"
    return f"none ({fitted.why})" if fitted.why else f"{fitted.temperature:.3g}"


def _decides(output: Output, own: Mapping[str, float]) -> str:
    least = cuts(output, own)
    return ", ".join(f"{name} from {cut:.3g} on" for name, cut in least.items()) or "the most probable class"
