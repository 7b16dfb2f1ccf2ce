"""A run folder: where each file is, and how it is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ssmtl.data.split_file import SplitFile, read_split_file
from ssmtl.errors import RunError
from ssmtl.json_file import read_model
from ssmtl.recipe import yaml_file
from ssmtl.recipe.load import RecipeText
from ssmtl.regular_file import strangers
from ssmtl.runs.files import Environment, Results

WHOLES = {"folds.json": "a cross-validation", "suite.json": "a suite", "study.json": "a search"}
"""By the record of a folder of several runs, what it holds; a run has a folder of its own in it."""


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run, whether or not its files exist."""

    path: Path

    @property
    def recipe(self) -> Path:
        """The resolved recipe; written last when a run starts, so it marks a run that has begun."""
        return self.path / "recipe.yaml"

    @property
    def split(self) -> Path:
        return self.path / "split.json"

    @property
    def environment(self) -> Path:
        return self.path / "environment.json"

    @property
    def log(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def results(self) -> Path:
        """Written once everything is evaluated, so it marks a finished run."""
        return self.path / "results.json"

    @property
    def calibration(self) -> Path:
        """Temperatures and thresholds, for the weights that were selected."""
        return self.path / "calibration.json"

    @property
    def per_image(self) -> Path:
        return self.path / "per_image.csv"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def lock(self) -> Path:
        return self.path / ".lock"

    @property
    def predictions(self) -> Path:
        return self.path / "predictions"

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def nonfinite(self) -> Path:
        """Batches whose loss or gradient was not finite."""
        return self.path / "nonfinite"

    def weights(self, which: str) -> Path:
        """:param which: best, last, or init: what it began with."""
        return self.path / "weights" / f"{which}.safetensors"

    def predictions_of(self, task: str, domain: str) -> Path:
        return self.predictions / f"{task}.{domain}.npz"

    @property
    def is_started(self) -> bool:
        """Whether it holds a run, finished or not."""
        return self.recipe.is_file()

    @property
    def is_finished(self) -> bool:
        """Whether it holds a finished run."""
        return self.results.is_file()

    def check_free(self, holds: str = "") -> None:
        """:param holds: one of WHOLES that may be there.

        :raises RunError: if the folder holds a run, another of WHOLES or a link, or if it or one of its parents is a
            file.
        """
        for path in (self.path, *self.path.parents):
            if path.exists() and not path.is_dir():
                raise RunError(f"{path} is a file; --out names the run's folder")
        check_own(self.path)
        for path in (self.recipe, self.log, self.results):
            if path.exists():
                raise RunError(
                    f"{self.path} already holds a run ({path.name}); resume it with --resume {self.path}, "
                    "give another --out, or remove it"
                )
        for name, what in WHOLES.items():
            if name != holds and (self.path / name).exists():
                raise RunError(f"{self.path} is the folder of {what} ({name}); give another --out")

    def check_not_own(self, path: Path, option: str = "--out") -> None:
        """:param option: that named it. :raises RunError: if the run itself wrote, or would write, to this path."""
        own = (
            self.recipe, self.split, self.environment, self.log, self.results, self.calibration, self.per_image,
            self.report, self.lock, self.predictions, self.figures, self.checkpoints, self.nonfinite,
            self.weights("best").parent,
        )  # fmt: skip
        place = path.resolve()
        for one in own:
            if place == one.resolve() or one.resolve() in place.parents:
                raise RunError(f"{option} {path} is the run's own {one.name}; give a path outside {self.path}")

    def read_recipe(self) -> RecipeText:
        """:raises RunError: if the folder holds no run, or a link. :raises RecipeError: if its recipe is damaged."""
        check_own(self.path)
        if not self.is_started:
            raise RunError(f"{self.path} holds no run to resume (no {self.recipe.name})")
        return RecipeText(yaml_file.read_mapping(self.recipe), str(self.recipe))

    def read_split(self) -> SplitFile:
        """:raises RunError: naming the key that is wrong."""
        return read_split_file(self.split, RunError)

    def read_results(self) -> Results:
        """:raises RunError: naming the key that is wrong."""
        return read_model(self.results, Results)

    def read_environment(self) -> Environment:
        """:raises RunError: naming the key that is wrong."""
        return read_model(self.environment, Environment)


def check_own(folder: Path) -> None:
    """Called before anything in a run's or a suite's folder is read or written, since it may come from someone else.

    :raises RunError: naming a link, named pipe, device or socket in it: it could lead anywhere, or make us wait.
    """
    for stranger in strangers(folder):
        raise RunError(f"{stranger}; the folder of a run may hold only regular files and folders. Remove it")


@contextmanager
def damaged(folder: Path) -> Iterator[None]:
    """Catches damage in a run's files that only shows where they are used.

    :raises RunError: naming the folder.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, EOFError) as error:
        raise RunError(
            f"a file of {folder} is damaged, or of another version: {error!r:.300} (--debug shows the traceback)"
        ) from error
