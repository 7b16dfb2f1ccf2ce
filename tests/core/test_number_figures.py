"""The figure of estimated numbers: what stands where, and when there is none."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.reports.run.numbers import draw_numbers
from ssmtl.runs.folder import RunFolder


def drawn(**domains):
    """By domain: (predicted, true)."""
    stored = tuple(
        StoredPredictions("age", name, {"numbers": np.array(predicted), "true_numbers": np.array(true)})
        for name, (predicted, true) in domains.items()
    )
    run = FinishedRun(RunFolder(Path("run")), None, "", None, None, (), (), {}, stored)
    return list(draw_numbers(run))


def points(axis):
    return np.concatenate([np.asarray(one.get_offsets()) for one in axis.collections])


@given(st.lists(st.tuples(st.floats(-50, 150), st.one_of(st.floats(-50, 150), st.just(np.nan))), min_size=2))
def test_each_known_number_is_one_point_beside_its_difference(pairs):
    predicted, true = np.array(pairs).T
    (drawing,) = drawn(here=(predicted[:, None], true[:, None]))
    scatter, difference = drawing.figure.axes
    known = ~np.isnan(true)
    if not known.any():
        assert "of no image known" in scatter.get_title(loc="left")
        return
    assert f"(n = {known.sum()})" in scatter.get_title(loc="left")
    np.testing.assert_allclose(points(scatter), np.stack([true, predicted], 1)[known])
    assert scatter.get_xlim() == scatter.get_ylim()
    assert scatter.get_xlim()[0] < points(scatter).min() <= points(scatter).max() < scatter.get_xlim()[1]
    np.testing.assert_allclose(points(difference)[:, 1], (predicted - true)[known])
    heights = sorted(line.get_ydata()[0] for line in difference.lines)
    assert any(abs(one - np.mean((predicted - true)[known])) < 1e-9 for one in heights)


def test_a_row_for_each_number_and_domain():
    two = np.arange(8.0).reshape(4, 2)
    (drawing,) = drawn(here=(two, two + 1), there=(two, two * 2))
    assert isinstance(drawing.figure, Figure)
    titles = [axis.get_title(loc="left") for axis in drawing.figure.axes[::2]]
    assert titles == [f"class {number}, {domain} (n = 4)" for number in (0, 1) for domain in ("here", "there")]
    bias = [line.get_ydata()[0] for line in drawing.figure.axes[1].lines]
    assert -1.0 in bias
    assert drawing.name == "numbers.age"


def test_nothing_is_drawn_of_other_tasks():
    stored = (StoredPredictions("lungs", "here", {"ids": np.array(["a"])}),)
    run = FinishedRun(RunFolder(Path("run")), None, "", None, None, (), (), {}, stored)
    assert list(draw_numbers(run)) == []


@pytest.mark.parametrize("value", [3.0, 0.0])
def test_one_number_or_equal_ones_are_no_error(value):
    (drawing,) = drawn(here=(np.full((1, 1), value), np.full((1, 1), value)))
    drawing.figure.canvas.draw()
