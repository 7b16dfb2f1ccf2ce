"""From run folders to a model. Neither sources nor data are needed."""

from collections.abc import Sequence

import torch

from ssmtl.contracts.head import Output
from ssmtl.data.fit import Fit
from ssmtl.errors import RunError, first_line
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.attribution import attributed
from ssmtl.experiment.experiment import Experiment
from ssmtl.inference.decision import Decide, check_decide, described, temperatures_of, thresholds_of
from ssmtl.inference.model import Model
from ssmtl.inference.network import Network
from ssmtl.model.weights import checksum, load_weights
from ssmtl.recipe.defaults import resolved
from ssmtl.registry.plugins import Plugins
from ssmtl.runs.calibrate import calibration_of
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.own_weights import check_finished, checked_weights
from ssmtl.runs.repeatable import make_repeatable


def load_model(
    runs: Sequence[RunFolder],
    plugins: Plugins,
    weights: str = "best",
    device: str = "auto",
    calibrated: bool = True,
    decide: Decide = "stored",
) -> Model:
    """The model of one run, or the ensemble of several.

    :param weights: best or last. :param device: auto, cpu, cuda, cuda:1, mps and so on.
    :param calibrated: whether each run's temperature is applied. :param decide: at which threshold.
    :raises RunError: if a folder holds no finished run, or one that predicts nothing, its weights are missing or not as
        the run wrote them, the runs do not have the same tasks and images, or there is no such device.
    :raises RecipeError: if a plugin that a run was made with is missing.
    """
    if not runs:
        raise RunError("no run was given; expected a run's folder")
    if not isinstance(calibrated, bool):
        raise RunError(f"calibrated: {calibrated!r}; expected True or False")
    check_decide(decide, calibrated=calibrated)
    for run in runs:
        check_finished(run, weights)
    place = find_device(device)
    if place.type == "cuda":
        make_repeatable()
    experiments = tuple(_experiment(run, plugins, weights) for run in runs)
    first = experiments[0]
    tasks = _outputs(first)
    if not tasks:
        raise RunError(
            f"{runs[0].path} predicts nothing: none of its tasks has labels; its backbone can be another's init"
        )
    for run, other in zip(runs[1:], experiments[1:], strict=True):
        check_alike(runs[0], first, run, other)
    calibrations = [calibration_of(run, weights) if calibrated else None for run in runs]
    thresholds = thresholds_of(calibrations, decide)
    network = Network([one.model for one in experiments], tasks, [temperatures_of(one) for one in calibrations])
    network = network.to(place).eval().requires_grad_(False)
    image = first.recipe.image
    with attributed(first, "in the first pass of a loaded run", *(one.model for one in experiments)):
        network.find_draws(torch.full((1, *image.shape), 0.5, device=place))
    return Model(
        network,
        tasks,
        Fit(image.size, image.fit),
        image.channels,
        place,
        tuple(run.path.name for run in runs),
        tuple(checksum(run.weights(weights)) for run in runs),
        thresholds,
        tuple(described(calibrations, tasks, thresholds)),
        experiments,
    )


def find_device(name: str) -> torch.device:
    """:raises RunError: if this machine has no such device."""
    if str(name) == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()  # `meta` has no numbers
    except (RuntimeError, AssertionError, NotImplementedError, TypeError, ImportError) as error:
        why = first_line(error).split(". ")[0]
        raise RunError(f"device '{name}': {why}; expected auto, cpu, cuda or mps") from error
    return device


def _experiment(run: RunFolder, plugins: Plugins, weights: str) -> Experiment:
    text = run.read_recipe()
    path = checked_weights(run, weights)
    experiment = assemble(resolved(text.validated(), plugins), plugins, text.place, pretrained=False, trained=True)
    load_weights(path, experiment.model)
    return experiment


def _outputs(experiment: Experiment) -> dict[str, Output]:
    """Of the tasks that predict something."""
    return {task.name: task.output for task in experiment.tasks if task.output.has_labels}


def check_alike(first: RunFolder, one: Experiment, run: RunFolder, other: Experiment) -> None:
    """:raises RunError: if the two cannot be averaged."""
    said = f"{first.path} and {run.path} cannot be an ensemble: "
    before, after = _outputs(one), _outputs(other)
    if set(before) != set(after):
        raise RunError(f"{said}their tasks are {', '.join(before)} and {', '.join(after)}")
    for task, output in before.items():
        if output != after[task]:
            classes = f"{', '.join(output.classes)} ({output.kind}) and {', '.join(after[task].classes)}"
            raise RunError(f"{said}the classes of the task '{task}' are {classes} ({after[task].kind})")
    for what in ("size", "channels", "fit"):
        values = getattr(one.recipe.image, what), getattr(other.recipe.image, what)
        if values[0] != values[1]:
            words = [list(one) if isinstance(one, tuple) else one for one in values]
            raise RunError(f"{said}image.{what} is {words[0]} and {words[1]}")
