"""Thousands of malformed inputs: each is accepted, or refused with one clear error; never a traceback or a hang.

    python benchmarks/faults/fuzz.py --count 10000 --seed 0 --out benchmarks/faults/results/fuzz.csv

Each goes through the real commands, in this process, and must leave no files behind. Run folders are few, since each
is reported on, evaluated or trained. The CSV has one line per kind.
"""

import argparse
import contextlib
import csv
import io
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "faults"))

import mutations as make
import numpy as np
import torch
from children import command, tiny
from PIL import Image

from ssmtl.cli.main import main
from ssmtl.recipe.load import read
from ssmtl.registry.plugins import load_plugins

SHARES = {"recipe values": 0.3, "recipe text": 0.25, "overrides": 0.2, "manifests": 0.245, "run folders": 0.005}
PATIENCE = 240
"""Seconds for one input."""

MEMORY = 12 * 2**30

KEYS = (
    "train.steps", "tasks.lungs.labeled", "tasks.diagnosis.strategies.0.weight", "seed", "backbone.widths", "a.b.c",
    "sources.chex.images", "tasks..x", "tasks.diagnosis.strategies.fixmatch.threshold", "image.size", "optimizer",
    "train", "tasks.diagnosis.augment", "name", "sources", "tasks.diagnosis.strategies.99.use",
)  # fmt: skip


class HangError(Exception):
    """One input took too long."""


def called(*arguments: object) -> tuple[int, str]:
    """The exit code and the output of a command."""
    out = io.StringIO()
    sys.argv = ["ssmtl", *map(str, arguments)]
    code = 0
    signal.alarm(PATIENCE)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), warnings.catch_warnings():
            main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        signal.alarm(0)
    return code, out.getvalue()


def verdict(code: int, shown: str) -> str:
    """'accepted', 'refused', or what went wrong."""
    if "Traceback" in shown or "Internal error" in shown:
        return "internal: " + " ".join(shown[shown.find("Internal error") :].split())[:300]
    if code == 0:
        return "accepted"
    if code == 2 and re.search(r"^(Error: |\d+ errors:|Usage:)", shown, re.MULTILINE):
        return "refused"
    return f"exit code {code}: " + " ".join(shown.split())[-300:]


class Fuzz:
    """Inputs of every kind, each determined by the seed and its number."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        plugins = load_plugins()["recipe"]
        self.names = [name for name in plugins if "/" not in name]
        self.recipes = {name: read(name, plugins, overrides=self._small(name)).content for name in self.names}
        self.images = self._image_folder()
        (folder / "recipe.yaml").touch()
        self.run: Path | None = None

    def one(self, kind: str, number: int) -> tuple[str, str]:
        """The verdict on one input, and how to reproduce it."""
        rng = random.Random(f"{self.seed} {kind} {number}")
        before = self._listing()
        try:
            outcome, shown = getattr(self, "_" + kind.replace(" ", "_"))(rng)
        except HangError:
            outcome, shown = "hang", ""
        if self._listing() != before and kind != "run folders":
            return "left something behind", shown
        return outcome, shown

    def _listing(self) -> list[str]:
        return sorted(os.listdir(self.folder))

    @staticmethod
    def _small(name: str) -> list[str]:
        return [part for part in tiny(name) if part not in ("run", name, "--set")]

    def _check(self, content: bytes) -> tuple[str, str]:
        path = self.folder / "recipe.yaml"
        path.write_bytes(content)
        code, shown = called("check", path)
        outcome = verdict(code, shown)
        kept = content.decode("utf-8", "replace") if outcome not in ("accepted", "refused") else ""
        path.write_bytes(b"")
        return outcome, kept

    def _recipe_values(self, rng: random.Random) -> tuple[str, str]:
        content = self.recipes[rng.choice(self.names)]
        return self._check(make.as_yaml(make.mutated(content, rng, rng.randrange(1, 4))))

    def _recipe_text(self, rng: random.Random) -> tuple[str, str]:
        content = make.as_yaml(self.recipes[rng.choice(self.names)])
        return self._check(make.spoiled(content, rng, rng.randrange(1, 6)))

    def _overrides(self, rng: random.Random) -> tuple[str, str]:
        name = rng.choice(self.names)
        key = rng.choice(KEYS)
        value = rng.choice([json.dumps(rng.choice(make.JUNK)), str(rng.choice(make.JUNK)), "[", "{a: b", "&a [*a]", ""])
        text = f"{key}={value}" if rng.random() < 0.9 else make.spoiled(key.encode(), rng, 2).decode("utf-8", "replace")
        small = [part for one in self._small(name) for part in ("--set", one)]
        code, shown = called("check", name, *small, "--set", text)
        return verdict(code, shown), f"{name} --set {text!r}"

    def _image_folder(self) -> Path:
        folder = self.folder / "images"
        folder.mkdir()
        noise = np.random.default_rng(0)
        lines = ["image,label,lung,patient,split"]
        for number in range(12):
            image = Image.fromarray(noise.integers(0, 255, (24, 24), np.uint8))
            image.save(folder / f"image{number}.png")
            Image.fromarray((noise.integers(0, 2, (24, 24)) * 255).astype(np.uint8)).save(folder / f"mask{number}.png")
            part = ["train", "train", "val", "test"][number % 4]
            lines.append(f"image{number}.png,{'ill' if number % 2 else 'well'},mask{number}.png,p{number},{part}")
        (folder / "manifest.csv").write_text("\n".join(lines))
        return folder

    def _manifests(self, rng: random.Random) -> tuple[str, str]:
        """List, split and decode, as `ssmtl run` does before it trains."""
        from ssmtl.contracts.folders import Folders
        from ssmtl.errors import SsmtlError
        from ssmtl.experiment.assemble import assemble
        from ssmtl.experiment.prepare import prepare

        table = self.images / "manifest.csv"
        whole = table.read_bytes()
        source = "{use: manifest, root: images, label: label, mask: lung}"
        overrides = [
            *(one for one in self._small("umtl") if not one.startswith("sources.")),
            *(f"sources.{name}={source}" for name in ("chex", "jsrt", "nihx", "mcu")),
            "tasks.diagnosis.head.classes=[well, ill]", "tasks.diagnosis.labeled=2", "tasks.lungs.labeled=2",
            "tasks.diagnosis.batch=2", "tasks.lungs.batch=2",
        ]  # fmt: skip
        plugins = load_plugins()
        if not hasattr(self, "manifest_experiment"):
            self.manifest_experiment = assemble(
                read("umtl", plugins["recipe"], overrides=overrides).validated(), plugins
            )
        changed = make.spoiled(whole, rng, rng.randrange(1, 5))
        if rng.random() < 0.3:
            changed = changed.replace(
                b"image3.png", rng.choice([b"../images/image3.png", b"/etc/passwd", b".", b"image3.png\x00"])
            )
        table.write_bytes(changed)
        signal.alarm(PATIENCE)
        try:
            prepare(self.manifest_experiment, plugins, Folders(self.folder))
            outcome = "accepted"
        except SsmtlError as error:
            outcome = "refused" if str(error) and len(str(error)) < 2000 else f"unclear: {error}"
        except HangError:
            raise
        except Exception as error:  # noqa: BLE001 - this is what the fuzz looks for
            outcome = f"internal: {type(error).__name__}: {error}"
        finally:
            signal.alarm(0)
            table.write_bytes(whole)
        return outcome, changed.decode("utf-8", "replace")

    def _run_folders(self, rng: random.Random) -> tuple[str, str]:
        if self.run is None:
            self.run = self.folder / "run"
            ended = command(
                [*tiny("umtl", "train.steps=4", "train.checkpoint_every=2"), "--out", self.run], self.folder / "log"
            )
            assert ended.code == 0, ended.out
        copy = self.folder / "copy"
        shutil.copytree(self.run, copy, dirs_exist_ok=True)
        files = [
            path for path in sorted(copy.rglob("*")) if path.is_file() and path.suffix not in (".html", ".png", "")
        ]
        path = rng.choice(files)
        if path.suffix == ".json" and rng.random() < 0.6:
            changed = make.mutated(json.loads(path.read_text()), rng, rng.randrange(1, 4))
            path.write_text(json.dumps(changed, default=str))
        elif path.suffix == ".jsonl" and rng.random() < 0.6:
            lines = path.read_text().splitlines()
            place = rng.randrange(len(lines))
            lines[place] = json.dumps(make.mutated(json.loads(lines[place]), rng, 2), default=str)
            path.write_text("\n".join(lines) + "\n")
        else:
            path.write_bytes(make.spoiled(path.read_bytes(), rng, rng.randrange(1, 4)))
        how = rng.choice([("report", copy), ("evaluate", copy), ("run", "--resume", copy)])
        if how[0] == "run":
            (copy / "results.json").unlink(missing_ok=True)
        code, shown = called(*how)
        outcome = verdict(code, shown)
        kept = (
            ""
            if outcome in ("accepted", "refused")
            else f"{how[:2]} {path.relative_to(copy)}: {path.read_bytes()[:1500]!r}"
        )
        shutil.rmtree(copy)
        return outcome, kept


def fuzz(count: int, seed: int, kinds: list[str], out: Path | None) -> int:
    """Run the campaign; returns how many inputs were neither accepted nor refused."""
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, _hang)
    lines, wrong = [], 0
    with tempfile.TemporaryDirectory() as place:
        os.environ["SSMTL_CACHE"] = str(Path(place) / "cache")
        (Path(place) / "input").mkdir()
        inputs = Fuzz(Path(place) / "input", seed)
        for kind in kinds:
            began, outcomes = time.perf_counter(), Counter()
            number_of = max(1, round(count * SHARES[kind]))
            for number in range(number_of):
                what, shown = inputs.one(kind, number)
                outcomes[what if what in ("accepted", "refused") else "wrong"] += 1
                if what not in ("accepted", "refused"):
                    print(f"== {kind} {number}: {what}\n{shown[:3000]}", flush=True)
            seconds = time.perf_counter() - began
            lines.append(
                [kind, number_of, outcomes["accepted"], outcomes["refused"], outcomes["wrong"], round(seconds)]
            )
            print(f"{kind}: {dict(outcomes)} in {seconds:.0f} s", flush=True)
            wrong += outcomes["wrong"]
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["kind", "inputs", "accepted", "refused", "wrong", "seconds"])
            writer.writerows(lines)
    return wrong


def _hang(*_: object) -> None:
    raise HangError


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", choices=list(SHARES))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    sys.exit(1 if fuzz(arguments.count, arguments.seed, arguments.kind or list(SHARES), arguments.out) else 0)
