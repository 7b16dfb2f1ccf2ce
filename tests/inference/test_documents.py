"""The code in docs/predict.md and docs/python.md, and the notebook, run as they are written."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from contextlib import chdir, redirect_stdout
from pathlib import Path

import nbformat
import pytest

from tests.cli.command_line import call

DOCS = Path(__file__).parents[2] / "docs"


def blocks(document):
    return re.findall(r"^```python\n(.*?)^```$", (DOCS / document).read_text(), re.MULTILINE | re.DOTALL)


def execute(code, folder):
    """In this process; returns the lines that it prints."""
    shown = io.StringIO()
    with chdir(folder), redirect_stdout(shown):
        exec(compile(code, "script", "exec"), {})
    return shown.getvalue().splitlines()


@pytest.fixture
def place(run, scans, tmp_path):
    """A folder with the latest run of `make demo`, and with scans that can all be read."""
    shutil.copytree(run, tmp_path / "runs/multimix/20261126-225052")
    for name in ("bad.png", "frames.tif", "notes.txt"):
        (scans / name).unlink()
    return tmp_path


def test_the_script_says_what_the_command_says(place):
    (script,) = blocks("predict.md")
    assert len(script.splitlines()) <= 12
    shown = execute(script, place)
    code, _, said = call("predict", place / "runs/multimix/20261126-225052", place / "scans", "--out", place / "out")
    assert code == 0, said
    with (place / "out/predictions.csv").open() as file:
        rows = {str(Path(row["image"]).relative_to(place)): row for row in csv.DictReader(file)}
    assert len(shown) == len(rows) == 6
    for line in shown:
        name, decision, probability, pixels, *_ = line.split()
        assert decision == rows[name]["diagnosis"]
        assert probability == f"{float(rows[name]['diagnosis.pneumonia']):.3f}"
        assert pixels == rows[name]["lungs.lung.pixels"]


def test_predicting_from_python(place):
    shutil.copyfile(place / "scans/c.tif", place / "a.png")
    shutil.copyfile(place / "scans/d.dcm", place / "b.dcm")
    training, predicting, evaluating = blocks("python.md")
    compile(training, "python.md", "exec")
    execute(f"import ssmtl\n{predicting}\nassert label.saliency['pneumonia'].shape == image.size == (40, 90)", place)
    (line,) = execute(f"import ssmtl\n{evaluating}", place)
    dice, low, high = map(float, re.findall(r"[\d.]+", line))
    assert low <= dice <= high


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    path = DOCS / "first_steps.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs for cell in cells)
    assert json.loads(path.read_text())["nbformat"] == 4
    file = tmp_path / "notebook.py"
    file.write_text("\n\n".join(cell.source for cell in cells))
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "runs/multimix").iterdir())) == 1
