"""One trial of a search, and the record of them all: study.json."""

import math
from typing import Any, Literal

from ssmtl.json_file import Count, FileModel, Seconds

State = Literal["running", "finished", "pruned", "failed"]


class Trial(FileModel):
    """Values for the parameters, and what came of them.

    :param round: from 0; the trials of one round are proposed together, and compared with each other.
    :param value: the validation score: of a finished trial, that of the weights it keeps; of a pruned one, its best so
        far; the mean over the seeds. None: there is none.
    :param scores: by step, the best validation score up to there, where trials were compared.
    :param pruned_at: the step after which it was ended. :param steps: trained, over all seeds.
    :param runs: the names of its runs' folders.
    """

    number: Count
    round: Count
    parameters: dict[str, Any]
    state: State = "running"
    value: float | None = None
    scores: dict[str, float] = {}
    pruned_at: Count | None = None
    steps: Count = 0
    seconds: Seconds = 0.0
    error: str = ""
    runs: list[str] = []

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state != "running"


class StudyRecord(FileModel):
    """study.json: what is searched, by which code on which data, and every trial.

    :param recipe: the searched one, resolved. :param space: every key of the space's file.
    :param code, data: hashes of what can change a number, and of the data.
    """

    recipe: dict[str, Any]
    space: dict[str, Any]
    code: str
    data: str
    ssmtl: str = ""
    commit: str | None = None
    started: str = ""
    command: list[str] = []
    trials: list[Trial] = []

    @property
    def best(self) -> Trial | None:
        """The finished trial with the highest value, the first of several; None before there is one."""
        known = [one for one in self.trials if one.state == "finished" and one.value is not None]
        return max(known, key=lambda one: one.value if one.value is not None else -math.inf, default=None)

    @property
    def steps(self) -> int:
        """Of training so far, over all trials and seeds."""
        return sum(one.steps for one in self.trials)

    @property
    def seconds(self) -> float:
        """That its runs took, added up."""
        return sum(one.seconds for one in self.trials)
