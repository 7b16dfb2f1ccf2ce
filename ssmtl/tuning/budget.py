"""How many trials may still begin."""

from ssmtl.errors import Problem, RecipeError
from ssmtl.tuning.space_file import Space
from ssmtl.tuning.trial import StudyRecord


def check_budget(space: Space, whole: int, where: str) -> None:
    """:param whole: steps of a trial that is trained to its end, over its seeds. :param where: the space's file.

    :raises RecipeError: if not even one trial fits.
    """
    if space.steps is not None and space.steps < whole:
        what = f"{space.steps} is less than one trial takes: train.steps × seeds = {whole}"
        raise RecipeError([Problem(f"{where}: steps", what)])


def next_round(space: Space, record: StudyRecord, whole: int) -> int:
    """Trials that the next round may have, so that neither trials nor steps can be exceeded; 0: the search is over."""
    left = [space.ahead]
    if space.trials is not None:
        left.append(space.trials - len(record.trials))
    if space.sampler.use == "grid":
        left.append(space.size - len(record.trials))
    if space.steps is not None:
        left.append((space.steps - spent(record, whole)) // whole)
    return max(0, min(left))


def spent(record: StudyRecord, whole: int) -> int:
    """Steps that count against the budget. A failed trial counts in full: failing must not buy more trials."""
    return sum(whole if one.state in ("failed", "running") else one.steps for one in record.trials)
