"""What would run without a failure and give a misleading result: refused before training, not after it."""

from collections.abc import Callable, Iterator, Sequence

from ssmtl.contracts.augmentation import moved_by
from ssmtl.errors import Problem, warn
from ssmtl.experiment.in_turn import steps_of
from ssmtl.experiment.task import Task, Term


def misleading(tasks: Sequence[Task]) -> list[Problem]:
    """Every mistake of this kind. :param tasks: those all of whose components could be built."""
    return [problem for task in tasks for check in (_moved_views, _source_twice) for problem in check(task)]


def warn_of_views_that_may_move(tasks: Sequence[Task]) -> None:
    """Where a strategy compares views pixel by pixel, and an augmentation does not say whether it moves pixels."""
    for task in tasks:
        for name, term in _compared(task):
            if moved_by(task.augment[name]) is None:
                what = f"does not say whether {_first(task, name, lambda moved: moved is None)} moves pixels"
                warn(f"tasks.{task.name}.augment.{name}: {what}, and {_compares(term)}")


def _compared(task: Task) -> Iterator[tuple[str, Term]]:
    """Augmentations of views that a strategy compares with others of the same image, pixel by pixel; each once."""
    kind = task.output.kind  # another error says which strategies cannot learn from it
    terms = [term for term in task.terms if kind in term.strategy.accepts]
    names = {view.augment: term for term in reversed(terms) for view in term.strategy.same_pixels}
    return ((name, term) for name, term in sorted(names.items()) if task.augment.get(name) is not None)


def _first(task: Task, name: str, which: Callable[[tuple[str, ...] | None], bool]) -> str:
    """Of the augmentations of one name, the first that is such, by what moves pixels in it."""
    steps = zip(task.spec.augmentations(name), steps_of(task.augment[name]), strict=True)
    return next(f"'{component.use}'" for (_, component), step in steps if which(moved_by(step)))


def _compares(term: Term) -> str:
    views = sorted(map(str, term.strategy.same_pixels))
    if len(views) == 1:
        return f"'{term.name}' takes what it predicts for {views[0]} to be in the image's place"
    return f"'{term.name}' compares {', '.join(views)} pixel by pixel"


def _moved_views(task: Task) -> Iterator[Problem]:
    for name, term in _compared(task):
        moved = moved_by(task.augment[name])
        if moved:
            what = f"{_first(task, name, bool)} moves pixels, and {_compares(term)}"
            hint = f"switch off what moves them: {', '.join(moved)}; or use one that moves none, such as identity"
            yield Problem(f"tasks.{task.name}.augment.{name}", what, hint)


def _source_twice(task: Task) -> Iterator[Problem]:
    """The same test images under two names, as if they were two results."""
    first: dict[str, str] = {}
    for domain, source in task.spec.evaluate_on.items():
        if source in first:
            what = f"'{source}' is {first[source]} too, so that both would be the same images"
            yield Problem(f"tasks.{task.name}.evaluate_on.{domain}", what, "name another source, or leave this one out")
        first.setdefault(source, domain)
