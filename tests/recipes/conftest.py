"""One tiny run of each shipped recipe that needs no files, each made by the real command in a real process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ssmtl.plugins import load_plugins
from ssmtl.recipe_file import read

TINY = (
    "image.size=32",
    "backbone.widths=[4, 4, 8, 8, 8]",
    *(f"sources.{name}.size=32" for name in ("chex", "jsrt", "nihx", "mcu")),
    "sources.chex.images=60",
    "sources.jsrt.images=40",
    "sources.nihx.images=12",
    "sources.mcu.images=12",
    "train.steps=3",
    "train.evaluate_every=3",
    "train.log_every=1",
    "train.device=cpu",
)
BUDGETS = {
    "diagnosis": ("tasks.diagnosis.labeled=12", "tasks.diagnosis.batch=4"),
    "lungs": ("tasks.lungs.labeled=6", "tasks.lungs.batch=4"),
}


def tasks_of(recipe):
    shipped = load_plugins()["recipe"]
    return list(read(recipe, shipped).content["tasks"])


def arguments(recipe, out):
    overrides = [*TINY, *(override for task in tasks_of(recipe) for override in BUDGETS[task])]
    return ["run", recipe, *(part for override in overrides for part in ("--set", override)), "--out", str(out)]


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Recipe name to the folder of its run."""
    made: dict[str, Path] = {}

    def run(recipe):
        if recipe not in made:
            folder = tmp_path_factory.mktemp(recipe) / "run"
            command = [Path(sys.executable).with_name("ssmtl"), *arguments(recipe, folder)]
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
            done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=400)
            assert done.returncode == 0, done.stderr
            assert "Traceback" not in done.stderr
            made[recipe] = folder
        return made[recipe]

    return run


@pytest.fixture
def ssmtl(monkeypatch, capsys):
    """The console script in this process: exit code, standard output, standard error."""
    from ssmtl.cli.main import main

    monkeypatch.setenv("COLUMNS", "250")

    def call(*command):
        monkeypatch.setattr(sys, "argv", ["ssmtl", *map(str, command)])
        code = 0
        try:
            main()
        except SystemExit as error:
            code = error.code or 0
        found = capsys.readouterr()
        return code, found.out, found.err

    return call
