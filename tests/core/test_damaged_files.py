"""Files that are cut short, or hold something else than they should: one clear error, or they are made again."""

from pathlib import Path

import numpy as np
import pytest
from made_examples import example

from ssmtl.data.cache import decode
from ssmtl.errors import RunError
from ssmtl.evaluation.stored_predictions import read_predictions
from ssmtl.reports import write_suite_report
from ssmtl.runs.log import last_step, read_log
from ssmtl.suite.cell import outcome_of, status_of
from ssmtl.suite.results import read_results

DEEP = "[" * 100_000


@pytest.mark.parametrize("text", ["", "[1]", "{", "{}", '{"skipped": 5}', '{"skipped": [1]}', DEEP, "null"])
def test_a_damaged_record_of_the_cache_is_rebuilt(text, tmp_path):
    examples = [example(number, "a") for number in range(3)]
    before = decode(examples, 16, 1, folder=tmp_path)
    (record,) = tmp_path.glob("*/done.json")
    whole = record.read_text()
    record.write_text(text)
    after = decode(examples, 16, 1, folder=tmp_path)
    assert np.array_equal(before.images, after.images)
    assert record.read_text() == whole


IDS = np.array(["a", "b"])


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": IDS}, "no array 'ids'"),
        ({"ids": np.zeros(2)}, "'ids' is an array of type float64"),
        ({"ids": np.array("a")}, "'ids' is an array of type .* and shape \\(\\)"),
        ({"ids": IDS, "probabilities": np.zeros((2, 2))}, "no array 'targets'"),
        ({"ids": IDS, "probabilities": np.zeros(2), "targets": np.zeros(2)}, "'probabilities' is an array"),
        ({"ids": IDS, "probabilities": np.zeros((3, 2)), "targets": np.zeros(3)}, "'probabilities' has 3 rows"),
        ({"ids": IDS, "probabilities": np.array([["a"], ["b"]]), "targets": np.zeros(2)}, "'probabilities' is an"),
        ({"ids": IDS, "shown_whole": np.array([1, 91])}, "'shown_whole' is an array of type int64"),
        ({"ids": IDS, "sample_shown": np.zeros((2, 4), np.uint8)}, "'sample_shown' is an array of type uint8"),
        (
            {"ids": IDS, "sample_shown": np.zeros((2, 4, 4)), "sample_images": np.zeros((2, 4, 4))},
            "'sample_shown' is an array of type float64",
        ),
        ({"ids": IDS, "foreground_predicted": np.zeros((2, 1, 1))}, "'foreground_predicted' is an array"),
    ],
)
def test_predictions_of_another_kind(arrays, said, tmp_path):
    path = tmp_path / "lungs.in_domain.npz"
    np.savez(path, **arrays)
    with pytest.raises(RunError, match=f"lungs.in_domain.npz: cannot be read as predictions: .*{said}"):
        read_predictions(path)


def test_predictions_that_are_no_archive(tmp_path):
    path = tmp_path / "lungs.in_domain.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(RunError, match="it is one array"):
        read_predictions(path)
    np.savez_compressed(path, ids=IDS, probabilities=np.random.rand(2, 500), targets=np.zeros(2))
    content = bytearray(path.read_bytes())
    for cut in range(30, len(content), 97):
        damaged = bytes(content[:cut]), bytes([*content[:cut], content[cut] ^ 255, *content[cut + 1 :]])
        for text in damaged:
            path.write_bytes(text)
            try:
                read_predictions(path)
            except RunError:
                continue


@pytest.mark.parametrize("line", [DEEP, "[1]", "5"])
def test_a_log_of_another_kind(line, tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(f'{{"event": "step", "step": 1}}\n{line}\n{{"event": "step", "step": 2}}\n')
    with pytest.raises(RunError, match=r"metrics\.jsonl: line 2 is not"):
        read_log(path)
    path.write_text('{"event"' + DEEP + "\n")
    assert last_step(path) == 0


@pytest.mark.parametrize(
    "text", ["", '{"status": "fini', "[1]", DEEP, '{"status": 5}', '{"seconds": 1' + "0" * 400 + "}"]
)
def test_a_damaged_record_of_a_cell(text, tmp_path):
    place = tmp_path / "cells" / "one" / "cell.json"
    place.parent.mkdir(parents=True)
    place.write_text(text)
    for ask in (outcome_of, status_of):
        with pytest.raises(RunError, match=r"cell\.json"):
            ask(tmp_path, "one")


def test_the_record_of_another_cell(tmp_path):
    place = tmp_path / "cells" / "one" / "cell.json"
    place.parent.mkdir(parents=True)
    place.write_text('{"status": "finished", "cell": "two"}')
    for ask in (outcome_of, status_of):
        with pytest.raises(RunError, match=r"cell\.json is that of the cell 'two'"):
            ask(tmp_path, "one")


@pytest.mark.parametrize("text", ["", "{}", "[]", DEEP, '{"name": "x", "systems": 5}'])
def test_a_damaged_record_of_a_suite(text, tmp_path):
    (tmp_path / "suite.json").write_text(text)
    (tmp_path / "results.csv").write_text("")
    for ask in (read_results, write_suite_report):
        with pytest.raises(RunError, match=r"suite\.json"):
            ask(Path(tmp_path))
