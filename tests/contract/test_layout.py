"""Which package of the core may import which: one way, from contracts up to the command line."""

import ast
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "ssmtl"

FRONT = {
    "__version__",
    "atomic_file",
    "errors",
    "events",
    "hookspecs",
    "importing",
    "json_file",
    "output_file",
    "regular_file",
    "tracker",
    "validation_errors",
    "wording",
}
"""Top-level modules and the version, which every package may import."""

ORDER = (
    {"contracts"},
    {"model", "builtins"},
    {"registry"},
    {"recipe"},
    {"data"},
    {"experiment"},
    {"training", "evaluation", "calibration"},
    {"runs"},
    {"suite", "cost", "inference"},
    {"assessment", "tuning"},
    {"reports", "exports"},
    {"viewer"},
    {"api"},
    {"cli"},
)
"""From the bottom up: each package imports itself and those in earlier lines."""

ALLOWED = {
    package: set().union(*ORDER[:floor]) | {package} | FRONT for floor, row in enumerate(ORDER) for package in row
} | {
    "testing": {"contracts", "model", "builtins", "registry", "recipe", "data", "testing"} | FRONT,
    "hookspecs": {"contracts", "events", "tracker"},
    "tracker": {"events"},
    "events": set(),
    "errors": set(),
    "importing": set(),
    "atomic_file": {"regular_file"},
    "regular_file": set(),
    "output_file": {"errors"},
    "validation_errors": {"errors"},
    "wording": set(),
    "json_file": {"atomic_file", "errors", "regular_file", "validation_errors"},
    "__init__": {
        "api",
        "contracts",
        "data",
        "errors",
        "evaluation",
        "events",
        "exports",
        "hookspecs",
        "inference",
        "model",
        "regular_file",
        "tracker",
    },
}

LONGEST, MEDIAN = 240, 80
"""Lines of a source file."""

FILES = sorted(CORE.rglob("*.py"))


def package_of(path):
    """'training' for ssmtl/training/engine.py, 'errors' for ssmtl/errors.py."""
    return path.relative_to(CORE).with_suffix("").parts[0]


def imported(path):
    """Packages and top-level modules that a file imports, also inside functions or for types only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" if node.module == "ssmtl" else node.module for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("ssmtl."))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CORE).as_posix())
def test_a_package_imports_what_lies_below_it(path):
    package = package_of(path)
    assert package in ALLOWED, f"the package {package} has no place in the order"
    upward = set(imported(path)) - ALLOWED[package]
    assert not upward, f"ssmtl.{package} may not import {sorted(upward)}"


def test_the_check_sees_imports_inside_functions(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("def f():\n    from ssmtl import builtins\n    import ssmtl.cli.main\n")
    assert set(imported(path)) == {"builtins", "cli"}


def test_every_package_has_a_place():
    packages = {path.parent.name for path in CORE.glob("*/__init__.py")}
    assert packages == {package for row in ORDER for package in row} | {"testing"}


def test_every_package_is_in_the_architecture():
    text = (CORE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    for package in [*(package for row in ORDER for package in row), "testing"]:
        assert f"| `{package}/` |" in text


def test_files_are_small():
    lengths = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in FILES)
    assert lengths[-1] < LONGEST
    assert lengths[len(lengths) // 2] < MEDIAN


def test_no_two_classes_have_one_name():
    plugins = CORE.parent / "plugins"
    seen = {}
    for path in [*FILES, *sorted(plugins.rglob("*.py"))]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                assert node.name not in seen, f"{node.name} is in {seen[node.name]} and in {path}"
                seen[node.name] = path
