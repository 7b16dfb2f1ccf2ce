"""Whether the sources of each task have the classes and structures that its head learns."""

from collections.abc import Iterator, Mapping, Sequence

from ssmtl.contracts.head import Output
from ssmtl.contracts.source import Example
from ssmtl.data.empty_parts import what_lacks
from ssmtl.errors import DataError, nearest
from ssmtl.recipe.models import TaskSpec


def check_known(tasks: Mapping[str, tuple[TaskSpec, Output]], examples: Mapping[str, Sequence[Example]]) -> None:
    """Before anything is split, so that what is missing is not taken for an empty part. :param examples: by source.

    :raises DataError: for each source without a class or structure of the head, or without any labelled image; of all
        tasks.
    """
    problems = [
        problem
        for task, (spec, output) in tasks.items()
        if output.has_labels
        for problem in _problems(task, spec, output, examples)
    ]
    if problems:
        raise DataError(*problems)


def _problems(task: str, spec: TaskSpec, output: Output, examples: Mapping[str, Sequence[Example]]) -> Iterator[str]:
    own = examples[spec.source]
    try:
        check_classes(task, f"the source '{spec.source}'", own, output)
        if lacks := what_lacks(own, output):
            yield f"task '{task}': the source '{spec.source}' has no labelled image to train on: {lacks}"
    except DataError as error:
        yield from error.problems
    for source in dict.fromkeys(spec.evaluate_on.values()):
        if source != spec.source and (lacks := what_lacks(examples[source], output)):
            yield f"task '{task}': the source '{source}' has nothing to evaluate on: {lacks}"


def check_classes(task: str, where: str, examples: Sequence[Example], output: Output) -> None:
    """:param where: the images are, for the error.

    :raises DataError: naming the first class or structure of the head that none of the images has."""
    if output.kind == "masks":
        present = {name for example in examples for name in example.masks or ()}
    elif output.kind == "numbers":
        present = {name for example in examples for name in example.numbers or ()}
    else:
        present = {label for example in examples for label in example.labels or ()}
    for name in output.classes:
        if name not in present:
            what = {"masks": "structure", "numbers": "number"}.get(output.kind, "class")
            raise DataError(f"task '{task}': no image of {where} has the {what} '{name}' ({nearest(name, present)})")
