"""How often a training step reads a number from a tensor, which on a GPU waits for all that was asked of it."""

import sys
from pathlib import Path

import pytest
from small_multimix import state_of
from torch.utils._python_dispatch import TorchDispatchMode

from ssmtl.training.engine import training_step

ROOT = Path(__file__).parents[2]
OWN = (f"{ROOT / 'ssmtl'}/", f"{ROOT / 'plugins'}/")


class Reads(TorchDispatchMode):
    """Where each read was asked for."""

    def __init__(self):
        super().__init__()
        self.places = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        name = operation.name()
        if name in ("aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal", "aten::nonzero"):
            frame = sys._getframe(1)
            while frame and not frame.f_code.co_filename.startswith(OWN):
                frame = frame.f_back
            self.places.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}" if frame else "?")
        return operation(*args, **(kwargs or {}))


@pytest.mark.parametrize("settings", [(), ("train.ema=0.9",), ("tasks.diagnosis.strategies=[{use: mixmatch}]",)])
def test_a_step_reads_only_whether_it_is_finite(settings):
    state = state_of(*settings)
    training_step(state, 0)
    with Reads() as reads:
        training_step(state, 1)
    assert len(reads.places) == 1
    assert reads.places[0].startswith("finite.py")
