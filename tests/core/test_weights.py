"""Weights on disk."""

import os
import stat

import pytest
import torch
from torch import nn

from ssmtl.errors import RunError
from ssmtl.model.weights import load_weights, save_weights


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640)])
def test_a_colleague_may_read_them_if_the_umask_allows(umask, mode, tmp_path):
    before = os.umask(umask)
    try:
        save_weights(tmp_path / "best.safetensors", nn.Linear(2, 3), {"step": "1"})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "best.safetensors").stat().st_mode) == mode
    assert [path.name for path in tmp_path.iterdir()] == ["best.safetensors"]


def test_the_same_weights_give_the_same_bytes_and_come_back(tmp_path):
    model, other = nn.Linear(2, 3), nn.Linear(2, 3)
    facts = {"step": "1", "recipe": "2"}
    for name in ("one", "two"):
        save_weights(tmp_path / name, model, facts)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    load_weights(tmp_path / "one", other)
    assert torch.equal(model.weight, other.weight)


def test_a_named_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "best.safetensors")
    with pytest.raises(RunError, match=r"best\.safetensors cannot be read: .*a named pipe"):
        load_weights(tmp_path / "best.safetensors", nn.Linear(2, 3))
