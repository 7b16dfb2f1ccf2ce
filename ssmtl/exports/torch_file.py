"""A program as one file for `torch.export.load`."""

import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

FACTS = "ssmtl.json"


def torch_file(program: ExportedProgram, facts: Mapping[str, Any]) -> bytes:
    """:param facts: stored beside the program, as JSON: `extra_files={"ssmtl.json": ""}` of `torch.export.load`."""
    file = BytesIO()
    torch.export.save(program, file, extra_files={FACTS: json.dumps(facts, indent=1)})
    return file.getvalue()


def torch_outputs(content: bytes, images: Tensor) -> dict[str, Tensor]:
    """What the file says of images: by name."""
    with torch.no_grad():
        outputs: dict[str, Tensor] = torch.export.load(BytesIO(content)).module()(images)
    return outputs
