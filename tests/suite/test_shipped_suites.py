"""Shipped suites are found by name, from any folder."""

from pathlib import Path

import pytest

from ssmtl.errors import RecipeError
from ssmtl.suite.shipped_suites import find_suite, shipped_suites
from ssmtl.suite.suite_file import read_suite

QUALITY = Path(__file__).parents[2] / "benchmarks" / "quality"


@pytest.mark.parametrize("name", ["smoke", "benchmarks/quality/smoke.yaml"])
def test_by_name_from_any_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_suite(Path(name)) == QUALITY / "smoke.yaml"
    (tmp_path / "smoke").write_text("mine")
    assert find_suite(Path("smoke")) == Path("smoke")  # a file comes first


def test_every_shipped_suite_can_be_read():
    assert set(shipped_suites()) == {path.stem for path in QUALITY.glob("*.yaml")}
    for path in shipped_suites().values():
        assert read_suite(path).systems


def test_a_suites_folder_is_not_its_file(tmp_path):
    with pytest.raises(RecipeError, match="is a folder; expected a suite's file, or the name of a shipped one"):
        find_suite(tmp_path)
    (tmp_path / "suite.json").write_text("{}")
    with pytest.raises(RecipeError, match="is a suite's folder; expected the file it was run from") as caught:
        find_suite(tmp_path)
    assert f"--out {tmp_path}" in str(caught.value)


def test_a_folder_of_the_name_of_a_suite_hides_it_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smoke").mkdir()
    assert find_suite(Path("smoke")) == QUALITY / "smoke.yaml"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smok", "smok: neither a file nor the name of a shipped suite (did you mean 'smoke'?)"),
        ("benchmarks/quality/smok.yaml", "smok.yaml: no such file (did you mean 'smoke'?)"),
        ("other/smoke.yaml", "other/smoke.yaml: no such file"),
    ],
)
def test_an_unknown_name_gets_the_nearest(name, message):
    with pytest.raises(RecipeError) as caught:
        find_suite(Path(name))
    assert message in str(caught.value)
