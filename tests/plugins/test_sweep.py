"""timm's encoders with segmentation-models-pytorch's decoders: a seeded sample of benchmarks/sweep.py, and its rows."""

import csv
import importlib.util
import random
import sys
from pathlib import Path
from typing import get_args

import pytest

from ssmtl.contracts.norm import Norm
from ssmtl_smp.build import Decoder

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

spec = importlib.util.spec_from_file_location("sweep", BENCHMARKS / "sweep.py")
sweep = sys.modules["sweep"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sweep)

ALL = list(sweep.combinations())
SAMPLE = random.Random(12).sample(ALL, 12)


def rows():
    with (BENCHMARKS / "sweep.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_rows_are_those_of_the_combinations():
    assert [tuple(row.values())[:6] for row in rows()] == [
        (one.family, one.model, one.levels, one.decoder, one.bridge, one.norm) for one in ALL
    ]
    assert {one.decoder for one in ALL} == {*get_args(Decoder)}
    assert {one.norm for one in ALL} == {"", *get_args(Norm)}


def test_none_fails_and_what_is_refused_is_said():
    for row in rows():
        assert row["outcome"] in ("ok", "refused")
        assert (row["outcome"] == "refused") == bool(row["message"])
        assert "Traceback" not in row["message"]


def test_thirty_families_take_six_decoders_with_and_without_the_bridge():
    taken = {}
    for row in rows():
        if row["outcome"] == "ok" and not row["norm"]:
            taken.setdefault(row["family"], set()).add((row["decoder"], row["bridge"]))
    both = {
        family: sum((decoder, "") in pairs and (decoder, "saliency") in pairs for decoder in sweep.BRIDGED)
        for family, pairs in taken.items()
    }
    assert sum(count == 6 for count in both.values()) >= 30


@pytest.mark.slow
@pytest.mark.parametrize("one", SAMPLE, ids=lambda one: f"{one.model}-{one.decoder}-{one.bridge}-{one.norm}")
def test_a_sample_of_steps_ends_as_its_row_says(one):
    row = rows()[ALL.index(one)]
    found = sweep.tried(one)
    assert (found.outcome, str(found.unused)) == (row["outcome"], row["unused"]), found.message
