"""Files from other people are not trusted."""

import json
import os
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from children import command, tiny
from PIL import Image

from ssmtl.errors import RecipeError
from ssmtl.recipe import yaml_file

ROOT = Path(__file__).parents[2]
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "nodes with its aliases expanded"),
        ("a: &a [*a]", "an alias that contains itself"),
        ("[" * 20_000, "nested too deeply"),
        ("{a: " * 20_000, "nested too deeply"),
        ("x" * 3_000_000, "expected at most"),
        ("!!python/object/apply:os.system [echo]", "could not determine a constructor"),
        ("a: !!python/name:os.system", "could not determine a constructor"),
        ("a: 1\na: 2", "appears twice"),
    ],
)
def test_yaml_that_is_not_a_recipe(text, said, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    began = time.monotonic()
    with pytest.raises(RecipeError, match=said) as error:
        yaml_file.read_mapping(path)
    assert str(path) in str(error.value)
    assert time.monotonic() - began < 20


def test_aliases_for_small_values_are_accepted():
    assert yaml_file.parse("a: &a {x: 1}\nb: [*a, *a]", "here") == {"a": {"x": 1}, "b": [{"x": 1}, {"x": 1}]}


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_a_run_named_as_a_script(tmp_path):
    """Every string in the report is plain text; a run's name cannot lead out of `runs`."""
    run = tmp_path / "<img src=x onerror=alert(2)>"
    name = "<script>alert(1)</script>"
    ended = command([*tiny("multimix", f"name={name}"), "--out", run], tmp_path / "log")
    assert ended.code == 0, ended.out
    page = (run / "report.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    assert not [attrs for _, attrs in tags.found if "onerror" in attrs or attrs.get("src") == "x"]
    assert sum(tag == "script" for tag, _ in tags.found) == page.count("<script")


def test_a_name_cannot_leave_the_folder_of_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = command(tiny("umtl", "name=../../outside"), "log")
    assert ended.code == 0, ended.out
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["outside"]


@pytest.mark.parametrize("setting", ["tasks.lungs.evaluate_on={../x: jsrt}", "tasks={../x: {}}", "sources.../x={}"])
def test_names_that_become_files_are_names(setting, tmp_path):
    ended = command([*tiny("multimix", setting), "--out", tmp_path / "run"], tmp_path / "log")
    assert ended.code == 2
    assert "Traceback" not in ended.out
    assert not (tmp_path / "run").exists()


def manifest(tmp_path, cell):
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("L", (20, 20)).save(tmp_path / "secret.png")
    Image.new("L", (20, 20)).save(folder / "image.png")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "manifest.csv").write_text(f"image,label\nimage.png,normal\n{cell},normal\n")
    return folder


@pytest.mark.parametrize("cell", ["../secret.png", "{}/secret.png", "link.png", "x/../../secret.png"])
def test_a_manifest_cannot_lead_out_of_its_folder(cell, tmp_path):
    from ssmtl import DataError, Folders
    from ssmtl_sources.manifest import Manifest

    folder = manifest(tmp_path, cell.format(tmp_path))
    with pytest.raises(DataError, match=r"manifest.csv, line 3, column 'image': .*leads out of .*outside: true"):
        Manifest(Folders(tmp_path), root=str(folder), label="label").examples()
    if not cell.startswith("x"):
        assert len(Manifest(Folders(tmp_path), root=str(folder), label="label", outside=True).examples()) == 2


def test_a_link_to_itself_is_not_said_to_lead_elsewhere(tmp_path):
    from ssmtl import DataError, Folders
    from ssmtl_sources.manifest import Manifest

    folder = manifest(tmp_path, "loop.png")
    (folder / "loop.png").symlink_to("loop.png")
    with pytest.raises(DataError, match=r"line 3, column 'image': 'loop\.png'") as error:
        Manifest(Folders(tmp_path), root=str(folder), label="label").examples()
    assert "outside" not in str(error.value)


def test_code_that_a_recipe_names_runs_only_when_it_is_allowed(tmp_path, monkeypatch):
    plugin = tmp_path / "plugin.py"
    hook = "from ssmtl import hookimpl\n@hookimpl\ndef ssmtl_recipes():\n    return {}\n"
    plugin.write_text(f"import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\n{hook}")
    recipe = tmp_path / "recipe.yaml"
    content = yaml.safe_load((ROOT / "recipes" / "umtl.yaml").read_text())
    recipe.write_text(yaml.safe_dump({**content, "plugins": ["plugin.py"]}))
    refused = command(["check", recipe], tmp_path / "log")
    assert refused.code == 2
    assert "recipe.yaml: plugins: names Python code to run (plugin.py)" in refused.out.replace("\n", "")
    assert not (tmp_path / "plugin.ran").exists()
    assert command(["check", recipe, "--allow-local-plugins"], tmp_path / "log").code == 0
    assert (tmp_path / "plugin.ran").exists()


def test_weights_and_predictions_are_not_pickles(tmp_path, whole):
    """A pickle in place of either is refused, and does not run."""
    import shutil

    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    import pickle

    import numpy as np

    run = shutil.copytree(whole("multimix")[0], tmp_path / "run")
    (run / "weights" / "best.safetensors").write_bytes(pickle.dumps(Evil()))
    ended = command(["evaluate", run], tmp_path / "log")
    assert ended.code == 2
    assert "best.safetensors cannot be read" in ended.out
    np.savez(run / "predictions" / "lungs.in_domain.npz", ids=np.array([Evil()], dtype=object))
    ended = command(["report", run], tmp_path / "log")
    assert ended.code == 2
    assert "lungs.in_domain.npz" in ended.out
    (run / "checkpoints" / "step-00000012" / "state.safetensors").write_bytes(pickle.dumps(Evil()))
    (run / "results.json").unlink()
    assert command(["run", "--resume", run], tmp_path / "log").code == 0
    assert not (tmp_path / "ran").exists()


def test_no_pickle_is_read_anywhere():
    """This holds for the framework and its plugins; the contract checks pickle only objects that they created."""
    for path in [*(ROOT / "ssmtl").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        if path == ROOT / "ssmtl" / "testing" / "source.py":
            continue
        for call in re.findall(r"torch\.load\([^\n]*", text):  # of a file of weights that a recipe names
            assert "weights_only=True" in call, f"{path}: {call}"
        for word in ("pickle.load", "allow_pickle=True", "joblib", "yaml.load(", "yaml.unsafe"):
            assert word not in text, f"{path}: {word}"


def test_file_names_of_any_bytes(tmp_path, make_images):
    """They work from listing to the report and a later evaluation."""
    images = make_images(tmp_path / "images")
    for number, name in enumerate((b"two\nlines.png", b"quote ' and \".png", b"not utf-8 \xff.png", b"<b>.png")):
        os.rename(images.paths[number], images.paths[number].with_name(os.fsdecode(name)))
    run = tmp_path / "run"
    ended = command(["run", images.recipe, "--out", run, "--data-root", tmp_path], tmp_path / "log")
    assert ended.code == 0, ended.out
    json.loads((run / "split.json").read_text())
    (run / "per_image.csv").read_text(encoding="utf-8")
    assert command(["evaluate", run, "--data-root", tmp_path], tmp_path / "log").code == 0
    broken = images.paths[2].with_name(os.fsdecode(b"not utf-8 \xff.png"))
    broken.write_bytes(b"")
    ended = command(["run", images.recipe, "--out", tmp_path / "other", "--data-root", tmp_path], tmp_path / "log")
    assert ended.code == 2
    assert "is empty" in ended.out
    assert "Internal" not in ended.out


@pytest.mark.slow
def test_hundreds_of_wrong_inputs(tmp_path):
    """A part of the long campaign in benchmarks/faults."""
    kinds = [part for kind in ("recipe values", "recipe text", "overrides", "manifests") for part in ("--kind", kind)]
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "faults" / "fuzz.py", "--count", "600", "--seed", "7", *kinds],
        capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
