"""A search whose runs are made up at once: an executor that writes what a worker would, and the search around it."""

import math
from pathlib import Path

from ssmtl.contracts.folders import Folders
from ssmtl.events import Evaluated
from ssmtl.recipe.defaults import resolved
from ssmtl.recipe.load import read
from ssmtl.registry.plugins import load_plugins
from ssmtl.runs.log import RunLog
from ssmtl.suite.cell import folder_of, outcome_of
from ssmtl.suite.digests import SplitDigests
from ssmtl.suite.work import FAILED, FINISHED, PAUSED, note
from ssmtl.tuning.rungs import rungs_of
from ssmtl.tuning.searched_recipe import SearchedRecipe
from ssmtl.tuning.space_file import space_of
from ssmtl.tuning.study import Study, StudyWatcher
from ssmtl.tuning.trial import StudyRecord
from ssmtl.tuning.trial_runs import TrialRuns

PLUGINS = load_plugins()
STEPS, EVERY = 80, 10


def recipe_text(*overrides):
    settings = (f"train.steps={STEPS}", f"train.evaluate_every={EVERY}", *overrides)
    return read("enc", PLUGINS["recipe"], overrides=settings)


TEXT = recipe_text()
SEARCHED = SearchedRecipe(resolved(TEXT.validated(), PLUGINS), TEXT, PLUGINS)
LR = "optimizer.lr"
PARAMETERS = {LR: {"low": 1e-5, "high": 1e-1, "log": True}, "train.clip": {"choices": [1.0, None]}}


class KilledError(Exception):
    """As if the process had been killed."""


def score_of(recipe, seed, step):
    """Best at a learning rate of 1e-3, and better the longer it trains; between 0 and 1."""
    distance = abs(math.log10(recipe["optimizer"]["lr"]) + 3)
    return 1 / (1 + distance) * (1 - 0.5 ** (step / 20)) + 0.001 * seed


class MadeUpRuns:
    """An executor. :param ends: of how many pieces of work it is told before it is killed. :param reverse: the order.

    :param fails: of a recipe, whether it fails.
    """

    def __init__(self, ends=None, *, reverse=False, fails=lambda recipe: False):
        self.left, self.reverse, self.fails = math.inf if ends is None else ends, reverse, fails
        self.trained = []

    def run(self, work, started, ended, idle):
        for one in reversed(work) if self.reverse else work:
            if self.left == 0:
                raise KilledError
            self.left -= 1
            started(one)
            ended(one, self._do(one))
            idle()

    def close(self):
        pass

    def _do(self, work):
        assert outcome_of(Path(work.suite), work.cell).status != "finished"
        assert not work.tests
        folder = folder_of(Path(work.suite), work.cell)
        folder.path.mkdir(parents=True, exist_ok=True)
        log, until = RunLog(folder.log), work.until or work.recipe["train"]["steps"]
        done = [one for cell, one in self.trained if cell == work.cell]
        self.trained.append((work.cell, until))
        if self.fails(work.recipe):
            note(work, status="failed", error="RunError: not finite", seconds=1)
            return FAILED
        log.cut(0)
        for step in range(EVERY, until + 1, EVERY):
            log.evaluated(Evaluated(step, "validation", {}, score_of(work.recipe, work.facts["seed"], step)))
        assert until not in done
        note(work, status=PAUSED if work.until else "finished", error="", seconds=1)
        return FINISHED


class NoData(SplitDigests):
    """As if the data had been listed."""

    def of(self, recipe, outputs):
        return f"split{recipe.seed}", "data"


def space(**changes):
    return space_of({"parameters": PARAMETERS, "trials": 10, **changes}, "space.yaml")


def study(folder, asked, recipe=SEARCHED):
    """The search, as `ssmtl.tune` makes it."""
    runs = TrialRuns(recipe, asked, Path(folder), NoData(PLUGINS, Folders(None)), None, ())
    runs.__dict__["outputs"] = {}
    fresh = StudyRecord(
        recipe=recipe.recipe.content(), space=asked.model_dump(mode="json"), code="code", data="data",
        ssmtl="0", started="now",
    )  # fmt: skip
    return Study(asked, rungs_of(asked.pruner, SEARCHED.recipe.train, "space.yaml"), SEARCHED.recipe.train, runs, fresh)


def searched(folder, asked, executor=None, watcher=None, recipe=SEARCHED):
    """The record of a search that ran until it ended, or was killed."""
    one = study(folder, asked, recipe)
    with one.opened() as record:
        return one.run(record, executor or MadeUpRuns(), watcher or StudyWatcher())


def facts(record):
    """What may not depend on how the search went about it."""
    return [{**one.model_dump(), "seconds": None} for one in record.trials]
