"""One process of a run, from its last checkpoint to its results."""

import json
from pathlib import Path

from lightning_fabric import Fabric

from ssmtl.assemble import Experiment
from ssmtl.code_version import code_version
from ssmtl.data.prepare import Prepared
from ssmtl.engine import fit
from ssmtl.events import RunEnded, RunStarted
from ssmtl.finish import finish
from ssmtl.journal import without_nan
from ssmtl.learner import make_learner
from ssmtl.listeners import First, Other
from ssmtl.notify import Notifier
from ssmtl.plan import plan_of
from ssmtl.plugins import Plugins
from ssmtl.stopping import Stopping
from ssmtl.whole_file import write_text


def train_first(
    folder: Path, fabric: Fabric, plugins: Plugins, experiment: Experiment, prepared: Prepared, notify: Notifier,
    asked: Stopping,
) -> bool:  # fmt: skip
    """Train from the last checkpoint, if there is one, and evaluate; False: stopped before the end, and saved."""
    learner = make_learner(fabric, experiment, prepared.tasks)
    plan = plan_of(experiment, prepared.tasks)
    first = First(folder, learner, prepared, notify, asked, code_version(plugins))
    done = first.go_on()
    notify.run_started(RunStarted(experiment.recipe.name, folder, experiment.recipe.train.steps, plan))
    if not fit(learner, first, done):
        return False
    results = finish(folder, learner, prepared, first.keeper, plan["parameters"], notify)
    results["steps_skipped"] = first.skipped
    results["seconds"] = round(first.seconds(), 1)
    write_text(folder / "results.json", json.dumps(without_nan(results), indent=1))
    notify.run_ended(RunEnded(folder, results, results["seconds"]))
    return True


def train_along(folder: Path, fabric: Fabric, experiment: Experiment, prepared: Prepared, asked: Stopping) -> None:
    """As `train_first`, in every other process."""
    learner = make_learner(fabric, experiment, prepared.tasks)
    other = Other(folder, learner, asked)
    fit(learner, other, other.go_on())
