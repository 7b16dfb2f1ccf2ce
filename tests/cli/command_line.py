"""The command line from tests: in this process or a real one; code blocks of the documents; made-up images."""

import gc
import io
import os
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

from ssmtl.cli.main import main

REPOSITORY = Path(__file__).parents[2]
TINY = (
    "image.size=32",
    "backbone.widths=[4,4,8,8,8]",
    "train.steps=2",
    "train.evaluate_every=2",
    "train.device=cpu",
    "tasks.lungs.labeled=4",
    "tasks.lungs.batch=4",
    "tasks.diagnosis.labeled=8",
    "tasks.diagnosis.batch=4",
)
"""Settings with which a run of MultiMix takes about a second."""


def settings(*overrides):
    """The arguments that set these overrides."""
    return [part for override in overrides for part in ("--set", override)]


def call(*command, columns=250):
    """The console script in this process: exit code, standard output, standard error."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    arguments = ["ssmtl", *map(str, command)]
    with (
        mock.patch.object(sys, "argv", arguments),
        mock.patch.dict(os.environ, {"COLUMNS": str(columns)}),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as error:
            code = error.code or 0
        finally:
            gc.unfreeze()
    return code, out.getvalue(), err.getvalue()


def process(*command, columns=250, cwd=None):
    """The installed script in a real process: exit code, standard output, standard error."""
    script = Path(sys.executable).with_name("ssmtl")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "COLUMNS": str(columns)}
    done = subprocess.run(
        [script, *map(str, command)], capture_output=True, text=True, env=environment, cwd=cwd, timeout=300
    )
    return done.returncode, done.stdout, done.stderr


def block(document, kind, after="", containing=""):
    """The first code block of that kind in a Markdown file, after a heading, that contains a string."""
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    assert after in text, f"{document} has no '{after}'"
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text[text.index(after) :], re.MULTILINE | re.DOTALL)
    return next(code for name, code in blocks if name == kind and containing in code)


def own_images(parent, count=40, size=(48, 40)):
    """The data set of README.md below `parent`: its table, extended to `count` images in the same way, and the files.

    :returns: its folder, with the name that README.md gives it.
    """
    folder = parent / re.search(r"root: (\w+)", block("README.md", "yaml", "## Your own images"))[1]
    lines = block("README.md", "", "## Your own images").splitlines()
    header = lines[0].split(",")
    assert header == ["image", "diagnosis", "lung", "patient"]
    images = lines[1].split("/")[0]
    for number in range(len(lines), count + 1):
        label = ("pneumonia", "normal")[number % 2]
        mask = f"masks/{number:04d}.png"
        known = ((label, mask), ("", mask), (label, ""))[number % 3]
        lines.append(",".join((f"{images}/{number:04d}.png", *known, f"p{number:02d}")))
    random = np.random.default_rng(0)
    for line in lines[1:]:
        image, _, mask, _ = line.split(",")
        grey = random.integers(0, 256, size[::-1], np.uint8)
        save(folder / image, grey)
        if mask:
            save(folder / mask, np.where(np.add.outer(np.arange(size[1]), np.arange(size[0])) < 44, 255, 0))
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def image_name(folder, number):
    """The image in row `number` of the table, as the table names it."""
    return (folder / "manifest.csv").read_text(encoding="utf-8").splitlines()[number].split(",")[0]


def save(path, values):
    """Saves an 8-bit grey image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint8)).save(path)


def readme_sources(folder):
    """The sources file of README.md, in `folder`, with the name that its first line gives it."""
    text = block("README.md", "yaml", "## Your own images")
    name = re.match(r"# ([\w.]+):", text)[1]
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name
