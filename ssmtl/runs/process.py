"""One process of a run, from its last checkpoint to its results."""

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from ssmtl.events import RunEnded, RunStarted
from ssmtl.experiment.attribution import attributed
from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.plan import plan_of
from ssmtl.experiment.prepare import ExperimentData
from ssmtl.json_file import write_model
from ssmtl.model.weights import checksum
from ssmtl.registry.plugins import Plugins
from ssmtl.runs.calibrate import write_calibration
from ssmtl.runs.callbacks import NonFiniteSteps, RunClock, Telling
from ssmtl.runs.checkpointing import Checkpointing, resume_along
from ssmtl.runs.code_version import code_version
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.initial import load_initial
from ssmtl.runs.observers import Observers
from ssmtl.runs.results import final_results
from ssmtl.runs.signals import StopRequest
from ssmtl.runs.trained_by import TrainedBy
from ssmtl.runs.validation import Validation
from ssmtl.training.engine import fit
from ssmtl.training.train_state import make_train_state

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def train_first(
    folder: RunFolder, fabric: "Fabric", plugins: Plugins, experiment: Experiment, data: ExperimentData,
    observers: Observers, stop: StopRequest, until: int | None = None,
) -> bool:  # fmt: skip
    """Train in the process that validates, saves and reports; False: stopped early, with the state saved.

    :param until: stop after this step, as a signal would; the recipe's schedules are of all its steps all the same.
    """
    recipe = experiment.recipe
    if recipe.init is not None:
        load_initial(folder, experiment.model)
    state, clock = make_train_state(fabric, experiment, data.tasks), RunClock()
    plan = plan_of(experiment, data.tasks)
    validation = Validation(folder, state, observers, TrainedBy.of(recipe, folder.read_split()))
    code = code_version(plugins, recipe)
    checkpointing = Checkpointing(folder, state, validation, clock, data.fingerprints, code)
    done = checkpointing.resume()
    told = {key: value for key, value in recipe.content().items() if key != "trackers"}
    observers.run_started(RunStarted(recipe.name, folder.path, recipe.train.steps, plan, told, done))
    nonfinite = NonFiniteSteps(folder, state, checkpointing.save)
    if until is not None and done >= until:
        return False
    asked = stop.asked if until is None else asked_until(until, done, stop.asked)
    if not fit(state, (nonfinite, Telling(observers, clock), validation, checkpointing), asked, done):
        return False
    with attributed(experiment, "in the final evaluation", validation.model):
        results = final_results(folder, state, data, validation, plan["parameters"])
        results.calibration = write_calibration(folder, validation.model, experiment, data, fabric.device)
    results.weights = {name: checksum(folder.weights(name)) for name in ("best", "last")}
    results.seconds = round(clock.seconds(), 1)
    write_model(folder.results, results)
    observers.run_ended(RunEnded(folder.path, results.model_dump(), results.seconds))
    return True


def asked_until(until: int, done: int, asked: Callable[[], bool]) -> Callable[[], bool]:
    """`asked`, and also True after step `until`; training calls it once after each step. :param done: steps so far."""
    steps = count(done + 1)
    return lambda: (next(steps) >= until) | asked()


def train_along(
    folder: RunFolder, fabric: "Fabric", experiment: Experiment, data: ExperimentData, stop: StopRequest
) -> None:
    """As `train_first`, in every other process."""
    if experiment.recipe.init is not None:
        load_initial(folder, experiment.model)
    state = make_train_state(fabric, experiment, data.tasks)
    fit(state, (NonFiniteSteps(folder, state),), stop.asked, resume_along(folder, state))
