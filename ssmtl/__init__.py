"""ssmtl: semi-supervised multi-task learning in PyTorch, as plugins around one visible loop.

`run`, `load`, `evaluate`, `export`, `report` and `tune` do what the commands do; a plugin may import the other names.
They load on first use, so `import ssmtl` stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ssmtl.hookspecs import hookimpl

__version__ = "0.1.0"

_HOME = {
    "api.evaluate": ("evaluate",),
    "api.export": ("export",),
    "api.load": ("load",),
    "api.report": ("report",),
    "api.run": ("run",),
    "api.trained": ("TrainedFolds", "TrainedRun"),
    "api.tune": ("TunedRecipe", "tune"),
    "contracts.another_task": ("AnotherTask",),
    "contracts.augmentation": ("Augmentation", "ReferencedAugmentation", "References"),
    "contracts.backbone": ("Backbone", "Pyramid"),
    "contracts.balancer": ("Balancer", "GradientBalancer"),
    "contracts.bridge": ("Bridge", "FrozenPredictor", "Guide"),
    "contracts.folders": ("Folders",),
    "contracts.head": ("Head", "Kind", "Output"),
    "contracts.known": ("mean_of_known",),
    "contracts.metric": ("Metric",),
    "contracts.outputs": ("Outputs",),
    "contracts.random_stream": ("RandomStream", "key", "permutation"),
    "contracts.shapes": ("Features", "Images", "Labels", "Logits", "Masks"),
    "contracts.source": ("Example", "Pixels", "Source"),
    "contracts.strategy": ("Strategy", "TaskPredictor"),
    "contracts.task_facts": ("TaskFacts",),
    "contracts.view": ("Batch", "View"),
    "data.images": ("ImageFile",),
    "errors": ("DataError", "SsmtlError", "warn"),
    "evaluation.pseudo_labels": ("pseudo_label_quality",),
    "exports.export": ("ExportedFile",),
    "inference.model": ("Model",),
    "inference.prediction": ("LabelPrediction", "MaskPrediction", "NumberPrediction", "Prediction"),
    "events": ("CheckpointSaved", "Evaluated", "RunEnded", "RunStarted", "StepEnded"),
    "model.input_gradient": ("input_gradient",),
    "regular_file": ("open_file",),
    "tracker": ("Outcome", "Tracker"),
}
"""The names that `import ssmtl` offers, by module: the calls, and what a plugin may use."""

_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

if TYPE_CHECKING:
    from ssmtl.api.evaluate import evaluate
    from ssmtl.api.export import export
    from ssmtl.api.load import load
    from ssmtl.api.report import report
    from ssmtl.api.run import run
    from ssmtl.api.trained import TrainedFolds, TrainedRun
    from ssmtl.api.tune import TunedRecipe, tune
    from ssmtl.contracts.another_task import AnotherTask
    from ssmtl.contracts.augmentation import Augmentation, ReferencedAugmentation, References
    from ssmtl.contracts.backbone import Backbone, Pyramid
    from ssmtl.contracts.balancer import Balancer, GradientBalancer
    from ssmtl.contracts.bridge import Bridge, FrozenPredictor, Guide
    from ssmtl.contracts.folders import Folders
    from ssmtl.contracts.head import Head, Kind, Output
    from ssmtl.contracts.known import mean_of_known
    from ssmtl.contracts.metric import Metric
    from ssmtl.contracts.outputs import Outputs
    from ssmtl.contracts.random_stream import RandomStream, key, permutation
    from ssmtl.contracts.shapes import Features, Images, Labels, Logits, Masks
    from ssmtl.contracts.source import Example, Pixels, Source
    from ssmtl.contracts.strategy import Strategy, TaskPredictor
    from ssmtl.contracts.task_facts import TaskFacts
    from ssmtl.contracts.view import Batch, View
    from ssmtl.data.images import ImageFile
    from ssmtl.errors import DataError, SsmtlError, warn
    from ssmtl.evaluation.pseudo_labels import pseudo_label_quality
    from ssmtl.events import CheckpointSaved, Evaluated, RunEnded, RunStarted, StepEnded
    from ssmtl.exports.export import ExportedFile
    from ssmtl.inference.model import Model
    from ssmtl.inference.prediction import LabelPrediction, MaskPrediction, NumberPrediction, Prediction
    from ssmtl.model.input_gradient import input_gradient
    from ssmtl.regular_file import open_file
    from ssmtl.tracker import Outcome, Tracker

__all__ = [
    "AnotherTask",
    "Augmentation",
    "Backbone",
    "Balancer",
    "Batch",
    "Bridge",
    "CheckpointSaved",
    "DataError",
    "Evaluated",
    "Example",
    "ExportedFile",
    "Features",
    "Folders",
    "FrozenPredictor",
    "GradientBalancer",
    "Guide",
    "Head",
    "ImageFile",
    "Images",
    "Kind",
    "LabelPrediction",
    "Labels",
    "Logits",
    "MaskPrediction",
    "Masks",
    "Metric",
    "Model",
    "NumberPrediction",
    "Outcome",
    "Output",
    "Outputs",
    "Pixels",
    "Prediction",
    "Pyramid",
    "RandomStream",
    "ReferencedAugmentation",
    "References",
    "RunEnded",
    "RunStarted",
    "Source",
    "SsmtlError",
    "StepEnded",
    "Strategy",
    "TaskFacts",
    "TaskPredictor",
    "Tracker",
    "TrainedFolds",
    "TrainedRun",
    "TunedRecipe",
    "View",
    "evaluate",
    "export",
    "hookimpl",
    "input_gradient",
    "key",
    "load",
    "mean_of_known",
    "open_file",
    "permutation",
    "pseudo_label_quality",
    "report",
    "run",
    "tune",
    "warn",
]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(import_module(f"ssmtl.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module 'ssmtl' has no attribute '{name}'")
