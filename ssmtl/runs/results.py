"""The end of a run: the selected weights are evaluated on every domain."""

from ssmtl.data.joined_rows import of_others
from ssmtl.data.task_data import TaskData
from ssmtl.evaluation.counts import ImageCounts
from ssmtl.evaluation.kept import KeptPredictions
from ssmtl.evaluation.per_image import write_per_image
from ssmtl.evaluation.predict import predict, shown_to
from ssmtl.evaluation.score import score, tell_undefined
from ssmtl.evaluation.stored_predictions import write_predictions
from ssmtl.events import Evaluated
from ssmtl.experiment.plan import labeled_classes
from ssmtl.experiment.prepare import ExperimentData
from ssmtl.experiment.task import Task
from ssmtl.model.weights import load_weights
from ssmtl.runs.early_stopping import stopped_early
from ssmtl.runs.files import Budget, MetricFacts, Results
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.validation import Validation
from ssmtl.training.train_state import TrainState


def final_results(
    folder: RunFolder, state: TrainState, data: ExperimentData, validation: Validation, parameters: int
) -> Results:
    """Evaluate the selected weights on every domain, write what the figures need, and return the results."""
    experiment, model = state.experiment, validation.model
    recipe, tasks, device = experiment.recipe, experiment.tasks, state.fabric.device
    load_weights(folder.weights("best"), model)
    results = Results(
        name=recipe.name,
        seed=recipe.seed,
        steps=validation.step,
        stopped_early=stopped_early(recipe.train, validation.step),
        selected=validation.selected,
        recipe_hash=recipe.digest(),
        data_fingerprint=", ".join(f"{name} {digest}" for name, digest in data.fingerprints.items()),
        parameters=parameters,
        tasks={},
        validation=validation.best.values,
        budgets={task.name: _budget(task, data.tasks[task.name]) for task in tasks},
        kinds={task.name: task.output.kind for task in tasks},
        classes={task.name: list(task.output.classes) for task in tasks},
        sources={task.name: dict(task.spec.evaluate_on) for task in tasks},
        skipped={source: dict(why) for source, why in data.skipped.items()},
        steps_skipped=state.skipped,
    )
    per_image = {}
    for task in tasks:
        for domain, rows in data.tasks[task.name].test.items():
            kept, counts = KeptPredictions(task.output.kind, len(rows)), ImageCounts(task.output.kind)
            scores = score(task, shown_to(predict(model, task, rows, device), kept.add, counts.add))
            tell_undefined(task.name, domain, scores, validation.told)
            results.tasks.setdefault(task.name, {})[domain] = dict(scores.values)
            results.counts.setdefault(task.name, {})[domain] = counts.with_known(rows, task.output)
            results.metrics[task.name] = {
                name: MetricFacts(higher_is_better=metric.higher_is_better, unit=metric.unit)
                for name, metric in scores.metrics.items()
            }
            per_image[task.name, domain] = (rows, scores)
            write_predictions(folder.predictions_of(task.name, domain), model, task, rows, kept, device)
            flat = {f"{task.name}.{name}": value for name, value in scores.values.items()}
            validation.observers.evaluated(Evaluated(validation.best.step, domain, flat))
    write_per_image(folder.per_image, per_image)
    return results


def _budget(task: Task, data: TaskData) -> Budget:
    used = task.uses("unlabeled")
    return Budget(
        labeled=len(data.labeled),
        unlabeled=len(data.unlabeled) if used else 0,
        unlabeled_of=of_others(task.spec.source, data.unlabeled) if used else {},
        unlabeled_includes_labeled=used and task.spec.includes_labeled,
        val=len(data.val),
        left_out=sum(data.left_out.values()),
        labeled_classes=labeled_classes(task, data),
        known=data.labeled.known(task.output),
    )
