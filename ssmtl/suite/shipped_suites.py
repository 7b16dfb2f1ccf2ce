"""The suites that come with the package, by name."""

from pathlib import Path

from ssmtl.errors import Problem, RecipeError, nearest
from ssmtl.suite.suite_file import RECORD

CHECKOUT = Path("benchmarks") / "quality"
"""Where they are in a checkout."""


def shipped_suites() -> dict[str, Path]:
    """By name: inside the package in a wheel, in `benchmarks/quality` of a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "suites"
    folder = inside if inside.is_dir() else package.parent / CHECKOUT
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_suite(wanted: Path) -> Path:
    """A suite's file: this one, or the shipped one of this name; `benchmarks/quality/NAME.yaml` names it too.

    :raises RecipeError: if there is none, with the nearest name, or if it is a folder.
    """
    if wanted.exists() and not wanted.is_dir():
        return wanted
    shipped = shipped_suites()
    if str(wanted) in shipped or (wanted == CHECKOUT / f"{wanted.stem}.yaml" and wanted.stem in shipped):
        return shipped[wanted.stem]
    if (wanted / RECORD).is_file():
        hint = f"give that file, and --out {wanted}"
        raise RecipeError([Problem(str(wanted), "is a suite's folder; expected the file it was run from", hint)])
    if wanted.is_dir():
        raise RecipeError([Problem(str(wanted), "is a folder; expected a suite's file, or the name of a shipped one")])
    kind = "no such file" if wanted.suffix in (".yaml", ".yml") else "neither a file nor the name of a shipped suite"
    raise RecipeError([Problem(str(wanted), kind, nearest(wanted.stem, shipped))])
