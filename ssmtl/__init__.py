"""ssmtl: semi-supervised multi-task learning in PyTorch, as plugins around one visible loop.

These are the names a plugin may import. They load on first use, so that `import ssmtl` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ssmtl.hookspecs import hookimpl

__version__ = "0.1.0"

_HOME = {
    "Augmentation": "augmentation",
    "Backbone": "backbone",
    "Balancer": "balancer",
    "Batch": "view",
    "Bridge": "bridge",
    "CheckpointSaved": "events",
    "DataError": "errors",
    "Draws": "data.draws",
    "Evaluated": "events",
    "Example": "source",
    "Features": "shapes",
    "Folders": "data.folders",
    "Head": "head",
    "ImageFile": "data.images",
    "Images": "shapes",
    "Kind": "head",
    "Labels": "shapes",
    "Logits": "shapes",
    "Masks": "shapes",
    "Metric": "metric",
    "Output": "head",
    "Pixels": "source",
    "Predict": "bridge",
    "Predictor": "strategy",
    "Pyramid": "backbone",
    "RunEnded": "events",
    "RunStarted": "events",
    "Source": "source",
    "SsmtlError": "errors",
    "StepEnded": "events",
    "Strategy": "strategy",
    "View": "view",
    "input_gradient": "explain",
    "key": "data.draws",
    "permutation": "data.draws",
    "pseudo_label_quality": "pseudo_labels",
}

if TYPE_CHECKING:
    from ssmtl.augmentation import Augmentation
    from ssmtl.backbone import Backbone, Pyramid
    from ssmtl.balancer import Balancer
    from ssmtl.bridge import Bridge, Predict
    from ssmtl.data.draws import Draws, key, permutation
    from ssmtl.data.folders import Folders
    from ssmtl.data.images import ImageFile
    from ssmtl.errors import DataError, SsmtlError
    from ssmtl.events import CheckpointSaved, Evaluated, RunEnded, RunStarted, StepEnded
    from ssmtl.explain import input_gradient
    from ssmtl.head import Head, Kind, Output
    from ssmtl.metric import Metric
    from ssmtl.pseudo_labels import pseudo_label_quality
    from ssmtl.shapes import Features, Images, Labels, Logits, Masks
    from ssmtl.source import Example, Pixels, Source
    from ssmtl.strategy import Predictor, Strategy
    from ssmtl.view import Batch, View

__all__ = [
    "Augmentation",
    "Backbone",
    "Balancer",
    "Batch",
    "Bridge",
    "CheckpointSaved",
    "DataError",
    "Draws",
    "Evaluated",
    "Example",
    "Features",
    "Folders",
    "Head",
    "ImageFile",
    "Images",
    "Kind",
    "Labels",
    "Logits",
    "Masks",
    "Metric",
    "Output",
    "Pixels",
    "Predict",
    "Predictor",
    "Pyramid",
    "RunEnded",
    "RunStarted",
    "Source",
    "SsmtlError",
    "StepEnded",
    "Strategy",
    "View",
    "hookimpl",
    "input_gradient",
    "key",
    "permutation",
    "pseudo_label_quality",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"ssmtl.{_HOME[name]}"), name)
    raise AttributeError(f"module 'ssmtl' has no attribute '{name}'")
