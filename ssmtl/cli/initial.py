"""What a recipe with `init` takes of another run's weights, in print."""

from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from ssmtl.experiment.experiment import Experiment
    from ssmtl.runs.initial import Initial


def initial_of(experiment: "Experiment", console: Console) -> "Initial | None":
    """The weights that the recipe names, printed; None if it names none.

    :raises RunError: if they cannot be taken.
    """
    if experiment.recipe.init is None:
        return None
    from ssmtl.runs.initial import read_initial

    initial = read_initial(experiment.recipe.init, experiment.model)
    console.print(f"init {initial.run.path}: {'; '.join(initial.lines)}", markup=False, highlight=False, soft_wrap=True)
    return initial
