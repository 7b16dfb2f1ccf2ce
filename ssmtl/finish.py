"""The end of a run: the selected weights on every domain."""

from pathlib import Path
from typing import Any

from ssmtl.data.prepare import Prepared
from ssmtl.evaluate import count_images, predict, score
from ssmtl.events import Evaluated
from ssmtl.keeper import Keeper
from ssmtl.learner import Learner
from ssmtl.notify import Notifier
from ssmtl.plan import labeled_classes
from ssmtl.record import write_per_image, write_predictions
from ssmtl.weights import load_weights


def finish(
    folder: Path, learner: Learner, prepared: Prepared, keeper: Keeper, parameters: int, notify: Notifier
) -> dict[str, Any]:
    """Evaluate the selected weights on every domain, write what the figures need, and return results.json."""
    model, recipe, device = keeper.model, learner.experiment.recipe, learner.fabric.device
    load_weights(folder / "weights" / "best.safetensors", model)
    tasks: dict[str, dict[str, dict[str, float]]] = {}
    counts: dict[str, dict[str, dict[str, int]]] = {}
    per_image = {}
    for task in learner.experiment.tasks:
        for domain, rows in learner.data[task.name].test.items():
            predictions = predict(model, task, rows, device)
            scores = score(task, predictions)
            tasks.setdefault(task.name, {})[domain] = dict(scores.values)
            counts.setdefault(task.name, {})[domain] = count_images(
                task.output.kind, predictions.probabilities, predictions.targets
            )
            per_image[task.name, domain] = (predictions.ids, scores)
            write_predictions(
                folder / "predictions" / f"{task.name}.{domain}.npz", model, task, rows, predictions, device
            )
            flat = {f"{task.name}.{name}": value for name, value in scores.values.items()}
            notify.evaluated(Evaluated(keeper.best_step, domain, flat))
    write_per_image(folder / "per_image.csv", per_image)
    return {
        "name": recipe.name,
        "seed": recipe.seed,
        "steps": recipe.train.steps,
        "selected": {"by": recipe.train.select_by, "step": keeper.best_step, "score": keeper.best_score},
        "recipe_hash": recipe.digest(),
        "data_fingerprint": ", ".join(f"{name} {found}" for name, found in prepared.fingerprints.items()),
        "parameters": parameters,
        "tasks": tasks,
        "counts": counts,
        "validation": keeper.best_values,
        "budgets": {
            task.name: {
                "labeled": len(learner.data[task.name].labeled),
                "unlabeled": len(learner.data[task.name].unlabeled),
                "unlabeled_includes_labeled": task.spec.unlabeled_includes_labeled,
                "val": len(learner.data[task.name].val),
                "labeled_classes": labeled_classes(task, learner.data[task.name]),
            }
            for task in learner.experiment.tasks
        },
        "kinds": {task.name: task.output.kind for task in learner.experiment.tasks},
        "classes": {task.name: list(task.output.classes) for task in learner.experiment.tasks},
        "sources": {task.name: dict(task.spec.evaluate_on) for task in learner.experiment.tasks},
        "skipped": prepared.skipped,
    }
