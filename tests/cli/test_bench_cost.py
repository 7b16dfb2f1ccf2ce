"""`ssmtl bench cost`."""

import csv

import pytest
import torch
from command_line import process


@pytest.mark.slow
def test_a_step_is_timed_beside_the_plain_one(tmp_path):
    rows = tmp_path / "rows.csv"
    code, _, error = process("bench", "cost", "multimix", "--size", "32", "--rounds", "1", "--out", rows)
    assert code == 0, error
    with rows.open() as file:
        found = {row["way"]: row for row in csv.DictReader(file)}
    assert float(found["reference"]["ratio"]) == 1
    assert float(found["engine"]["gigaflops"]) < float(found["reference"]["gigaflops"])
    assert all(float(row["seconds"]) > 0 and float(row["megabytes_peak"]) > 100 for row in found.values())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so():
    code, _, error = process("bench", "cost", "--gpu")
    assert code == 2
    assert error.strip() == "Error: --gpu: PyTorch finds no GPU (CUDA) on this machine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--size", "33"), "33 pixels: the backbone 'multimix_encoder' needs a multiple of 16"),
        (("--out", "."), "--out: . cannot be written"),
        (("--out", "nowhere/rows.csv"), "--out: nowhere/rows.csv cannot be written"),
    ],
)
def test_a_mistake_is_named_once_and_before_anything_is_timed(arguments, said):
    code, _, error = process("bench", "cost", "multimix", *arguments)
    assert code == 2
    assert error.count("Error") == 1
    assert said in error
    assert "Traceback" not in error
