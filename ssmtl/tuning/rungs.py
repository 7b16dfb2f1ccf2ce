"""When the trials of a round are compared, and which of them go on.

Successive halving (Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization",
AISTATS 2016), and the median rule (Golovin et al., "Google Vizier", KDD 2017, section 3.2.2). Both wait for the whole
round: Optuna's own pruners decide as reports arrive, so that the speed of a worker would decide with them.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import median

from ssmtl.errors import Problem, RecipeError
from ssmtl.recipe.training import Train
from ssmtl.tuning.space_file import Pruner
from ssmtl.tuning.trial import Trial


def rungs_of(pruner: Pruner, train: Train, where: str) -> list[int]:
    """The steps after which trials are compared, in order; each is one after which a run is validated.

    :param where: the space's file.
    :raises RecipeError: if there is none, or `at` names another step.
    """
    if pruner.use == "none":
        return []
    every, place = train.evaluate_every, f"{where}: pruner"
    if pruner.at is not None:
        wrong = [step for step in pruner.at if step % every or step >= train.steps]
        if wrong:
            what = f"no run is validated after step {wrong[0]} and goes on"
            hint = f"expected multiples of train.evaluate_every, {every}, below train.steps, {train.steps}"
            raise RecipeError([Problem(f"{place}.at", what, hint)])
        return sorted(set(pruner.at))
    wanted = (train.steps / pruner.factor**power for power in range(pruner.rungs, 0, -1))
    found = sorted({every * max(1, math.ceil(step / every - 1e-9)) for step in wanted})
    kept = [step for step in found if step < train.steps]
    if not kept:
        what = f"there is no validation before the last of {train.steps} steps, so no trial can end early"
        raise RecipeError([Problem(place, what, f"set train.evaluate_every, {every}, lower, or leave the pruner out")])
    return kept


def survivors(pruner: Pruner, scores: Mapping[int, float], step: int, earlier: Sequence[Trial]) -> set[int]:
    """The numbers of the trials that go on after this step.

    :param scores: by number, of the round's trials that came this far. :param earlier: of earlier rounds.
    """
    if pruner.use == "halving":
        ranked = sorted(scores, key=lambda number: (-scores[number], number))
        return set(ranked[: math.ceil(len(ranked) / pruner.factor)])
    before = [one.scores[str(step)] for one in earlier if str(step) in one.scores]
    if len(before) < pruner.startup:
        return set(scores)
    return {number for number, score in scores.items() if score >= median(before)}
