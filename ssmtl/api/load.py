"""`ssmtl.load`."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ssmtl.api.arguments import paths_of
from ssmtl.api.given_plugins import GivenPlugin, files_among, names_among, plugins_with
from ssmtl.importing import uncollected
from ssmtl.inference.decision import Decide
from ssmtl.inference.load import load_model
from ssmtl.inference.model import Model
from ssmtl.runs.again import hinting_at_its_plugins
from ssmtl.runs.folder import RunFolder


def load(
    run: Path | str | Sequence[Path | str],
    *,
    plugins: Sequence[GivenPlugin] = (),
    weights: str = "best",
    device: str = "auto",
    calibrated: bool = True,
    decide: Decide = "stored",
) -> Model:
    """The model that a run trained, or several runs as an ensemble. Neither their sources nor their data are needed.

    :param run: a finished run's folder, or several. :param plugins: what `ssmtl.run` was given.
    :param weights: best (on validation) or last. :param device: auto, cpu, cuda, cuda:1, mps and so on.
    :param calibrated: whether logits are divided by the temperature that the run fitted on its validation images, and
        its thresholds are used. :param decide: stored: at the threshold that the run chose on its validation images
        (Youden's), where there is one; usual: the most probable class, of independent labels those at one half; or
        youden, sensitivity_80, sensitivity_90, sensitivity_95.
    :raises RunError: if a folder holds no finished run, its weights are not those that the run wrote, or the runs do
        not have the same tasks. :raises RecipeError: if a plugin that a run was made with is missing.
    """
    folders = [RunFolder(place) for place in paths_of("run", run)]
    with ExitStack() as hints:
        for folder in folders:
            hints.enter_context(hinting_at_its_plugins(folder, files_among(plugins), names_among(plugins)))
        with uncollected():
            known = plugins_with(plugins)
        return load_model(folders, known, weights, device, calibrated, decide)
