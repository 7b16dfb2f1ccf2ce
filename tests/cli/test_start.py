"""How a command starts: which libraries it imports."""

import os
import subprocess
import sys

import pytest
from command_line import TINY, settings

LATER = {"kornia", "scipy", "torchmetrics", "matplotlib", "lightning_fabric", "timm", "segmentation_models_pytorch"}
"""What a check needs of no shipped recipe that does not name it."""

SCRIPT = """
import gc, sys
from ssmtl.cli.main import main
try:
    main()
finally:
    print("IMPORTED", *sys.modules)
    print("COLLECTING", gc.isenabled())
"""


def imported(*command):
    """Names of the modules that a command imports in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, command)],
        capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()[-2:]}
    assert lines["COLLECTING"] == ["True"]
    return set(lines["IMPORTED"])


@pytest.mark.parametrize("more", [("--no-data",), ("--set", "sources.chex.images=200")])
def test_a_check_imports_only_what_the_recipe_names(more):
    assert not LATER & imported("check", "multimix", *more)


def test_a_run_does_not_import_torchmetrics(tmp_path):
    small = settings(*TINY, *(f"sources.{name}.images=60" for name in ("chex", "jsrt", "nihx", "mcu")))
    modules = imported("run", "multimix", *small, "--out", tmp_path / "run", "--quiet")
    assert "lightning_fabric" in modules
    assert not {"torchmetrics", "torchvision", "timm"} & modules
