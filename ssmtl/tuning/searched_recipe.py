"""The recipe that is searched, and what it becomes with the values of a trial."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ssmtl.errors import Problem, RecipeError
from ssmtl.experiment.check_names import check_names
from ssmtl.recipe.defaults import resolved
from ssmtl.recipe.load import RecipeText
from ssmtl.recipe.models import Recipe
from ssmtl.recipe.overrides import overridden
from ssmtl.registry.plugins import Plugins
from ssmtl.tuning.space_file import Space

FIXED = {
    r"(name|seed|split|folds?|init|plugins|sources|trackers)(\..*)?": "says which data and which run it is",
    r"tasks(\.[^.]+)?|train": "is more than one value",
    r"tasks\.[^.]+\.(source|labeled|unlabeled_from|disjoint_from|evaluate_on|metrics)(\..*)?": (
        "says which data and which score it is"
    ),
    r"train\.(steps|evaluate_every|select_by|devices|nodes|device|timeout)(\..*)?": "is the budget of a trial",
}
"""Keys that no search may change, since trials could then not be compared, and why."""


@dataclass(frozen=True)
class SearchedRecipe:
    """:param recipe: with every default written out. :param text: what was read."""

    recipe: Recipe
    text: RecipeText
    plugins: Plugins

    def check(self, space: Space, where: str) -> None:
        """Try the bounds and the choices of each parameter by itself, before any trial.

        :param where: the space's file. :raises RecipeError: with every mistake.
        """
        problems: list[Problem] = []
        keys: dict[str, str] = {}
        for key, parameter in space.parameters.items():
            place = f"{where}: parameters.{key}"
            why = next((why for pattern, why in FIXED.items() if re.fullmatch(pattern, key)), None)
            if why is not None:
                problems.append(Problem(place, f"{why}, so trials could not be compared", "search for something else"))
                continue
            for value in parameter.bounds:
                try:
                    self.of({key: value}, place)
                except RecipeError as error:
                    problems += [one for one in error.problems if one not in problems]
            if not problems:
                keys[key] = overridden(self.text.content, f"{key}=", self.text.sets)[1].key
                other = next((one for one in keys if one != key and _overlap(keys[one], keys[key])), None)
                if other is not None:
                    problems.append(Problem(place, f"overlaps with '{other}'", "search for one of them"))
        if problems:
            raise RecipeError(_first_of_each(problems))

    def of(self, values: Mapping[str, Any], where: str) -> Recipe:
        """The recipe with these values, by key, and every default written out.

        :param where: what a message blames: the space's parameter, or the trial.
        :raises RecipeError: if it is no recipe then.
        """
        content, sets = self.text.content, list(self.text.sets)
        for key, value in values.items():
            text = json.dumps(value)
            try:
                content, known = overridden(content, f"{key}={text}", sets)
            except RecipeError as error:
                raise RecipeError([Problem(where, one.what, one.hint) for one in error.problems]) from error
            sets.append(replace(known, shown=f"{where}: {text:.80}"))
        changed = replace(self.text, content=content, sets=tuple(sets))
        recipe, problems = changed.parsed()
        if recipe is not None and not problems:
            problems = [replace(one, where=changed.place(one.where)) for one in check_names(recipe, self.plugins)]
        if recipe is None or problems:
            raise RecipeError(problems)
        return resolved(recipe, self.plugins)


def _overlap(one: str, other: str) -> bool:
    """Whether a value of one key would take the place of the other's."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def _first_of_each(problems: list[Problem]) -> list[Problem]:
    """One value after the other meets the same mistake, such as an unknown key: it is told once."""
    seen: dict[tuple[str, str], Problem] = {}
    for one in problems:
        place = one.where.rpartition(": ")[0] if "unknown key" in one.what else one.where
        seen.setdefault((place, one.what), one)
    return list(seen.values())
