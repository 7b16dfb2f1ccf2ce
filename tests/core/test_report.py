"""Figures and the page of a finished run, on made-up run folders."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from jinja2 import Environment, PackageLoader
from PIL import Image
from scipy.stats import mannwhitneyu

from ssmtl.errors import RunError
from ssmtl.reports import write_figures, write_report
from ssmtl.reports.run import tables
from ssmtl.reports.run.bland_altman import agreement
from ssmtl.reports.run.curves import draw_curves, flat_limits, quantity_title, smoothed
from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.reports.run.masks import dice
from ssmtl.reports.run.roc import area, draw_roc, roc_curve
from ssmtl.reports.run.summary import duration
from ssmtl.reports.table import PageTable
from tests.core.made_up_run import make_up_run

EVIL = "<script>alert(1)</script>"
EXPECTED = {
    "losses",
    "validation",
    "diagnostics",
    "roc.diagnosis",
    "confusion.diagnosis",
    "calibration.diagnosis",
    "worst.diagnosis.in_domain",
    "worst.diagnosis.cross_domain",
    "worst.lungs.in_domain",
    "worst.lungs.cross_domain",
    "bridge.lungs.in_domain",
    "bridge.lungs.cross_domain",
    "dice.lungs",
    "bland_altman.lungs",
    "masks.lungs.in_domain",
    "masks.lungs.cross_domain",
    "saliency.diagnosis.in_domain",
    "saliency.diagnosis.cross_domain",
    "saliency.lungs.in_domain",
    "saliency.lungs.cross_domain",
}


class Page(HTMLParser):
    """Tags, attributes and visible text of a page."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, tag: str, name: str) -> list[str]:
        return [str(attributes[name]) for found, attributes in self.tags if found == tag and name in attributes]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_up_run(tmp_path_factory.mktemp("runs") / "whole")
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def page(run: Path) -> Page:
    return Page((run / "report.html").read_text(encoding="utf-8"))


def copied(run: Path, tmp_path: Path, *missing: str) -> Path:
    return Path(
        shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("figures", "report.html", *missing))
    )


def test_every_figure_is_drawn_and_none_is_blank(run: Path) -> None:
    figures = {path.stem: path for path in (run / "figures").glob("*.png")}
    assert set(figures) == EXPECTED == {path.stem for path in (run / "figures").glob("*.pdf")}
    for path in figures.values():
        with Image.open(path) as image:
            grey = np.asarray(image.convert("L"))
            assert image.info["dpi"] == pytest.approx((150, 150), abs=0.1)
        assert (grey < 128).mean() > 0.002, path
        assert grey.shape[1] <= 1100, path


def test_masks_show_both_boundaries_in_their_colours(run: Path) -> None:
    with Image.open(run / "figures" / "masks.lungs.in_domain.png") as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3).astype(int)
    for colour in ((0x2B, 0xD9, 0xA6), (0xFF, 0x7A, 0x1A)):
        assert (np.abs(pixels - colour).max(axis=1) < 12).sum() > 300


def test_svg_can_be_asked_for(run: Path, tmp_path: Path) -> None:
    paths = write_figures(copied(run, tmp_path, "*.npz", "metrics.jsonl"), formats=("svg",))
    assert [path.name for path in paths] == ["dice.lungs.svg"]
    assert "<svg" in paths[0].read_text(encoding="utf-8")


def test_the_page_needs_nothing_but_itself(run: Path, page: Page) -> None:
    assert len(page.values("img", "src")) == len(EXPECTED)
    assert all(source.startswith("data:image/png;base64,") for source in page.values("img", "src"))
    assert not page.values("script", "src")
    assert page.values("link", "href") == ["data:,"]
    outside = [link for link in page.values("a", "href") if not link.startswith("#")]
    assert outside
    assert all((run / link).exists() for link in outside)
    assert all(page.values("img", "alt"))


def test_the_page_says_what_was_done_and_what_the_numbers_mean(run: Path, page: Page) -> None:
    results = json.loads((run / "results.json").read_text())
    text = " ".join(page.text.split())
    for words in (
        "100 labelled, 900 unlabelled, 25 for validation",
        "600 optimiser steps",
        "those of step 400, selected by validation",
        "test images were never used for selection",
        "single run with seed 3",
        "One run is not evidence",
        "empty reference",
        "cuda:0",
        "50 normal, 50 pneumonia",
        results["recipe_hash"],
        results["data_fingerprint"],
    ):
        assert words in text
    for domains in results["tasks"].values():
        inside, outside = (
            domains[domain]["jaccard" if "jaccard" in domains[domain] else "f1"]
            for domain in ("in_domain", "cross_domain")
        )
        for shown in (f"{inside:.3f}", f"{outside:.3f}", f"{outside - inside:+.3f}".replace("-", "−")):
            assert shown in text
    assert "not available" not in text.lower()


def test_another_selection_does_not_claim_validation(run: Path, tmp_path: Path) -> None:
    folder = copied(run, tmp_path, "*.npz", "*.csv", "*.jsonl")
    results = json.loads((folder / "results.json").read_text())
    (folder / "results.json").write_text(json.dumps(results | {"selected": {"by": "last", "step": 600, "score": None}}))
    text = Page(write_report(folder).read_text()).text
    assert "those of the last step (600); nothing was selected" in text
    assert "never used for selection" not in text


def test_every_string_of_the_run_is_escaped(tmp_path: Path) -> None:
    folder = make_up_run(
        tmp_path / "run",
        name=EVIL,
        classes=(EVIL, '"><img src=x onerror=alert(2)>'),
        structures=("$\\frac{",),
        steps=12,
    )
    results = json.loads((folder / "results.json").read_text())
    for task in ("tasks", "counts", "budgets", "kinds", "sources", "classes"):
        results[task][EVIL] = results[task]["diagnosis"]
    (folder / "results.json").write_text(
        json.dumps(results | {"recipe_hash": EVIL, "selected": {"by": EVIL, "step": 4}})
    )
    (folder / "environment.json").write_text(json.dumps({"ssmtl": EVIL, EVIL: {EVIL: [EVIL]}}))
    (folder / "predictions" / "diagnosis.in_domain.npz").rename(folder / "predictions" / "<b> $x.in_domain.npz")
    (folder / "predictions" / "lungs.cross_domain.npz").unlink()
    source = write_report(folder).read_text(encoding="utf-8")
    written = Page(source)
    assert source.count("<script") == 1
    assert [tag for tag, _ in written.tags].count("b") == 0
    assert not written.values("img", "onerror")
    assert written.text.count(EVIL) > 10
    assert all(re.fullmatch(r"[\w.-]+", path.name) for path in (folder / "figures").iterdir())


@pytest.mark.parametrize("task", ["diagnosis", "lungs"])
def test_one_task_alone(tmp_path: Path, task: str) -> None:
    folder = make_up_run(tmp_path / "run", tasks=(task,), steps=30)
    text = Page(write_report(folder).read_text()).text
    assert "trained on one task" in text
    drawn = {path.stem for path in (folder / "figures").iterdir()}
    assert drawn == {name for name in EXPECTED if task in name or "." not in name}
    absent = "Dice in per_image.csv" if task == "diagnosis" else "probabilities and targets"
    assert f"Not available: needs {absent}" in text


def test_many_classes_and_structures(tmp_path: Path) -> None:
    folder = make_up_run(tmp_path / "run", classes=tuple("abcd"), structures=("left", "heart"), steps=3)
    for archive in folder.glob("predictions/*.cross_domain.npz"):
        archive.unlink()
    assert {path.stem for path in write_figures(folder)} == {name for name in EXPECTED if "cross" not in name}


def test_several_labels_per_image_have_one_curve_each(tmp_path: Path) -> None:
    folder = make_up_run(tmp_path / "run", tasks=("diagnosis",), classes=tuple("abcd"), multilabel=True, steps=1)
    (drawing,) = draw_roc(FinishedRun.read(folder))
    titles = [axis.get_title(loc="left") for axis in drawing.figure.axes]
    assert titles == [f"{name} against the rest" for name in "abcd"]
    legends = [text.get_text() for axis in drawing.figure.axes for text in axis.get_legend().get_texts()]
    assert len(legends) == 8
    assert all(re.match(r"(in|cross)_domain \(\d+\+, \d+−\): AUROC 0\.\d{3}", words) for words in legends)


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("results.json", "results.json is not available: this run has not ended"),
        ("split.json", "Split Not available."),
        ("environment.json", "Environment Not available."),
        ("recipe.yaml", "Recipe Not available: needs recipe.yaml."),
        ("metrics.jsonl", "Training Not available: needs metrics.jsonl."),
        ("per_image.csv", "Spread over images Not available."),
        ("predictions", "Saliency Not available: needs sample saliency maps in predictions/."),
    ],
)
def test_a_missing_part_is_reported_as_missing(run: Path, tmp_path: Path, missing: str, words: str) -> None:
    folder = copied(run, tmp_path, missing, "*.npz", "metrics.jsonl")
    written = Page(write_report(folder).read_text())
    assert words in " ".join(written.text.split())
    assert missing not in [link.rstrip("/") for link in written.values("a", "href")]


def test_figures_without_results_number_the_classes(run: Path, tmp_path: Path) -> None:
    folder = copied(run, tmp_path, "results.json", "metrics.jsonl", "lungs.*", "diagnosis.cross_domain.npz")
    (drawing,) = draw_roc(FinishedRun.read(folder))
    assert drawing.figure.axes[0].get_title(loc="left") == "class 1 against class 0"


def test_an_empty_folder_has_a_page_and_no_figures(tmp_path: Path) -> None:
    text = Page(write_report(tmp_path).read_text()).text
    assert "this run has not ended" in text
    assert not (tmp_path / "figures").exists()
    assert tmp_path.name in text


def test_no_images_one_image_and_undefined_values_are_drawn_or_skipped(run: Path, tmp_path: Path) -> None:
    folder = copied(run, tmp_path, "*.npz", "metrics.jsonl")
    (folder / "per_image.csv").write_text(
        "task,domain,id,metric,value\nlungs,in_domain,a,dice,\nlungs,cross_domain,b,dice,0.5\n"
    )
    archives = folder / "predictions"
    nothing = np.zeros((0, 2), np.float32)
    np.savez(
        archives / "diagnosis.in_domain.npz", ids=np.array([], str), probabilities=nothing, targets=np.zeros(0, int)
    )
    np.savez(
        archives / "diagnosis.cross_domain.npz",
        ids=np.array(["a"]),
        probabilities=np.ones((1, 2)) / 2,
        targets=np.array([1]),
    )
    pixels = np.array([[3]])
    np.savez(
        archives / "lungs.in_domain.npz", ids=np.array(["a"]), foreground_predicted=pixels, foreground_reference=pixels
    )
    empty, dark = np.zeros((1, 1, 4, 4), np.uint8), np.zeros((1, 4, 4), np.uint8)
    np.savez(
        archives / "lungs.cross_domain.npz",
        ids=np.array(["a"]),
        sample_ids=np.array(["a"]),
        sample_images=dark,
        sample_masks=empty,
        sample_probabilities=empty.astype(np.float32),
        sample_saliency=empty.astype(np.float32),
    )
    (folder / "metrics.jsonl").write_text(
        '{"event":"step","step":1,"total":null,"losses":{"a.b":1.0}}\n{"event":"evaluated","step":1,"val'
    )
    names = {path.stem for path in write_figures(folder)}
    assert names == {
        "losses",
        "diagnostics",
        "roc.diagnosis",
        "confusion.diagnosis",
        "calibration.diagnosis",
        "dice.lungs",
        "bland_altman.lungs",
        "masks.lungs.cross_domain",
        "saliency.lungs.cross_domain",
    }


@pytest.mark.parametrize("name", ["results.json", "metrics.jsonl", "predictions/lungs.in_domain.npz", "per_image.csv"])
def test_a_damaged_file_is_named(run: Path, tmp_path: Path, name: str) -> None:
    folder = copied(run, tmp_path)
    (folder / name).write_text("{not this\n{nor this\n")
    with pytest.raises(RunError, match=re.escape(name)):
        write_report(folder)


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        write_figures(tmp_path / "nowhere")


@pytest.mark.parametrize("seed", range(5))
def test_area_under_the_curve_is_the_share_of_ordered_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, positive = rng.integers(0, 12, 80) / 12, rng.random(80) < 0.3
    false_rate, true_rate = roc_curve(scores, positive)
    pairs = positive.sum() * (~positive).sum()
    assert area(false_rate, true_rate) == pytest.approx(
        mannwhitneyu(scores[positive], scores[~positive]).statistic / pairs
    )
    assert (false_rate[[0, -1]].tolist(), true_rate[[0, -1]].tolist()) == ([0, 1], [0, 1])


def test_numbers_in_the_figures() -> None:
    assert agreement(np.array([3.0, 5.0]), np.array([1.0, 1.0])) == pytest.approx((3.0, 2**0.5))
    assert np.isnan(agreement(np.array([3.0]), np.array([1.0]))[1])
    assert dice(np.array([True, True]), np.array([True, False])) == pytest.approx(2 / 3)
    assert np.isnan(dice(np.array([False]), np.array([False])))
    np.testing.assert_allclose(smoothed([1.0, 2.0, np.nan, 4.0], 3), [1.5, 1.5, 3.0, 4.0])
    assert [duration(one).replace("\u00a0", " ") for one in (8.12, 812.4, 7510)] == [
        "8.1 s",
        "13 min 32 s",
        "2 h 05 min",
    ]


@pytest.mark.parametrize(
    ("value", "limits"),
    [
        (0.0, (-0.05, 1.0)),
        (1.0, (0.0, 1.05)),
        (0.7, (0.0, 1.05)),
        (0.3, (0.0, 0.6)),
        (1e-4, (0.0, 2e-4)),
        (40.0, (0.0, 80.0)),
        (-1.0, (-1.05, 0.0)),
        (-3.0, (-6.0, 0.0)),
    ],
)
def test_the_axis_of_a_flat_curve_holds_possible_values(value: float, limits: tuple[float, float]) -> None:
    assert flat_limits(value) == limits


def test_flat_curves_get_these_axes_and_the_kept_step_a_colour_of_its_own(run: Path, tmp_path: Path) -> None:
    folder = copied(run, tmp_path, "*.npz", "*.csv")
    log = folder / "metrics.jsonl"
    records = [json.loads(line) for line in log.read_text().splitlines()]
    for record in records:
        if record["event"] == "evaluated":
            record["values"] = dict.fromkeys(record["values"], 1.0)
    here = [{**one, "part": "here"} for one in records if one["event"] == "evaluated"]
    log.write_text("".join(json.dumps(record) + "\n" for record in [*records, *here]))
    validation = next(one for one in draw_curves(FinishedRun.read(folder)) if one.name == "validation")
    for axis in validation.figure.axes:
        assert axis.get_ylim() == (0.0, 1.05)
        colours = [line.get_color() for line in axis.get_lines()]
        assert len(set(colours)) == len(colours) > 2


def test_tasks_keep_their_names_in_titles() -> None:
    assert quantity_title("my_task.fixmatch.mask_rate") == "my_task: fixmatch\nmask rate"
    assert quantity_title("my_task.soft_dice") == "my_task: soft dice\nunweighted loss"
    assert quantity_title("gradient_cosine.my_task.b") == "gradient cosine\nmy_task, b"


def test_counts_are_whole_numbers_on_the_page(run: Path, tmp_path: Path) -> None:
    folder = copied(run, tmp_path, "*.npz", "*.csv", "*.jsonl")
    results = json.loads((folder / "results.json").read_text())
    results["tasks"]["lungs"]["in_domain"]["empty_reference"] = 12.0
    results["tasks"]["lungs"]["cross_domain"]["empty_reference"] = 4.0
    results["metrics"]["lungs"]["empty_reference"] = {"higher_is_better": None, "unit": "masks"}
    (folder / "results.json").write_text(json.dumps(results))
    rows = [row for table in tables.metrics(FinishedRun.read(folder)) for row in table.rows]
    (counted,) = ([cell.text for cell in row] for row in rows if row[0].text == "empty reference (masks)")
    assert counted == ["empty reference (masks)", "12", "4", "−8"]


def test_a_pool_that_no_view_uses_is_not_in_the_summary(run: Path, tmp_path: Path) -> None:
    folder = copied(run, tmp_path, "*.npz", "*.csv", "*.jsonl")
    results = json.loads((folder / "results.json").read_text())
    results["budgets"]["lungs"] |= {"unlabeled": 0, "unlabeled_includes_labeled": False}
    (folder / "results.json").write_text(json.dumps(results))
    text = write_report(folder).read_text()
    assert "lungs (10 labelled, 25 for validation)" in text
    assert "used without their labels: diagnosis." in text


def test_a_table_without_rows_says_why():
    reasons = Environment(loader=PackageLoader("ssmtl.reports", ""), autoescape=True).get_template("table.html.j2")
    table = reasons.module.table
    assert "Not available. Without a threshold: a, b." in table(
        PageTable("", ["class"], [], "Without a threshold: a, b.")
    )
    assert "Not available.<" in table(PageTable("", ["class"], [], ""))
