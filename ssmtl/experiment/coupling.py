"""Which rows of a step share the statistics of a batch normalisation."""

from collections.abc import Sequence

from torch import nn

from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.task import Task
from ssmtl.model.coupled_rows import batch_norms, couples_rows
from ssmtl.wording import counted

FEW = 8
"""Rows below which statistics are of few; batch normalisation errs more the smaller a batch is (Wu and He 2018)."""

POOLS = {"labeled": "labelled", "unlabeled": "unlabelled"}


def coupling(experiment: Experiment) -> str | None:
    """One sentence, if rows that differ, or only few, share the statistics of a batch normalisation; else None.

    Rows differ by task, and by pool: labelled ones from unlabelled ones, which a strategy may mix.
    """
    places = [*_backbone(experiment), *_heads(experiment)]
    if not places:
        return None
    return (
        f"batch normalisation lets rows of one step influence each other: {'; '.join(places)}. "
        "norm: group makes rows independent, and lets them pass in parts"
    )


def _backbone(experiment: Experiment) -> list[str]:
    count = sum(1 for _ in batch_norms(experiment.model.backbone))
    groups: dict[str, list[Task]] = {}
    for task in experiment.tasks:
        groups.setdefault(task.spec.source if experiment.recipe.norm == "domain" else "", []).append(task)
    doubtful = [f"those of {_rows(tasks)}" for tasks in groups.values() if _doubtful(tasks)] if count else []
    layers = counted(count // len(groups), "layer")
    return [f"in the backbone ({layers}) {', '.join(doubtful)}"] if doubtful else []


def _heads(experiment: Experiment) -> list[str]:
    model = experiment.model
    return [
        f"in the head of {_rows([task])}"
        for task in experiment.tasks
        if couples_rows(nn.ModuleList(own[task.name] for own in (model.heads, model.bridges) if task.name in own))
        and _doubtful([task])
    ]


def _doubtful(tasks: Sequence[Task]) -> bool:
    return len(tasks) > 1 or len(_pools(tasks)) > 1 or _number(tasks) < FEW


def _pools(tasks: Sequence[Task]) -> list[str]:
    return sorted({POOLS.get(view.pool, view.pool) for task in tasks for view in task.views})


def _number(tasks: Sequence[Task]) -> int:
    """Rows of all views, of which a strategy may keep some back."""
    return sum(task.rows(view.pool) for task in tasks for view in task.views)


def _rows(tasks: Sequence[Task]) -> str:
    few = [f", only {counted(_number([task]), 'row')}" if _number([task]) < FEW else "" for task in tasks]
    return " and ".join(
        f"{task.name} ({', '.join(_pools([task]))}{note})" for task, note in zip(tasks, few, strict=True)
    )
