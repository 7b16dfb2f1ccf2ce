"""What the trackers write: one number for each name, the same names in each program."""

from collections.abc import Iterator, Mapping
from typing import Any

from ssmtl import Evaluated, RunEnded, SsmtlError, StepEnded


def of_step(step: StepEnded) -> dict[str, float]:
    """`loss/total`, `loss/TASK.STRATEGY`, `diagnostics/…`, `learning_rate`, `rows_per_second`."""
    return {
        "loss/total": step.total,
        **{f"loss/{name}": value for name, value in step.losses.items()},
        **{f"diagnostics/{name}": value for name, value in step.diagnostics.items()},
        "learning_rate": step.learning_rate,
        "rows_per_second": step.rows_per_second,
    }


def of_validation(result: Evaluated) -> dict[str, float]:
    """`validation/TASK.METRIC`, `validation/score`, and `best/score` where the weights are the best so far.

    Empty for a domain of the test, which is evaluated once, at the end.
    """
    if result.part != "validation":
        return {}
    values = {f"validation/{name}": value for name, value in result.values.items()}
    if result.score is not None:
        values["validation/score"] = result.score
    if result.best and result.score is not None:
        values["best/score"] = result.score
    return values


def of_test(run: RunEnded) -> dict[str, float]:
    """`test/DOMAIN/TASK.METRIC` of the selected weights, and `best/step`, which says which these are."""
    values = {
        f"test/{domain}/{task}.{metric}": value
        for task, domains in run.results["tasks"].items()
        for domain, metrics in domains.items()
        for metric, value in metrics.items()
        if value is not None
    }
    selected = run.results.get("selected")
    return {**values, "best/step": selected["step"]} if selected else values


def last_step(run: RunEnded) -> int:
    """The step at which the results are written: that of the end, so that the step never goes back."""
    return int(run.results["steps"])


def leaves(content: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every value of a recipe, as text, with its key."""
    if isinstance(content, Mapping) and content:
        for key, value in content.items():
            yield from leaves(value, f"{place}.{key}" if place else str(key))
    elif isinstance(content, list) and any(isinstance(one, Mapping) for one in content):
        for number, value in enumerate(content):
            yield from leaves(value, f"{place}.{number}")
    else:
        yield place, str(content)


def missing(library: str, extra: str, error: ImportError) -> SsmtlError:
    """What to say where the library is not installed."""
    return SsmtlError(f"the tracker {extra} needs {library}: pip install 'ssmtl[{extra}]' ({error})")
