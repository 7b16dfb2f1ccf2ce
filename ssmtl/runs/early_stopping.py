"""Early stopping: how long validation has not improved, and what is said of it."""

from ssmtl.recipe.training import EarlyStopping, Train
from ssmtl.runs.files import Results, StoppedEarly, Waited
from ssmtl.wording import counted


def waited_after(before: Waited, score: float | None, rule: EarlyStopping | None) -> Waited:
    """After one more evaluation. :param score: the one that selects weights; None counts as no better."""
    if rule is None:
        return before
    if score is not None and (before.best is None or score > before.best + rule.min_delta):
        return Waited(best=score)
    return Waited(best=before.best, evaluations=before.evaluations + 1)


def is_over(waited: Waited, rule: EarlyStopping | None) -> bool:
    """Whether that is long enough to stop."""
    return rule is not None and waited.evaluations >= rule.patience


def stopped_early(train: Train, steps: int) -> StoppedEarly | None:
    """For the results. :param steps: trained."""
    rule = train.early_stopping
    if rule is None or steps == train.steps:
        return None
    return StoppedEarly(planned=train.steps, patience=rule.patience, min_delta=rule.min_delta)


def rule_in_words(patience: int, min_delta: float) -> str:
    """'the validation score did not improve by more than 0.01 in 3 evaluations'."""
    more = f" by more than {min_delta:g}" if min_delta else ""
    return f"the validation score did not improve{more} in {counted(patience, 'evaluation')}"


def why_stopped(results: Results) -> str:
    """A sentence without its full stop; empty if all steps were trained."""
    early = results.stopped_early
    if early is None:
        return ""
    rule = rule_in_words(early.patience, early.min_delta)
    return f"Training stopped early, after {results.steps:,} of {early.planned:,} steps: {rule}"
