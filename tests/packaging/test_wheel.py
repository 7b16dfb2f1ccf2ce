"""The wheel holds everything that a run needs, and nothing else."""

import json
import zipfile

import pytest
from scratch_install import REPOSITORY, SETTINGS, build, install, ssmtl

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build(REPOSITORY, tmp_path_factory.mktemp("wheels"))


def test_what_it_holds(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, inside in (("ssmtl", "ssmtl"), ("recipes", "ssmtl/recipes")):
        for path in (REPOSITORY / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert f"{inside}/{path.relative_to(REPOSITORY / folder).as_posix()}" in names
    for path in (REPOSITORY / "plugins").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert path.relative_to(REPOSITORY / "plugins").as_posix() in names
    for name in (
        "multimix",
        "umtl",
        "enc_mm",
        "paper/multimix",
        "sources/phantom",
        "sources/cxr",
        "sources/official",
    ):
        assert f"ssmtl/recipes/{name}.yaml" in names
    for path in (REPOSITORY / "benchmarks" / "quality").glob("*.yaml"):
        assert f"ssmtl/suites/{path.name}" in names
    assert {"ssmtl/suites/paper/multimix_2021.csv", "ssmtl/suites/paper/README.md"} <= names  # the numbers, the licence
    for suffix in (".html.j2", ".css", ".js"):
        for package in ("reports", "viewer"):
            assert any(name.startswith(f"ssmtl/{package}/") and name.endswith(suffix) for name in names)
    assert any(name.endswith("LICENSE") for name in names)
    assert "ssmtl/py.typed" in names


def test_what_it_does_not_hold(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    plugins = {path.name for path in (REPOSITORY / "plugins").iterdir() if path.name.startswith("ssmtl_")}
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"ssmtl", *plugins}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".png"))]
    assert [name for name in names if name.endswith(".md")] == ["ssmtl/suites/paper/README.md"]
    assert not [name for name in names if "test_" in name or "/tests/" in name]


def test_a_run_from_an_empty_folder(wheel, tmp_path):
    target, here = install(tmp_path / "target", wheel), tmp_path / "here"
    here.mkdir()
    code, shown, err = ssmtl(target, "check", "multimix", cwd=here)
    assert code == 0, err
    assert f"{target}/ssmtl/recipes/multimix.yaml has no errors, nor has what its sources list" in shown
    for suite in ("smoke", "benchmarks/quality/smoke.yaml"):
        code, shown, err = ssmtl(target, "bench", "status", suite, cwd=here)
        assert code == 0, err
        assert "smoke" in shown
    code, shown, err = ssmtl(target, "check", "paper/multimix", "--set", "image.size=32", cwd=here)
    assert code == 0, err
    assert "paper-multimix" in shown
    assert not list(here.iterdir())
    code, shown, err = ssmtl(target, "run", "multimix", *SETTINGS, cwd=here)
    assert code == 0, err
    (run,) = (here / "runs" / "multimix").iterdir()
    assert (run / "report.html").is_file()
    assert json.loads((run / "results.json").read_text())["name"] == "multimix"
