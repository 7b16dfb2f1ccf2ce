"""What `ssmtl evaluate` says besides the metrics: intervals, calibration, thresholds, subgroups, the worst images."""

import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

import ssmtl
from ssmtl.assessment.intervals import intervals
from ssmtl.assessment.subgroups import subgroups
from ssmtl.calibration.temperature import tempered
from ssmtl.contracts.folders import Folders
from ssmtl.data.portion import place
from ssmtl.evaluation.predict import Predictions
from ssmtl.evaluation.score import Scores
from ssmtl.registry.plugins import load_plugins
from ssmtl.runs.calibrate import calibration_of
from ssmtl.runs.folder import RunFolder
from ssmtl.suite.bootstrap import Seed, area_under_roc, bootstrap
from tests.cli.command_line import call, process


@pytest.fixture(scope="module")
def evaluated(learned, tmp_path_factory):
    """By a real process at 80 columns: its output, and the file."""
    out = tmp_path_factory.mktemp("evaluated") / "results.json"
    code, shown, said = process("evaluate", learned, "--out", out, columns=80)
    assert code == 0, said
    return shown, json.loads(out.read_text())


def stored(run):
    return dict(np.load(RunFolder(run).predictions_of("diagnosis", "in_domain")))


def table_of(images):
    with (images / "manifest.csv").open() as file:
        return {row["image"]: row for row in csv.DictReader(file)}


class Area:
    """AUROC of the second class, by the ranks of scipy."""

    higher_is_better, unit, selects = True, "", True

    def __call__(self, probabilities, targets):
        positive = targets.numpy() == 1
        if positive.all() or not positive.any():
            return {"area": torch.tensor(float("nan"))}
        score = probabilities[:, 1].numpy()
        won = stats.mannwhitneyu(score[positive], score[~positive]).statistic
        return {"area": torch.tensor(won / positive.sum() / (~positive).sum())}


def made_up(copies=1):
    """30 patients with as many equal images each, their scores and predictions."""
    random = np.random.default_rng(1)
    second = np.repeat(random.random(30), copies)
    targets = np.repeat(random.random(30) < 0.5, copies)
    right = torch.from_numpy((second > 0.5) == targets).float()
    patients = tuple(f"p{number // copies}" for number in range(30 * copies))
    kept = Predictions(
        tuple(map(str, range(30 * copies))), patients,
        torch.from_numpy(np.stack([1 - second, second], 1)), torch.from_numpy(targets).long(),
    )  # fmt: skip
    area = Area()(kept.probabilities, kept.targets)["area"].item()
    return Scores({"right": right.mean().item(), "area": area}, {"right": right}, {"area": Area(), "right": None}), kept


def test_intervals_are_those_of_other_bootstraps():
    scores, kept = made_up()
    found = intervals(scores, kept, "a", 2000)
    other = stats.bootstrap([scores.per_image["right"].numpy()], np.mean, method="percentile", rng=0)
    assert found["right"] == pytest.approx(list(other.confidence_interval), abs=0.035)
    score, positive = kept.probabilities[:, 1].double().numpy(), kept.targets.numpy() == 1
    ours = bootstrap([Seed(kept.ids, kept.patients, area_under_roc(score, positive))], "b", 5000)
    assert found["area"] == pytest.approx([ours.low, ours.high], abs=0.03)
    assert found == intervals(scores, kept, "a", 2000)


def test_more_images_of_the_same_patients_are_no_more_evidence():
    once, often = (intervals(*made_up(copies), "a", 500) for copies in (1, 8))
    for name in ("right", "area"):
        assert np.ptp(often[name]) == pytest.approx(np.ptp(once[name]), rel=0.15)


def test_nothing_is_certain_and_one_patient_is_no_sample():
    kept = Predictions(tuple("abcd"), ("p", "p", "q", "r"), torch.zeros(0), torch.zeros(0))
    scores = Scores({"right": 1.0}, {"right": torch.ones(4)}, {"right": None})
    exact = stats.binomtest(3, 3).proportion_ci(method="wilson")
    assert intervals(scores, kept, "a")["right"] == pytest.approx([exact.low, exact.high], abs=1e-6)
    alone = Predictions(kept.ids, ("p",) * 4, kept.probabilities, kept.targets)
    assert intervals(scores, alone, "a") == {}


def test_a_value_that_no_resample_changes_has_no_interval():
    """Such as the balanced accuracy of a network that calls every image the same."""
    scores, kept = made_up()
    same = replace(kept, probabilities=torch.tensor([[0.2, 0.8]]).expand(30, 2))
    assert set(intervals(replace(scores, values={**scores.values, "area": 0.5}), same, "a", 200)) == {"right"}


def test_a_group_has_the_metrics_of_its_images_alone():
    scores, kept = made_up()
    groups = [{"sex": "FM"[number % 2], "site": "one"} for number in range(30)]
    groups[0] = {"site": "one"}
    found = subgroups(scores, kept, groups)
    assert set(found) == {"sex"}  # one site alone is no division
    assert {name: one.images for name, one in found["sex"].items()} == {"F": 14, "M": 15, "unknown": 1}
    assert found["sex"]["M"].values["right"] == pytest.approx(scores.per_image["right"][1::2].mean().item())
    alone = Area()(kept.probabilities[1::2], kept.targets[1::2])["area"].item()
    assert found["sex"]["M"].values["area"] == pytest.approx(alone)
    assert np.isnan(found["sex"]["unknown"].values["area"])


def test_the_command_says_what_the_file_says(evaluated, learned, images):
    shown, written = evaluated
    own, known = written["assessed"]["diagnosis"]["in_domain"], stored(learned)
    assert own["patients"] == len(known["ids"])
    low, high = own["intervals"]["accuracy"]
    accuracy = written["tasks"]["diagnosis"]["in_domain"]["accuracy"]
    assert low < accuracy < high
    assert f"{accuracy:.3f} ({low:.2f}–{high:.2f})" in shown
    assert written["tasks"] == json.loads(RunFolder(learned).results.read_text())["tasks"]
    for title in ("calibration", "thresholds", "by sex", "by age", "by site", "worst first"):
        assert title in shown
    assert all(len(line) <= 80 for line in shown.splitlines() if line.startswith(("│", "┃")))


def test_the_same_images_under_another_name_of_their_set_have_the_same_intervals(evaluated, learned, tmp_path):
    own = evaluated[1]["assessed"]["diagnosis"]["in_domain"]
    source = RunFolder(learned).read_recipe().content["tasks"]["diagnosis"]["source"]
    code, _, said = call("evaluate", learned, "--source", f"diagnosis={source}", "--out", tmp_path / "again.json")
    assert code == 0, said
    (again,) = json.loads((tmp_path / "again.json").read_text())["assessed"]["diagnosis"].values()
    assert (again["patients"], again["intervals"]) == (own["patients"], own["intervals"])
    assert again["classes"] == own["classes"]


def test_thresholds_and_calibration_are_those_of_the_run(evaluated, learned):
    own, known = evaluated[1]["assessed"]["diagnosis"]["in_domain"]["classes"]["pneumonia"], stored(learned)
    fitted = calibration_of(RunFolder(learned)).tasks["diagnosis"]
    score, ill = tempered(known["probabilities"], "multiclass", fitted.temperature)[:, 1], known["targets"] == 1
    assert set(own["points"]) == {"youden", "sensitivity_80", "sensitivity_90", "sensitivity_95"}
    for name, at in own["points"].items():
        assert at["threshold"] == fitted.thresholds["pneumonia"][name].threshold
        assert at["sensitivity"]["share"] == pytest.approx((score[ill] >= at["threshold"]).mean())
        assert at["specificity"]["share"] == pytest.approx((score[~ill] < at["threshold"]).mean())
        assert at["sensitivity"]["low"] <= at["sensitivity"]["share"] <= at["sensitivity"]["high"]
    assert own["brier"] == pytest.approx(
        [((one - ill) ** 2).mean() for one in (known["probabilities"][:, 1], score)], abs=1e-5
    )
    last = ssmtl.evaluate(learned, weights="last").assessed["diagnosis"]["in_domain"].classes["pneumonia"]
    same = (learned / "weights/last.safetensors").read_bytes() == (learned / "weights/best.safetensors").read_bytes()
    assert (last.points == {} and len(last.ece) == 1) or same


def test_subgroups_come_from_the_columns_of_the_table(evaluated, learned, images):
    rows, known = table_of(images), stored(learned)
    found = evaluated[1]["assessed"]["diagnosis"]["in_domain"]["subgroups"]
    right = known["probabilities"].argmax(1) == known["targets"]
    assert set(found) == {"sex", "age", "site"}
    for column, value in (("sex", "F"), ("sex", "M"), ("site", "south")):
        inside = np.array([rows[name][column] == value for name in known["ids"]])
        assert found[column][value]["images"] == inside.sum()
        assert found[column][value]["values"]["accuracy"] == pytest.approx(right[inside].mean())
    old = sum(40 <= int(rows[name]["age"]) < 65 for name in known["ids"])
    assert found["age"]["40-64"]["images"] == old
    assert set(evaluated[1]["assessed"]["lungs"]["in_domain"]["subgroups"]["sex"]["F"]["values"]) >= {"dice"}


def test_an_age_that_is_no_number_is_a_band_already(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "b.png").write_bytes(b"")
    (tmp_path / "manifest.csv").write_text("image,Age,view\na.png,60-69,PA\nb.png,90,\n")
    manifest = load_plugins()["source"]["manifest"].make
    first, second = manifest(Folders(tmp_path), root=".").examples()
    assert (first.groups, second.groups) == ({"age": "60-69", "view": "PA"}, {"age": "65+"})


def test_a_portion_of_another_source_is_what_a_run_would_score(learned, images, tmp_path):
    """Halves and whole, in a sources file of `ssmtl evaluate`; nobody of a portion without patients is scored."""
    counted = {}
    for name, portion in (("all", "[0, 1]"), ("low", "[0, 0.5]"), ("high", "[0.5, 1]"), ("none", "[0, 1.0e-9]")):
        file = tmp_path / f"{name}.yaml"
        entry = f"{{use: manifest, root: {images}, label: diagnosis, patient: patient, portion: {portion}}}"
        file.write_text(f"{name}: {entry}\n")
        code, _, said = call(
            "evaluate", learned, "--source", f"diagnosis={name}", "--sources", file, "--out", tmp_path / f"{name}.json"
        )
        if name == "none":
            assert code == 2
            assert "source 'none': portion: none of its 240 patients is in [0.0, 1e-09]" in said
        else:
            assert code == 0, said
            results = json.loads((tmp_path / f"{name}.json").read_text())
            out = results["excluded"]["diagnosis"][name]
            counted[name] = results["counts"]["diagnosis"][name]["images"] + out
    expected = sum(place(row["patient"]) < 0.5 for row in table_of(images).values())
    assert counted == {"all": 240, "low": expected, "high": 240 - expected}


def test_the_worst_are_first(evaluated, learned):
    own, known = evaluated[1]["assessed"]["diagnosis"]["in_domain"]["worst"], stored(learned)
    losses = -np.log(known["probabilities"][np.arange(len(known["targets"])), known["targets"]])
    order = np.argsort(-losses, kind="stable")[: len(own)]
    assert [one["severity"] for one in own] == pytest.approx(losses[order].tolist(), rel=1e-4)
    assert own[0]["id"] == known["ids"][order[0]]
    assert f"worst first, by cross-entropy: {own[0]['id']}" in evaluated[0]


def test_the_page_has_what_the_file_has(learned, tmp_path):
    page, table = tmp_path / "page.html", tmp_path / "results.json"
    code, _, said = call("evaluate", learned, "--out", table, "--report", page)
    assert code == 0, said
    text, found = page.read_text(), json.loads(table.read_text())
    for task, domains in found["tasks"].items():
        for metric, value in domains["in_domain"].items():
            low, high = found["assessed"][task]["in_domain"]["intervals"].get(metric, (None, None))
            if value is not None and low is not None:
                assert f"{value:.3f} ({low:.3f}–{high:.3f})" in text, metric
    one = found["assessed"]["diagnosis"]["in_domain"]
    places = [text.index(f'<th scope="row">{image["id"]}</th>') for image in one["worst"]]
    assert places == sorted(places)
    assert text.index('id="worst"') < places[0] < text.index('id="classes"') < text.index('id="subgroups"')
    for column in one["subgroups"]:
        assert f"diagnosis, in_domain: by {column}" in text
    assert "Youden" in text
    assert text.count("data:image/png") >= 5
    assert not re.search(r'(src|href)="(?!data:|#)', text), "another file"


@pytest.mark.parametrize("name", ["missing/page.html", ".", "report.html"])
def test_a_page_that_cannot_be_written_is_refused_first(learned, tmp_path, name, monkeypatch):
    monkeypatch.chdir(learned if name == "report.html" else tmp_path)
    before = {path: path.stat().st_mtime_ns for path in learned.iterdir()}
    code, _, said = call("evaluate", learned, "--report", name)
    assert (code, len(said.splitlines())) == (2, 1), said
    assert name in said
    assert before == {path: path.stat().st_mtime_ns for path in learned.iterdir()}
