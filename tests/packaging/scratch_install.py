"""Distributions built and installed into a folder, and the command line run from that folder only."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
START = """
import sys
target, libraries = sys.argv.pop(1), sys.argv.pop(1)
sys.path.insert(0, target)
sys.path.append(libraries)
import ssmtl
assert ssmtl.__file__.startswith(target), ssmtl.__file__
from ssmtl.cli.main import main
main()
"""
"""Without `site` no .pth file is read, so the checkout of an editable install is not seen; of two distributions with
the same name the first on the path counts, so the entry points of the checkout are not seen either."""
TINY = (
    "image.size=32",
    "backbone.widths=[4,4,8,8,8]",
    *(f"sources.{name}.size=32" for name in ("chex", "jsrt", "nihx", "mcu")),
    "sources.chex.images=60",
    "sources.jsrt.images=40",
    "sources.nihx.images=12",
    "sources.mcu.images=12",
    "tasks.diagnosis.labeled=8",
    "tasks.diagnosis.batch=4",
    "tasks.lungs.labeled=4",
    "tasks.lungs.batch=4",
    "train.steps=2",
    "train.evaluate_every=2",
    "train.device=cpu",
)
SETTINGS = [part for override in TINY for part in ("--set", override)]


def pip(*arguments):
    """Runs pip without the network."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def build(project, folder):
    """The wheel of a project, in `folder`."""
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, project)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(target, *wheels):
    """Installs wheels into a folder; their dependencies stay where this Python has them."""
    pip("install", "--no-deps", "--no-index", "--target", target, *wheels)
    return target


def ssmtl(target, *command, cwd):
    """The command line of `target`: exit code, standard output, standard error."""
    start = [sys.executable, "-I", "-S", "-c", START, str(target), sysconfig.get_path("purelib")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "COLUMNS": "250"}
    done = subprocess.run(
        [*start, *map(str, command)], capture_output=True, text=True, cwd=cwd, env=environment, timeout=300
    )
    return done.returncode, done.stdout, done.stderr


def copy_of_the_project(folder, without=()):
    """The files that the wheel is built from, without some of the plugins."""
    folder.mkdir(parents=True)
    for name in ("ssmtl", "plugins", "recipes"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(REPOSITORY / "benchmarks" / "quality", folder / "benchmarks" / "quality")
    for name in ("README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, folder)
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    for plugin in without:
        shutil.rmtree(folder / "plugins" / plugin)
        text, found = re.subn(rf'^(\s*"plugins/{plugin}",|\w+ = "{plugin}")\n', "", text, flags=re.MULTILINE)
        assert found == 2, plugin
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return folder
