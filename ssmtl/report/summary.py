"""The opening paragraph: what was trained on what, how its weights were chosen, and what one run cannot show."""

from collections.abc import Mapping
from typing import Any

from ssmtl.report.finished_run import FinishedRun, number
from ssmtl.report.tables import decimal, whole

ONE_RUN = "One run is not evidence: compare several seeds before concluding anything from these numbers."


def summarise(run: FinishedRun) -> str:
    """Plain sentences; what the run does not tell is not said."""
    results = run.results
    if not results:
        return f"results.json is not available: this run has not ended, or was not kept whole. {ONE_RUN}"
    tasks = list(dict.fromkeys([*results.get("kinds", {}), *results.get("tasks", {}), *results.get("budgets", {})]))
    trained = [f"{task} ({_budget(results.get('budgets', {}).get(task, {}))})" for task in tasks]
    many = "one task" if len(tasks) == 1 else f"{len(tasks)} tasks"
    sentences = [f"One network was trained on {many}: {'; '.join(trained)}." if tasks else ""]
    sentences.append(_length(results))
    sentences.append(_selection(results.get("selected") or {}))
    sentences.append(f"This is a single run with seed {run.seed}. {ONE_RUN}")
    return " ".join(sentence for sentence in sentences if sentence)


def duration(seconds: float) -> str:
    """'2 h 05 min', '13 min 32 s' or '8.1 s', with no-break spaces."""
    if seconds < 60:
        return f"{seconds:.1f}\u00a0s"
    minutes, rest = divmod(round(seconds), 60)
    return (
        f"{minutes}\u00a0min\u00a0{rest:02d}\u00a0s"
        if minutes < 60
        else f"{minutes // 60}\u00a0h\u00a0{minutes % 60:02d}\u00a0min"
    )


def _budget(budget: Mapping[str, Any]) -> str:
    words = {"labeled": "labelled", "unlabeled": "unlabelled", "val": "for validation"}
    return (
        ", ".join(f"{whole(budget[part]).text} {word}" for part, word in words.items() if part in budget)
        or "budget not recorded"
    )


def _length(results: Mapping[str, Any]) -> str:
    steps, seconds, parameters = (number(results.get(key)) for key in ("steps", "seconds", "parameters"))
    if steps != steps:
        return ""
    took = f" in {duration(seconds)}" if seconds == seconds else ""
    size = f"; it has {whole(parameters).text} parameters" if parameters == parameters else ""
    return f"Training took {whole(steps).text} optimiser steps{took}{size}."


def _selection(selected: Mapping[str, Any]) -> str:
    step, score = whole(selected.get("step")), decimal(selected.get("score"))
    if selected.get("by") == "validation":
        reached = "" if score.key == "" else f" (score {score.text})"
        return (
            f"The reported weights are those of step {step.text}, selected by validation{reached}; "
            "test images were never used for selection."
        )
    if selected.get("by") == "last":
        return f"The reported weights are those of the last step ({step.text}); nothing was selected."
    return (
        f"The reported weights are those of step {step.text}, selected by {selected['by']}." if "by" in selected else ""
    )
