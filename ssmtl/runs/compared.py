"""Where two runs differ: in recipe, code, data and results."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssmtl.errors import RunError
from ssmtl.recipe.differences import differences
from ssmtl.runs.folder import RunFolder, check_own
from ssmtl.runs.listing import listed

RESULTS = ("state", "steps", "selected", "score")


@dataclass(frozen=True)
class ComparedRuns:
    """Each part by key, with both values; None where a run does not have or did not record it.

    :param recipe: of the resolved recipes. :param code: versions. :param data: fingerprints of the sources' content.
    :param results: what was trained, and all metrics. :param same: of each part, how many values are equal.
    """

    recipe: Mapping[str, tuple[Any, Any]]
    code: Mapping[str, tuple[Any, Any]]
    data: Mapping[str, tuple[Any, Any]]
    results: Mapping[str, tuple[Any, Any]]
    same: Mapping[str, int]

    def parts(self) -> Mapping[str, Mapping[str, tuple[Any, Any]]]:
        """By name."""
        return {"recipe": self.recipe, "code": self.code, "data": self.data, "results": self.results}


def compare_runs(first: Path, second: Path) -> ComparedRuns:
    """:raises RunError: if one of them holds no run, or a damaged one."""
    one, other = _parts(first), _parts(second)
    found: dict[str, dict[str, tuple[Any, Any]]] = {}
    same = {}
    recipes = one.pop("recipe"), other.pop("recipe")
    found["recipe"] = {key: (was, now) for key, was, now in differences(*map(_by_name, recipes))}
    if not found["recipe"]:  # strategies in another order
        found["recipe"] = {key: (was, now) for key, was, now in differences(*recipes)}
    for part, values in one.items():
        keys = list(dict.fromkeys([*values, *other[part]]))
        pairs = {key: (values.get(key), other[part].get(key)) for key in keys}
        found[part] = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
        same[part] = len(pairs) - len(found[part])
    return ComparedRuns(**found, same=same)


def _by_name(content: Any) -> Any:
    """Lists of components as mappings by what they `use`, where no two are alike; so that each differs by itself."""
    if isinstance(content, dict):
        return {key: _by_name(value) for key, value in content.items()}
    if isinstance(content, list) and content and all(isinstance(one, dict) and "use" in one for one in content):
        named = {str(one["use"]): one for one in content}
        return named if len(named) == len(content) else content
    return content


def _parts(path: Path) -> dict[str, dict[str, Any]]:
    if not path.is_dir():
        raise RunError(f"there is no folder {path}; expected that of a run")
    check_own(path)
    folder = RunFolder(path)
    if not folder.is_started:
        raise RunError(f"{path} holds no run (no {folder.recipe.name})")
    text = folder.read_recipe()
    recipe, problems = text.parsed()  # one of another version may have other keys
    run = listed(path, path)
    if run.problems:
        raise RunError(f"{path} is damaged: {run.problems[0]}")
    metrics = sorted(run.metrics, key=[*run.values].index)  # as the results have them, task by task
    made, split = folder.read_environment(), folder.read_split()
    return {
        "recipe": text.content if recipe is None or problems else recipe.content(),
        "code": {
            "ssmtl": made.ssmtl,
            "commit": made.commit,
            "code_version": made.code_version or None,
            "python": made.python,
            **made.versions,
            "device": made.device,
            "threads": made.threads,
        },
        "data": dict(split.fingerprints),
        "results": {key: run.values[key] for key in (*RESULTS, *metrics) if key in run.values},
    }
