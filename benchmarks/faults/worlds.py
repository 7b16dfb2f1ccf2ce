"""Three small made-up data sets with runs and a suite over them, to be tampered with.

Whom each image shows is known here from how it was made, not from the program.
"""

import csv
import hashlib
import json
import multiprocessing
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from children import Ended, command, facts_of, killed_at
from PIL import Image

COLUMNS = ("image", "diagnosis", "lung", "patient", "split")
Row = dict[str, str]
Person = tuple[str, str]
"""The data set's folder, and the patient."""

LAYOUTS: dict[str, dict[str, dict[str, str]]] = {
    "shared": {"labels": {"root": "first"}, "masks": {"root": "first"}},
    "apart": {"labels": {"root": "first"}, "masks": {"root": "second"}, "elsewhere": {"root": "third"}},
    "official": {"labels": {"root": "first", "split": "split"}, "masks": {"root": "first", "split": "split"}},
}
"""By world, the roots of its sources: two tasks on one data set, on two, and on one with a split of its own."""

DIAGNOSIS = {
    "source": "labels", "labeled": 8, "batch": 4,
    "head": {"use": "pooled_linear", "classes": ["healthy", "ill"]},
    "augment": {"weak": {"use": "identity"}}, "strategies": [{"use": "cross_entropy"}], "metrics": ["accuracy"],
}  # fmt: skip
LUNGS = {
    "source": "masks", "labeled": 6, "batch": 4,
    "head": {"use": "multimix_decoder", "classes": ["lung"]},
    "augment": {"weak": {"use": "identity"}}, "strategies": [{"use": "soft_dice"}], "metrics": ["dice"],
}  # fmt: skip
TRAIN = {"steps": 4, "evaluate_every": 2, "log_every": 1, "checkpoint_every": 1, "device": "cpu"}


class World:
    """One data set layout, made in `place`: data, recipe, finished and stopped runs of two seeds, and a suite.

    :param place: where it is made and tampered with. A copy of the untouched whole is kept beside it.
    """

    def __init__(self, name: str, place: Path) -> None:
        self.name, self.place, self.untouched = name, place, place.with_name(f"untouched-{name}")
        self.log = place.with_name("log")
        self.sources = {
            source: {"use": "manifest", "patient": "patient", "label": "diagnosis", "mask": "lung", **entry}
            for source, entry in LAYOUTS[name].items()
        }
        self.roots = sorted({entry["root"] for entry in self.sources.values()})
        for number, root in enumerate(self.roots):
            make_data(place / root, sum(map(ord, name)) + number, self.sources["labels"].get("split") is not None)
        self._write_recipe()
        self.persons = self._persons()
        self.run("--out", place / "done")
        self.run("--out", place / "stopped", first=killed_at("step-00000003", 1), code=-9)
        self.run("--seed", "1", "--out", place / "done-1")
        self.run("--seed", "1", "--out", place / "stopped-1", first=killed_at("step-00000003", 1), code=-9)
        self._write_suite()
        self.called(*self.suite("run"), code=0)
        self.used = self._used()
        self.called("evaluate", place / "done", "--data-root", place, "--out", place / "scores.json", code=0)
        self.scores = json.loads((place / "scores.json").read_text())
        self.facts = facts_of(place / "done")
        self.results = read_csv(place / "suite" / "results.csv")
        shutil.move(place, self.untouched)
        self.restore()
        self.called("run", "--resume", place / "stopped", "--data-root", place, code=0)
        assert facts_of(place / "stopped") == self.facts, "a resumed run differs, untampered"

    def restore(self) -> None:
        """Put everything back as it was."""
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.untouched, self.place, symlinks=True)

    def called(self, *arguments: object, first: Callable[[], None] | None = None, code: int | None = None) -> Ended:
        """A command in a child, with this world's cache and without drawing reports."""

        def prepared() -> None:
            without_reports(self.place / "cache")
            if first is not None:
                first()

        ended = command(list(arguments), self.log, first=prepared)
        if code is not None and ended.code != code:
            sys.exit(f"{self.name}: {arguments}: exit code {ended.code}\n{ended.out}")
        return ended

    def run(self, *arguments: object, first: Callable[[], None] | None = None, code: int | None = 0) -> Ended:
        """A run of the recipe."""
        return self.called(
            "run", self.place / "own.yaml", "--data-root", self.place, *arguments, first=first, code=code
        )

    def suite(self, action: str) -> list[object]:
        """The arguments of `ssmtl bench ACTION`."""
        return ["bench", action, self.place / "suite.yaml", "--data-root", self.place, "--out", self.place / "suite"]

    def rows(self, root: str) -> list[Row]:
        """The table of a data set."""
        return read_csv(self.place / root / "manifest.csv")

    def _write_recipe(self) -> None:
        domains = {
            "diagnosis": {"in_domain": "labels"} | ({"cross": "elsewhere"} if "elsewhere" in self.sources else {}),
            "lungs": {"in_domain": "masks"},
        }
        tasks = {"diagnosis": DIAGNOSIS, "lungs": LUNGS}
        recipe = {
            "name": "own",
            "image": {"size": 16, "channels": 1},
            "backbone": {"use": "multimix_encoder", "widths": [4, 4, 8]},
            "tasks": {task: {**content, "evaluate_on": domains[task]} for task, content in tasks.items()},
            "train": TRAIN,
            "sources": self.sources,
        }
        (self.place / "own.yaml").write_text(yaml.safe_dump(recipe))
        (self.place / "sources.yaml").write_text(yaml.safe_dump(self.sources))

    def _write_suite(self) -> None:
        content = {
            "name": "small",
            "sources": ["sources.yaml"],
            "seeds": [0, 1],
            "variants": {"own": {"recipe": "own.yaml"}},
            "grids": [{"systems": ["own"], "budgets": {"diagnosis": [8], "lungs": [6]}}],
        }
        (self.place / "suite.yaml").write_text(yaml.safe_dump(content))

    def _persons(self) -> dict[str, Person]:
        """By hash of an image's file, whom it shows."""
        return {
            sha256(self.place / root / row["image"]): (root, row["patient"])
            for root in self.roots
            for row in self.rows(root)
        }

    def _used(self) -> frozenset[Person]:
        """Who trained the finished run or selected its weights."""
        tasks = json.loads((self.place / "done" / "split.json").read_text())["tasks"]
        return frozenset(
            self.persons[sha256(self.place / self.sources[task["source"]]["root"] / image)]
            for task in tasks.values()
            for part in ("labeled", "unlabeled", "val")
            for image in task[part]
        )


def make_data(folder: Path, seed: int, official: bool) -> None:
    """Sixty images of thirty-two patients, one to three each, most with a class and a mask."""
    stream = np.random.default_rng(seed)
    (folder / "masks").mkdir(parents=True)
    rows: list[Row] = []
    for number in range(60):
        patient = (number * 8 + 3) // 15
        ill = patient % 2
        pixels = stream.integers(0, 120, (20, 20))
        top = 2 + number % 5
        mask = np.zeros((20, 20), np.uint8)
        mask[top : top + 9, 3:16] = 255
        pixels[mask > 0] += 40 + 60 * ill
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{number}.png")
        values = (
            f"{number}.png",
            ("healthy", "ill")[ill] if number % 6 != 5 else "",
            f"masks/{number}.png" if number % 5 != 4 else "",
            f"p{patient}",
            ("train", "train", "val", "train", "test")[patient % 5] if official else "",
        )
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    write_table(folder, rows)


def write_table(folder: Path, rows: list[Row]) -> None:
    """Write the manifest."""
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def read_csv(path: Path) -> list[Row]:
    """The rows of a table."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def sha256(path: Path) -> str:
    """Of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def without_reports(cache: Path) -> None:
    """In the child: the cells of a suite are forked, and no figures are drawn; neither changes a number."""
    import os

    import ssmtl.reports
    from ssmtl.suite.local import LocalPool

    os.environ["SSMTL_CACHE"] = str(cache)
    made = LocalPool.__init__

    def forking(self: LocalPool, jobs: int) -> None:
        made(self, jobs)
        self.context = multiprocessing.get_context("fork")  # type: ignore[assignment]

    LocalPool.__init__ = forking  # type: ignore[method-assign]
    ssmtl.reports.write_report = lambda path, **_: path / "report.html"
    ssmtl.reports.write_suite_report = lambda path: path / "report.html"


def same_scores(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two evaluations have the same values, from the same numbers of images."""
    return all(one[key] == other[key] for key in ("tasks", "counts", "sources", "excluded"))
