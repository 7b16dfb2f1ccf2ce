"""Mixed precision."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small_multimix import CONFIDENT, NO_DROPOUT, SMALL, recipe_of, state_of, train, weights_of

from ssmtl.errors import RunError
from ssmtl.runs.execute import make_fabric


def test_bf16_trains_finite_float32_weights_that_stay_near_those_of_float32():
    runs = []
    for precision in ("32", "bf16-mixed"):
        state = state_of(*NO_DROPOUT, CONFIDENT, f"train.precision={precision!r}", "optimizer.lr=0.001")
        start = weights_of(state)
        numbers = train(state, 3)
        assert all(step.total.isfinite() for step in numbers)
        assert all(value.dtype == torch.float32 and value.isfinite().all() for value in weights_of(state).values())
        assert any(not torch.equal(value, start[name]) for name, value in weights_of(state).items())
        runs.append(numbers[0].total)
    assert runs[0] != runs[1], "the passes are not in bfloat16"
    torch.testing.assert_close(*runs, rtol=0.05, atol=0.05)


def test_bf16_encodes_in_bfloat16_except_for_the_saliency():
    state = state_of("train.precision=bf16-mixed", "train.micro_batch=off")
    kinds = []
    state.experiment.model.backbone.blocks[0][0].register_forward_hook(lambda *found: kinds.append(found[2].dtype))
    train(state, 1)
    teacher, fused, saliency = torch.bfloat16, torch.bfloat16, torch.float32
    assert kinds == [teacher, fused, saliency]


def test_16_mixed_on_a_cpu_is_one_clear_error():
    recipe, _ = recipe_of("train.precision=16-mixed")
    with pytest.raises(RunError, match="16-mixed"):
        make_fabric(recipe)


def test_16_mixed_on_a_cpu_exits_with_2_and_leaves_no_folder(tmp_path):
    sets = [part for override in [*SMALL, "train.precision=16-mixed"] for part in ("--set", override)]
    ssmtl = Path(sys.executable).with_name("ssmtl")
    done = subprocess.run(
        [ssmtl, "run", "multimix", *sets, "--out", tmp_path / "run"],
        capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("Error:") == 1
    assert "16-mixed" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
