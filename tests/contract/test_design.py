"""The design rules that a reader of the code relies on."""

import ast
import re
from pathlib import Path

import pytest

import ssmtl
from ssmtl import hookspecs

ROOT = Path(__file__).parents[2]
CORE = sorted((ROOT / "ssmtl").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
PLUGIN_NAMES = {path.name for path in (ROOT / "plugins").iterdir() if path.is_dir()}

FOREIGN = {"timm", "kornia", "segmentation_models_pytorch", "torchmetrics", *PLUGIN_NAMES}
VAGUE = {"utils", "helpers", "common", "base", "manager", "misc"}


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def imports(path):
    """Module and imported name (or None) of every import, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} has a relative import"
            yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_the_core_imports_no_plugin_and_none_of_their_libraries(path):
    found = {module.split(".")[0] for module, _ in imports(path)}
    assert not found & FOREIGN


@pytest.mark.parametrize("path", PLUGINS, ids=name_of)
def test_a_plugin_imports_public_names_of_ssmtl_and_itself(path):
    own = path.relative_to(ROOT / "plugins").parts[0]
    for module, name in imports(path):
        top = module.split(".")[0]
        assert top == own or top not in PLUGIN_NAMES, f"it imports the plugin {module}"
        if top == "ssmtl" and module != "ssmtl.testing":
            assert module == "ssmtl", f"it imports {module}; only names of `ssmtl` itself are public"
            assert name in ssmtl.__all__, f"`ssmtl.{name}` is not public"


@pytest.mark.parametrize("path", CORE + PLUGINS, ids=name_of)
def test_house_style(path):
    assert not VAGUE & {part.removesuffix(".py") for part in path.relative_to(ROOT).parts}, "a vague name"
    assert ("__future__", "annotations") not in set(imports(path))
    if "cli" in path.relative_to(ROOT).parts:
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"print in line {node.lineno}"


def test_every_public_name_exists_and_is_listed_once():
    assert list(ssmtl.__all__) == sorted(set(ssmtl.__all__), key=lambda name: (name.lower() == name, name))
    for name in ssmtl.__all__:
        assert getattr(ssmtl, name) is not None
    assert set(ssmtl.__all__) == {*ssmtl._MODULE_OF, "hookimpl"}


def hooks():
    """Name → signature as written, without quotes around names."""
    tree = ast.parse((ROOT / "ssmtl" / "hookspecs.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            arguments = ast.unparse(node.args).replace("'", "")
            yield node.name, f"def {node.name}({arguments}) -> {ast.unparse(node.returns)}".replace("'", "")


def test_hooks_are_found():
    assert len(dict(hooks())) == 16
    assert all(hasattr(hookspecs, name) for name in dict(hooks()))


@pytest.mark.parametrize(("name", "signature"), list(hooks()), ids=[name for name, _ in hooks()])
def test_every_hook_is_in_the_plugin_guide(name, signature):
    guide = ROOT / "docs" / "plugins.md"
    assert guide.is_file(), f"docs/plugins.md should show {signature}"
    text = re.sub(r"\s+", " ", guide.read_text(encoding="utf-8").replace('"', "").replace("'", ""))
    assert signature in text, f"docs/plugins.md should show exactly: {signature}"
