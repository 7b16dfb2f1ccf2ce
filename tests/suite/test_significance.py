"""Paired tests: Student's t over seeds, the bootstrap over test images, and Holm's correction."""

import csv
import itertools
import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_up_suite import COMPARE, made_up_suite
from scipy import stats
from typer.testing import CliRunner

from ssmtl import Output
from ssmtl.cli.bench import app
from ssmtl.errors import RunError
from ssmtl.suite.bootstrap import Seed, area_under_roc, bootstrap, mean_of, minus
from ssmtl.suite.cell import folder_of
from ssmtl.suite.compare import compare
from ssmtl.suite.p_value import p_text
from ssmtl.suite.paired_t import noncentrality, over_seeds
from ssmtl.suite.per_image import statistic_of
from ssmtl.suite.results import read_results
from ssmtl.suite.significance import holm, left_out
from ssmtl.suite.tables import write_tables
from ssmtl_metrics.balanced_accuracy import BalancedAccuracy

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
        found = over_seeds([a - start for a in ours])
        assert (found.t, found.p) == pytest.approx((expected.statistic, expected.pvalue), nan_ok=True)
        interval = expected.confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high), nan_ok=True, abs=1e-9)


def test_t_of_one_seed_and_of_none_that_differ():
    assert math.isnan(over_seeds([0.1]).p)
    assert over_seeds([0.0, 0.0]).p == 1.0
    equal = over_seeds([0.25, 0.25])
    assert math.isnan(equal.p), "two equal differences are no proof"
    assert math.isnan(equal.low)


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_the_smallest_detectable_difference_is_detected_four_times_in_five(n):
    random = np.random.default_rng(0)
    differences = random.normal(noncentrality(n) / math.sqrt(n), 1, (20_000, n))
    detected = (stats.ttest_1samp(differences, 0, axis=1).pvalue < 0.05).mean()
    assert detected == pytest.approx(0.8, abs=0.015)
    found = over_seeds(list(differences[0]))
    assert found.detectable == pytest.approx(noncentrality(n) * differences[0].std(ddof=1) / math.sqrt(n))


def test_the_smallest_p_of_a_bootstrap_is_only_a_bound():
    assert [p_text(p, 2 / 10_001) for p in (2 / 10_001, 0.0004, 0.25, math.nan)] == [
        "≤ 0.0002",
        "< 0.001",
        "0.250",
        "–",
    ]
    values = np.random.default_rng(0).normal(5, 0.1, (1, 30))
    found = bootstrap(seeds_of(values, values - 5), "a", 1000)
    assert found.p == found.least == 2 / 1001


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
    return [Seed(ids, ids, minus(mean_of(a), mean_of(b))) for a, b in zip(ours, theirs, strict=True)]


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
    ids = {name: tuple(f"{name}{i}" for i in range(40)) for name in "ab"}
    together = [Seed(ids["a"], ids["a"], mean_of(noise))] * 2
    apart = [Seed(ids[name], ids[name], mean_of(noise)) for name in "ab"]
    wide, narrow = bootstrap(together, "a"), bootstrap(apart, "a")
    # The weights of two drawn seeds are (1, 0), (0, 1) or twice (1/2, 1/2): their squares sum to 3/4 on average.
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(math.sqrt(4 / 3), rel=0.06)
    assert (narrow.patients, narrow.images, wide.images) == (80, 80, 40)


def test_the_unit_of_inference_is_the_patient():
    """Ten images of each patient that say the same are one observation, not ten."""
    values = np.random.default_rng(3).normal(0.1, 1, 40)
    once = Seed(tuple(f"{i}" for i in range(40)), tuple(f"p{i}" for i in range(40)), mean_of(values))
    ids = tuple(f"{i}" for i in range(400))
    copied = Seed(ids, tuple(f"p{i // 10}" for i in range(400)), mean_of(np.repeat(values, 10)))
    alone = Seed(ids, ids, mean_of(np.repeat(values, 10)))
    one, ten, wrong = (bootstrap([seed], "a") for seed in (once, copied, alone))
    assert (ten.low, ten.high, ten.p) == pytest.approx((one.low, one.high, one.p))
    assert (ten.patients, ten.images) == (40, 400)
    assert (wrong.high - wrong.low) * 3 == pytest.approx(one.high - one.low, rel=0.1)


def test_several_seeds_are_resampled_too():
    """Differences that no image doubts, but that seeds disagree about, are not certain."""
    apart = seeds_of([np.full(50, 1.0), np.full(50, -0.5), np.full(50, 0.2)], [np.zeros(50)] * 3)
    assert all(bootstrap([seed], "a", 1000).high - bootstrap([seed], "a", 1000).low < 1e-9 for seed in apart)
    found = bootstrap(apart, "a")
    assert found.low < 0 < found.high
    assert found.low == pytest.approx(-0.5)
    assert found.high == pytest.approx(1.0)


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    return made_up_suite(tmp_path_factory.mktemp("suite"), compare=COMPARE)


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_statistic_of_every_image_once_is_the_metric(suite):
    for row in rows_of(suite / "results.csv"):
        found = statistic_of(folder_of(suite, row["cell"]), row["task"], row["domain"], row["metric"])
        if row["metric"] == "average_hausdorff":
            assert found is None
        else:
            assert found.value(np.ones((1, len(found.ids))))[0] == pytest.approx(float(row["value"]), abs=1e-5)
            assert found.patients == tuple(f"patient{int(name[5:]) // 2}" for name in found.ids)


def test_balanced_accuracy_of_a_resample_is_the_metric_of_the_images_that_were_drawn(suite):
    """The oracle is the metric itself, on as many copies of each image."""
    cell = next(row["cell"] for row in rows_of(suite / "results.csv") if row["task"] == "diagnosis")
    found = statistic_of(folder_of(suite, cell), "diagnosis", "in_domain", "balanced_accuracy")
    with np.load(folder_of(suite, cell).predictions_of("diagnosis", "in_domain")) as stored:
        probabilities, targets = torch.tensor(stored["probabilities"]), torch.tensor(stored["targets"])
    metric = BalancedAccuracy(Output("multiclass", tuple(f"class{one}" for one in range(probabilities.shape[1]))))
    drawn_at_random = np.random.default_rng(0).multinomial(len(targets), [1 / len(targets)] * len(targets))
    for counts in (np.ones(len(targets)), drawn_at_random):
        copies = torch.tensor(counts, dtype=torch.long)
        expected = metric(probabilities.repeat_interleave(copies, 0), targets.repeat_interleave(copies, 0))
        value = found.value(counts[None].astype(float))[0]
        assert value == pytest.approx(float(expected["balanced_accuracy"]), abs=1e-6)


def test_swapping_the_two_turns_the_sign(suite):
    forward, backward = (
        compare(read_results(suite), "multimix", "umtl"),
        compare(read_results(suite), "umtl", "multimix"),
    )
    assert [one.metric for one in forward] == ["accuracy", "auroc", "dice", "average_hausdorff"]
    for one, other in zip(forward, backward, strict=True):
        assert one.difference == pytest.approx(-other.difference)
        assert one.over_seeds.t == pytest.approx(-other.over_seeds.t, nan_ok=True)
        assert one.over_seeds.p == pytest.approx(other.over_seeds.p, nan_ok=True)
        assert one.over_seeds.low == pytest.approx(-other.over_seeds.high, nan_ok=True)
        if one.interval:
            assert (one.interval.low, one.interval.p) == pytest.approx((-other.interval.high, other.interval.p))


def test_a_single_task_system_is_compared_on_its_task(suite):
    found = compare(read_results(suite), "multimix", "enc")
    assert {(one.task, one.budgets, one.seeds) for one in found} == {("diagnosis", "diagnosis=100 lungs=10", (0, 1, 2))}


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
    for row in rows:
        assert float(row["seeds_low"]) < float(row["difference"]) < float(row["seeds_high"])
        assert float(row["detectable"]) > 0
        assert (row["seeds"], row["images"], row["patients"]) == ("3", "24", "12")


def test_p_values_are_corrected_within_a_question_not_over_the_table(tmp_path):
    alone = {"question": "Does it segment?", "system": "multimix", "against": {"lungs": ["umtl"]}}
    asked = [*COMPARE, {**alone, "metrics": {"lungs": ["dice"]}}]
    folder = made_up_suite(tmp_path, compare=asked)
    write_tables(folder)
    with (folder / "tables" / "significance.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["question"] for row in rows] == ["question 1"] * 5 + ["Does it segment?"]
    assert rows[-1]["p_t_holm"] == rows[-1]["p_t"]
    assert rows[-1]["p_boot_holm"] == rows[-1]["p_boot"]
    assert float(rows[4]["p_t_holm"]) > float(rows[4]["p_t"])


def significance_of(folder):
    write_tables(folder)
    with (folder / "tables" / "significance.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_comparison_of_systems_that_were_tested_on_other_images_is_left_out_with_its_reason(tmp_path, suite):
    assert left_out(read_results(suite)) == []
    folder = made_up_suite(tmp_path, compare=COMPARE)
    with (folder / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with (folder / "results.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "images": 8 if row["system"] == "enc" else row["images"]} for row in rows)
    with pytest.warns(UserWarning, match="not compared"):
        made = significance_of(folder)
    assert [row["against"] for row in made] == ["umtl"] * 3
    assert left_out(read_results(folder)) == [
        f"diagnosis, in_domain, {metric}, seed 0: not compared, since multimix was tested on 24 images, enc on 8"
        for metric in ("accuracy", "auroc")
    ]


def test_entries_with_the_same_words_are_corrected_together(tmp_path):
    dice = {"system": "multimix", "against": {"lungs": ["umtl"]}, "metrics": {"lungs": ["dice"]}}
    area = {"system": "multimix", "against": {"diagnosis": ["umtl", "enc"]}, "metrics": {"diagnosis": ["auroc"]}}
    other = {"system": "umtl", "against": {"diagnosis": ["enc"]}, "metrics": {"diagnosis": ["auroc"]}}
    asked = [{"question": "Better?", **dice}, {"question": "And?", **other}, {"question": "Better?", **area}]
    rows = significance_of(made_up_suite(tmp_path, compare=asked))
    assert [row["question"] for row in rows] == ["Better?", "Better?", "Better?", "And?"]
    for p in ("p_t", "p_boot"):
        together = holm([float(row[p]) for row in rows[:3]])
        assert [float(row[f"{p}_holm"]) for row in rows[:3]] == pytest.approx(together, rel=1e-4)
        assert rows[3][f"{p}_holm"] == rows[3][p]


def test_a_question_can_be_of_one_domain_and_of_some_budgets(tmp_path):
    area = {"system": "multimix", "against": {"diagnosis": ["umtl"]}, "metrics": {"diagnosis": ["auroc"]}}
    for found, narrow in (
        (1, {"domains": {"diagnosis": ["in_domain"]}}),
        (0, {"domains": {"diagnosis": ["cross_domain"]}}),
        (1, {"budgets": {"diagnosis": [20, 100]}}),
        (0, {"budgets": {"diagnosis": [20]}}),
        (1, {"budgets": {"lungs": [10]}}),
        (0, {"budgets": {"lungs": ["all"]}}),
    ):
        folder = tmp_path / str(narrow)
        folder.mkdir()
        assert len(significance_of(made_up_suite(folder, compare=[{**area, **narrow}]))) == found


def test_an_unknown_system_is_refused_with_the_nearest(suite):
    with pytest.raises(RunError, match="did you mean 'umtl'"):
        compare(read_results(suite), "multimix", "umtll")
    with pytest.raises(RunError, match="are one system"):
        compare(read_results(suite), "umtl", "umtl")


def test_compare_takes_and_prints_names_and_gives_json(tmp_path):
    folder = made_up_suite(tmp_path, names={"umtl": "UMTL (ours)", "multimix": "MultiMix"})
    command = CliRunner()
    shown = command.invoke(app, ["compare", "MultiMix", "umtl", "--suite", str(folder)], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    assert "UMTL (ours)" in shown.output
    assert "average Hausdorff (px)" in shown.output
    listed = command.invoke(app, ["compare", "multimix", "UMTL (ours)", "--suite", str(folder), "--json"])
    found = json.loads(listed.output)
    assert [one["metric"] for one in found] == ["accuracy", "auroc", "dice", "average_hausdorff"]
    for one in found:
        assert (one["system"], one["against_name"], one["seeds"]) == ("multimix", "UMTL (ours)", [0, 1, 2])
    assert found[-1]["interval"] is None
    assert found[0]["interval"]["patients"] == 12
