"""The shipped MultiMix recipe, small enough for a test; importable by spawned processes."""

from pathlib import Path

import torch
from lightning_fabric import Fabric

from ssmtl import Folders
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.prepare import prepare
from ssmtl.recipe.load import read
from ssmtl.registry.plugins import load_plugins
from ssmtl.training.engine import training_step
from ssmtl.training.train_state import make_train_state

RECIPES = Path(__file__).parents[2] / "recipes"

SMALL = (
    "image.size=32",
    "backbone.widths=[3, 4, 5, 6, 8]",
    *(f"sources.{name}.size=32" for name in ("chex", "jsrt", "nihx", "mcu")),
    "sources.chex.images=60",
    "sources.jsrt.images=40",
    "sources.nihx.images=12",
    "sources.mcu.images=12",
    "tasks.diagnosis.labeled=12",
    "tasks.diagnosis.batch=4",
    "tasks.lungs.labeled=6",
    "tasks.lungs.batch=4",
    "train.steps=10",
    "train.device=cpu",
    "optimizer.lr=0.01",
)
NO_DROPOUT = ("backbone.dropout=0", "tasks.lungs.head.dropout=0")
"""Settings that make a step a pure function of its rows."""

CONFIDENT = "tasks.diagnosis.strategies.fixmatch.threshold=0.5"
"""With two classes every pseudo-label then counts, even before anything is learnt."""


def recipe_of(*overrides, seed=None):
    plugins = load_plugins()
    text = read(str(RECIPES / "multimix.yaml"), plugins["recipe"], overrides=[*SMALL, *overrides], seed=seed)
    return text.validated(), plugins


def prepared_of(*overrides, seed=None):
    recipe, plugins = recipe_of(*overrides, seed=seed)
    experiment = assemble(recipe, plugins)
    return experiment, prepare(experiment, plugins, Folders()), plugins


def state_of(*overrides, seed=None, fabric=None):
    experiment, prepared, _ = prepared_of(*overrides, seed=seed)
    precision = "32-true" if experiment.recipe.train.precision == "32" else experiment.recipe.train.precision
    fabric = fabric or Fabric(accelerator="cpu", devices=1, precision=precision)
    return make_train_state(fabric, experiment, prepared.tasks)


def weights_of(state):
    """All that changes but moments and averages: parameters and buffers of model, balancer and strategies."""
    found = {name: tensor.detach().clone() for name, tensor in state.experiment.model.state_dict().items()}
    return found | {f"extra.{name}": extra.detach().clone() for name, extra in state.outside.state_dict().items()}


def train(state, steps, start=0):
    return [training_step(state, step, diagnose=True) for step in range(start, steps)]


def train_and_save(fabric, folder, runs):
    """In each of several processes: the weights and totals of every run, and the rows that it used."""
    import ssmtl.training.engine

    torch.set_num_threads(1)
    for name, overrides, steps in runs:
        state = state_of(*overrides, fabric=fabric)
        drawn = []
        render = ssmtl.training.engine.render

        def recorded(task, data, *arguments, render=render, drawn=drawn):
            batch, truth = render(task, data, *arguments)
            drawn.append((task.name, {str(view): images.clone() for view, images in batch.images.items()}))
            return batch, truth

        ssmtl.training.engine.render = recorded
        try:
            numbers = train(state, steps)
        finally:
            ssmtl.training.engine.render = render
        found = {"weights": weights_of(state), "totals": [step.total for step in numbers], "drawn": drawn}
        torch.save(found, Path(folder) / f"{name}.{fabric.global_rank}.pt")
