"""What a recipe with `init` takes of another run's weights, in print."""

from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from ssmtl.runs.initial import Initial


def print_initial(console: Console, initial: "Initial") -> None:
    """One line."""
    console.print(f"init {initial.run.path}: {'; '.join(initial.lines)}", markup=False, highlight=False, soft_wrap=True)
