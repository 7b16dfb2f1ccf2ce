"""From probabilities to a decision."""

from collections.abc import Mapping

from ssmtl.contracts.head import Output
from ssmtl.runs.folder import RunFolder

USUAL = 0.5
"""The threshold of a label or a pixel of which nothing else is known."""

Thresholds = Mapping[str, Mapping[str, float]]
"""By task and class; what is missing is `USUAL`."""


def thresholds_of(_run: RunFolder) -> Thresholds:
    """The operating thresholds that are stored in a run: none yet."""
    return {}


def decision(output: Output, probabilities: Mapping[str, float], thresholds: Mapping[str, float]) -> str:
    """The most probable class, the first of equal ones; of independent labels, those at their threshold, with `|`."""
    if output.kind == "multiclass":
        return max(probabilities, key=lambda name: probabilities[name])
    return "|".join(name for name, value in probabilities.items() if value >= thresholds.get(name, USUAL))
