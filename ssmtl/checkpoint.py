"""Weights on disk, as safetensors, written whole or not at all."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ssmtl.errors import RunError


def save_weights(path: Path, model: nn.Module, facts: Mapping[str, str]) -> None:
    """:param facts: kept in the file's header as JSON, such as the step and the recipe's hash.

    One key, since safetensors orders several at random and the same weights must give the same bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    temporary = path.with_suffix(".part")
    save_file(tensors, temporary, metadata={"ssmtl": json.dumps(dict(facts), sort_keys=True)})
    os.replace(temporary, path)


def load_weights(path: Path, model: nn.Module) -> None:
    """:raises RunError: if the file is missing, damaged, or of another model."""
    try:
        model.load_state_dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise RunError(f"the weights {path} cannot be read: {error}") from error
    except RuntimeError as error:
        raise RunError(
            f"the weights {path} are not of this recipe's model: {str(error).splitlines()[-1].strip()}"
        ) from error
