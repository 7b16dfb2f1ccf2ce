"""One error, and not one for each place, where a shipped sources file has none of the sources that a recipe uses."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ssmtl.builtins.shipped_recipes import shipped_folder
from ssmtl.errors import Problem
from ssmtl.recipe.load import RecipeText
from ssmtl.recipe.models import Recipe


def with_unfit_sources(
    problems: Sequence[Problem], text: RecipeText, recipe: Recipe, shipped: Iterable[str]
) -> list[Problem]:
    """The same problems, or instead of those of the tasks' sources one that names the recipes which the file is for.

    :param problems: of `recipe`, placed by its keys. :param shipped: names of recipes; those of sources `busi` are
        below `busi/`.
    """
    keys = {f"tasks.{name}.source": task.source for name, task in recipe.tasks.items()}
    for name, task in recipe.tasks.items():
        keys |= {f"tasks.{name}.evaluate_on.{domain}": source for domain, source in task.evaluate_on.items()}
    file = Path(text.sources)
    if not text.sources or file.resolve().parent != (shipped_folder() / "sources").resolve():
        return list(problems)
    if set(keys.values()) & set(recipe.sources):
        return list(problems)
    used, has = (", ".join(sorted(set(names))) for names in (keys.values(), recipe.sources))
    own = [name for name in shipped if name.startswith(f"{file.stem}/")]
    hint = f"it is for the recipes {', '.join(own)}" if own else "leave --sources out, or give another file"
    one = Problem("tasks", f"use the sources {used}, and {file.name} has only {has}", hint)
    return [*(problem for problem in problems if problem.where not in keys), one]
