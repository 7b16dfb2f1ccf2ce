"""One tiny run of each shipped recipe that needs no files, by the real command in a real process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_runs import arguments


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Maps the name of a recipe to the folder of its run."""
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
