"""semilearn 0.3.2 without what it imports: its algorithms' own code, on stand-ins for its trainer.

The package's `__init__` imports its data sets, networks and trackers, and with them packages that would replace others
here. Only the packages' `__init__` and the base class of algorithms are stand-ins; `train_step`, the hooks and the
losses that the tests call are semilearn's files as they are. A network is a function from the images given to it, here
logits themselves, to a dictionary of `logits` and `feat`.
"""

import importlib
import importlib.metadata
import importlib.util
import sys
import types
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

VERSION = "0.3.2"


class Alone:
    """In place of semilearn's AlgorithmBase: what a `train_step` asks of it."""

    distributed, world_size, gpu, use_cat, epoch = False, 1, None, True, 1
    lambda_u, it, num_train_iter = 1.0, 1, 1

    def __init__(self, classes=4, **settings):
        self.num_classes, self.hooks = classes, {}
        self.amp_cm = nullcontext
        self.bn_controller = SimpleNamespace(freeze_bn=lambda _: None, unfreeze_bn=lambda _: None)
        self.ema = SimpleNamespace(apply_shadow=lambda: None, restore=lambda: None)
        self.ce_loss = of("core.criterions").ce_loss
        self.consistency_loss = of("core.criterions").consistency_loss
        self.register_hook(of("algorithms.hooks").PseudoLabelingHook(), "PseudoLabelingHook")
        for name, value in settings.items():
            setattr(self, name, value)

    def model(self, images, **_):
        """The first columns of an image are its logits, all others its embedding."""
        return {"logits": images[:, : self.num_classes], "feat": F.normalize(images[:, self.num_classes :])}

    def compute_prob(self, logits):
        return logits.softmax(-1)

    def register_hook(self, hook, name):
        self.hooks[name] = hook
        return self

    def registered_hook(self, name):
        return name in self.hooks

    def call_hook(self, function, name, *args, **kwargs):
        return getattr(self.hooks[name], function)(self, *args, **kwargs)

    def process_out_dict(self, **out):
        return out

    def process_log_dict(self, **log):
        return log


def of(name):
    """A module of semilearn. Skips the test where the package is not installed."""
    prepare()
    return importlib.import_module(f"semilearn.{name}")


def prepare():
    if "semilearn" in sys.modules:
        return
    spec = importlib.util.find_spec("semilearn")
    if spec is None or importlib.metadata.version("semilearn") != VERSION:
        pytest.skip(f"semilearn {VERSION} is not installed: pip install --no-deps semilearn=={VERSION}")
    (root,) = spec.submodule_search_locations
    for name in ("", "core", "core.hooks", "core.utils", "algorithms", "datasets"):
        empty = types.ModuleType(f"semilearn.{name}".rstrip("."))
        empty.__path__ = [f"{root}/{name.replace('.', '/')}"]
        sys.modules[empty.__name__] = empty
    registry = importlib.import_module("semilearn.core.utils.registry")
    sys.modules["semilearn.core.utils"].ALGORITHMS = registry.ALGORITHMS
    sys.modules["semilearn.core.utils"].EMA = None
    sys.modules["semilearn.core.hooks"].Hook = importlib.import_module("semilearn.core.hooks.hook").Hook
    sys.modules["semilearn.datasets"].DistributedSampler = None
    base = types.ModuleType("semilearn.core.algorithmbase")
    base.AlgorithmBase = sys.modules["semilearn.core"].AlgorithmBase = Alone
    sys.modules[base.__name__] = base


def algorithm(name, class_name, hooks=(), **settings):
    """A semilearn algorithm, not set up by its constructor. :param hooks: by the name it gives them."""
    made = getattr(of(f"algorithms.{name}.{name}"), class_name).__new__(
        getattr(of(f"algorithms.{name}.{name}"), class_name)
    )
    Alone.__init__(made, **settings)
    for name_of_hook, hook in dict(hooks).items():
        made.register_hook(hook, name_of_hook)
    return made


def loss_of(made, **given):
    """The named parts of its loss: `sup_loss`, `unsup_loss`, `total_loss`. :param given: arguments of `train_step`."""
    out, log = made.train_step(**given)
    return {**log, "loss": out["loss"]}


def cpu_only(monkeypatch):
    """`tensor.cuda` does nothing, which semilearn calls whatever the device."""
    monkeypatch.setattr(torch.Tensor, "cuda", lambda self, *_: self)
