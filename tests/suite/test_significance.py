"""Paired tests: Student's t over seeds, the bootstrap over test images, and Holm's correction."""

import csv
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_suite import COMPARE, made_up_suite
from scipy import stats

from ssmtl.errors import RunError
from ssmtl.suite.bootstrap import Seed, area_under_roc, bootstrap, mean_of, minus
from ssmtl.suite.cell import folder_of
from ssmtl.suite.compare import compare, paired_t
from ssmtl.suite.per_image import statistic_of
from ssmtl.suite.significance import holm
from ssmtl.suite.tables import write_tables

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_holm_of_a_known_family():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, math.nan, 0.9])[0] == 1.0
    assert math.isnan(holm([0.5, math.nan])[1])


@given(p_values)
def test_holm_never_lowers_keeps_the_order_and_stays_below_bonferroni(found):
    adjusted = holm(found)
    order = np.argsort(found, kind="stable")
    assert all(one >= raw for one, raw in zip(adjusted, found, strict=True))
    assert all(one <= min(1.0, raw * len(found)) + 1e-12 for one, raw in zip(adjusted, found, strict=True))
    assert all(adjusted[a] <= adjusted[b] for a, b in itertools.pairwise(order))


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=8), st.floats(0.5, 0.9))
def test_t_is_scipys_paired_test(differences, start):
    ours = [start + difference for difference in differences]
    if len({a - start for a in ours}) > 1:
        expected = stats.ttest_rel(ours, [start] * len(ours))
        found = paired_t([a - start for a in ours])
        assert found == pytest.approx((expected.statistic, expected.pvalue), nan_ok=True)


def test_t_of_one_seed_and_of_none_that_differ():
    assert all(math.isnan(value) for value in paired_t([0.1]))
    assert paired_t([0.0, 0.0]) == (0.0, 1.0)
    assert paired_t([0.25, 0.25]) == (math.inf, 0.0)


scored = st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 3)), min_size=2, max_size=20)


@given(scored)
def test_the_area_of_a_resample_is_mann_whitneys(found):
    scores, positive, counts = (np.array(column) for column in zip(*found, strict=True))
    area = area_under_roc(scores.astype(float), positive)(counts[None].astype(float))[0]
    drawn = np.repeat(np.arange(len(counts)), counts)
    ones, zeros = scores[drawn][positive[drawn]], scores[drawn][~positive[drawn]]
    if len(ones) and len(zeros):
        assert area == pytest.approx(stats.mannwhitneyu(ones, zeros).statistic / len(ones) / len(zeros))
    else:
        assert math.isnan(area)


def test_the_mean_leaves_out_what_is_not_defined():
    counts = np.array([[2.0, 1.0, 5.0]])
    assert mean_of(np.array([1.0, 4.0, np.nan]))(counts)[0] == pytest.approx(2.0)


def seeds_of(ours, theirs):
    ids = tuple(map(str, range(len(ours[0]))))
    return [Seed(ids, minus(mean_of(a), mean_of(b))) for a, b in zip(ours, theirs, strict=True)]


def test_the_interval_is_that_of_the_normal_theory():
    random = np.random.default_rng(0)
    ours, theirs = random.normal(0.1, 1, (1, 400)), random.normal(0, 1, (1, 400))
    found = bootstrap(seeds_of(ours, theirs), "a")
    difference = (ours - theirs)[0]
    middle, error = difference.mean(), difference.std(ddof=1) / 20
    assert (found.low, found.high) == pytest.approx((middle - 1.96 * error, middle + 1.96 * error), abs=0.15 * error)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(middle) / error), abs=0.02)


def test_a_system_does_not_differ_from_itself_and_the_resampling_is_a_function_of_the_name():
    values = np.random.default_rng(1).normal(size=(2, 30))
    same = bootstrap(seeds_of(values, values), "a", 500)
    assert (same.low, same.high, same.p) == (0, 0, 1)
    one, two, other = (bootstrap(seeds_of(values, values + 0.1 * values), name, 500) for name in ("a", "a", "b"))
    assert one == two
    assert one != other


def test_seeds_with_images_of_their_own_are_resampled_apart():
    random = np.random.default_rng(2)
    noise = random.normal(size=40)
    together = [Seed(tuple("ab" * 20), mean_of(noise))] * 2
    apart = [Seed(tuple(f"{name}{i}" for i in range(40)), mean_of(noise)) for name in "ab"]
    wide, narrow = bootstrap(together, "a"), bootstrap(apart, "a")
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(math.sqrt(2), rel=0.05)
    assert (narrow.images, len(set(narrow_ids(apart)))) == (80, 80)


def narrow_ids(seeds):
    return [one for seed in seeds for one in seed.ids]


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    return made_up_suite(tmp_path_factory.mktemp("suite"), compare=COMPARE)


def test_the_statistic_of_every_image_once_is_the_metric(suite):
    with (suite / "results.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found = statistic_of(folder_of(suite, row["cell"]), row["task"], row["domain"], row["metric"])
            if row["metric"] == "average_hausdorff":
                assert found is None
            else:
                ids, statistic = found
                assert statistic(np.ones((1, len(ids))))[0] == pytest.approx(float(row["value"]), abs=1e-5)


def test_swapping_the_two_turns_the_sign(suite):
    forward, backward = compare(suite, "multimix", "umtl"), compare(suite, "umtl", "multimix")
    assert [one.metric for one in forward] == ["accuracy", "auroc", "dice", "average_hausdorff"]
    for one, other in zip(forward, backward, strict=True):
        assert one.difference == pytest.approx(-other.difference)
        assert one.t == pytest.approx(-other.t)
        assert one.p_t == other.p_t
        if one.interval:
            assert (one.interval.low, one.interval.p) == pytest.approx((-other.interval.high, other.interval.p))


def test_a_single_task_system_is_compared_on_its_task(suite):
    found = compare(suite, "multimix", "enc")
    assert {(one.task, one.budgets, one.seeds) for one in found} == {("diagnosis", "diagnosis=100 lungs=10", 3)}


def test_a_clear_gain_is_found_and_its_table_is_corrected(suite):
    write_tables(suite)
    with (suite / "tables" / "significance.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["task"], row["against"], row["metric"]) for row in rows] == [
        ("diagnosis", "enc", "accuracy"),
        ("diagnosis", "enc", "auroc"),
        ("diagnosis", "umtl", "accuracy"),
        ("diagnosis", "umtl", "auroc"),
        ("lungs", "umtl", "dice"),
    ]
    dice = rows[-1]
    assert float(dice["difference"]) == pytest.approx(0.1, abs=0.03)
    assert 0 < float(dice["low"]) < float(dice["difference"]) < float(dice["high"])
    assert float(dice["p_boot_holm"]) <= 5 * 2 / 10_001 + 1e-9
    assert [float(row["p_t_holm"]) for row in rows] == pytest.approx(
        holm([float(row["p_t"]) for row in rows]), rel=1e-4
    )


def test_an_unknown_system_is_refused_with_the_nearest(suite):
    with pytest.raises(RunError, match="did you mean 'umtl'"):
        compare(suite, "multimix", "umtll")
