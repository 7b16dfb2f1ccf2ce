"""Which of the listed runs are shown, and in which order."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from ssmtl.errors import RunError, nearest
from ssmtl.recipe.differences import as_text
from ssmtl.runs.listing import FACTS, ListedRun


def filtered(runs: Sequence[ListedRun], conditions: Iterable[str]) -> list[ListedRun]:
    """The runs that meet all conditions.

    :param conditions: such as `seed=3`, `state=finished`, `optimizer.lr=1e-4` or `recipe=umtl*`.
    :raises RunError: if a condition is none, or no run has its key.
    """
    kept = list(runs)
    for condition in conditions:
        key, equals, wanted = condition.partition("=")
        if not equals or not key:
            raise RunError(f"--filter {condition}: should be KEY=VALUE, such as seed=3 or state=finished")
        check_key("--filter", key, runs)
        kept = [run for run in kept if key in run.values and _meets(run.values[key], wanted)]
    return kept


def ordered(runs: Sequence[ListedRun], key: str, *, reverse: bool = False) -> list[ListedRun]:
    """Sorted by the value of a key, numbers before words; runs without it come last, either way.

    :raises RunError: if no run has the key.
    """
    check_key("--sort", key, runs)
    known = [run for run in runs if key in run.values]
    known.sort(key=lambda run: _rank(run.values[key]), reverse=reverse)
    return [*known, *(run for run in runs if key not in run.values)]


def check_key(option: str, key: str, runs: Sequence[ListedRun]) -> None:
    """:raises RunError: if no run has the key, with the nearest that one has."""
    known = {*FACTS, *(key for run in runs for key in run.values)}
    if key not in known:
        ending = [one for one in sorted(known) if one.endswith(f".{key}")]
        hint = f"did you mean '{ending[0]}'?" if ending else nearest(key, known)
        hint = hint if hint.startswith("did") else "such as seed, state, or a key of the recipe; --csv has all metrics"
        raise RunError(f"{option} {key}: no run has a value of this name ({hint})")


def _meets(value: object, wanted: str) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(wanted) == value
        except ValueError:
            return False
    return fnmatchcase(as_text(value), wanted)


def _rank(value: object) -> tuple[bool, float, str]:
    number = isinstance(value, int | float)
    return not number, float(value) if isinstance(value, int | float) else 0.0, as_text(value)
