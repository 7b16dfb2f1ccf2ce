"""Weights on disk, as safetensors, written whole or not at all."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from ssmtl.atomic_file import replacing
from ssmtl.errors import RunError
from ssmtl.regular_file import check_file


def save_weights(path: Path, model: nn.Module, facts: Mapping[str, str]) -> None:
    """:param facts: stored in the file's header as JSON, such as the step and the recipe's hash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tensors(path, model.state_dict(), facts)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, str]) -> None:
    """The file is on disk when this returns.

    All facts share one metadata key, since safetensors writes several in random order and the same weights must
    give the same bytes. Safetensors itself would write a file that nobody else may read.

    :raises OSError: if it cannot be written, for example because the disk is full.
    """
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with replacing(path) as file:
        file.write(save(plain, metadata={"ssmtl": json.dumps(dict(facts), sort_keys=True)}))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """:raises RunError: if the file is missing or damaged."""
    try:
        check_file(path)
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise RunError(f"the weights {path} cannot be read: {error}") from error


def read_facts(path: Path) -> dict[str, str]:
    """What `save_weights` stored in the header; empty if there is nothing of ours.

    :raises RunError: if the file is missing or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            facts: dict[str, str] = json.loads((file.metadata() or {}).get("ssmtl", "{}"))
    except (OSError, SafetensorError, ValueError) as error:
        raise RunError(f"the weights {path} cannot be read: {error}") from error
    return facts


def checksum(path: Path) -> str:
    """SHA-256 of the file, in hexadecimal digits.

    :raises OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_weights(path: Path, model: nn.Module) -> None:
    """:raises RunError: if the file is missing, damaged, or of another model."""
    tensors = read_tensors(path)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise RunError(
            f"the weights {path} are not of this recipe's model: {str(error).splitlines()[-1].strip()}"
        ) from error
