"""The opening paragraph: what was trained on what, how its weights were chosen, and what one run cannot show."""

import math

from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.reports.table import decimal, whole
from ssmtl.runs.early_stopping import why_stopped
from ssmtl.runs.files import Budget, Results, Selected
from ssmtl.wording import LEFT_OUT

ONE_RUN = "One run is not evidence: compare several seeds before concluding anything from these numbers."


def summarise(run: FinishedRun) -> str:
    """Plain sentences; facts that the run lacks are left out."""
    results = run.results
    if results is None:
        return f"results.json is not available: this run has not ended, or the file was removed. {ONE_RUN}"
    tasks = list(dict.fromkeys([*results.kinds, *results.tasks, *results.budgets]))
    trained = [f"{task} ({_budget(results.budgets.get(task), results.kinds.get(task) != 'none')})" for task in tasks]
    many = "one task" if len(tasks) == 1 else f"{len(tasks)} tasks"
    sentences = [f"One network was trained on {many}: {'; '.join(trained)}." if tasks else ""]
    sentences.append(_length(results))
    sentences.append(_selection(results.selected))
    sentences.append(f"This is a single run with seed {run.seed}. {ONE_RUN}")
    return " ".join(sentence for sentence in sentences if sentence)


def duration(seconds: float) -> str:
    """'2 h 05 min', '13 min 32 s' or '8.1 s', with non-breaking spaces."""
    if seconds < 60:
        return f"{seconds:.1f}\u00a0s"
    minutes, rest = divmod(round(seconds), 60)
    return (
        f"{minutes}\u00a0min\u00a0{rest:02d}\u00a0s"
        if minutes < 60
        else f"{minutes // 60}\u00a0h\u00a0{minutes % 60:02d}\u00a0min"
    )


def _budget(budget: Budget | None, has_labels: bool = True) -> str:
    if budget is None:
        return "budget not recorded"
    if not has_labels:
        return f"{whole(budget.unlabeled).text} images without labels"
    labeled, unlabeled, val = (whole(size).text for size in (budget.labeled, budget.unlabeled, budget.val))
    pool = f", {unlabeled} unlabelled" if budget.unlabeled else ""
    lost = f", {whole(budget.left_out).text} left out: {LEFT_OUT}"
    return f"{labeled} labelled{pool}, {val} for validation" + (lost if budget.left_out else "")


def _length(results: Results) -> str:
    if not results.steps:
        return ""
    took = f" in {duration(results.seconds)}" if results.seconds else ""
    size = f"; the network has {whole(results.parameters).text} parameters" if results.parameters else ""
    early = f" {why_stopped(results)}." if results.stopped_early else ""
    return f"Training took {whole(results.steps).text} optimiser steps{took}{size}.{early}"


def _selection(selected: Selected) -> str:
    step = whole(selected.step).text
    if selected.by == "last":
        return f"The reported weights are those of the last step ({step}); nothing was selected."
    if selected.by != "validation":
        return f"The reported weights are those of step {step}, selected by {selected.by}."
    unknown = selected.score is None or math.isnan(selected.score)
    reached = "" if unknown else f" (score {decimal(selected.score).text})"
    return (
        f"The reported weights are those of step {step}, selected by validation{reached}; "
        "test images were never used for selection."
    )
