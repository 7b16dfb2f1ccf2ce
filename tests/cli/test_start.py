"""How a command starts: which libraries it imports."""

import os
import subprocess
import sys

import pytest

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


@pytest.mark.parametrize(
    "command", [("check", "multimix", "--no-data"), ("check", "multimix", "--set", "sources.chex.images=200")]
)
def test_a_check_imports_only_what_the_recipe_names(command):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *command],
        capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()[-2:]}
    assert not LATER & set(lines["IMPORTED"])
    assert lines["COLLECTING"] == ["True"]
