"""Temperatures and thresholds of a run: fitted on validation images at its end, and read again where it is used."""

import torch

from ssmtl.calibration.fit import fit_task
from ssmtl.data.rows import Rows
from ssmtl.errors import RunError
from ssmtl.evaluation.predict import predict_logits
from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.prepare import ExperimentData
from ssmtl.experiment.task import Task
from ssmtl.json_file import read_model, write_model
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.model.weights import checksum
from ssmtl.runs.files import Calibration
from ssmtl.runs.folder import RunFolder


def write_calibration(
    folder: RunFolder, model: MultiTaskModel, experiment: Experiment, data: ExperimentData, device: torch.device
) -> str:
    """Fit every classification task and write calibration.json; returns its checksum.

    :param model: with the selected weights. Test images are never used.
    """

    def logits(task: Task, rows: Rows) -> torch.Tensor:
        batches = list(predict_logits(model, task, rows, device))
        return torch.cat(batches) if batches else torch.zeros(0, len(task.output.classes))

    tasks = {}
    for task in experiment.tasks:
        rows = data.tasks[task.name].val
        if task.output.classifies and rows.targets is not None:
            tasks[task.name] = fit_task(task.output, logits(task, rows).double().numpy(), rows.targets.numpy())
    write_model(folder.calibration, Calibration(weights=checksum(folder.weights("best")), tasks=tasks))
    return checksum(folder.calibration)


def calibration_of(run: RunFolder, which: str = "best") -> Calibration | None:
    """What a finished run stores for its weights; None if it was made before runs had it, or for other weights.

    :param which: best or last.
    :raises RunError: if the file is missing or not as the run wrote it, or is for other weights than the selected ones.
    """
    results = run.read_results()
    if not results.calibration or "best" not in results.weights:  # without it, no weights are accepted either
        return None
    if not run.calibration.is_file():
        raise RunError(f"{run.calibration} is missing; the run wrote it, and without it its decisions are others")
    if checksum(run.calibration) != results.calibration:
        differs = f"its checksum differs from the one in {run.results}"
        raise RunError(f"{run.calibration} is not as the run wrote it: {differs}")
    found = read_model(run.calibration, Calibration)
    if found.weights != results.weights.get("best"):
        raise RunError(f"{run.calibration} is for other weights than those in {run.results}")
    return found if results.weights.get(which) == found.weights else None
