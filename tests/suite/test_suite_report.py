"""The page of a suite and its figures, from made-up cells."""

import re
from html import escape
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from made_up_cells import HOSTILE, SYSTEMS, cell, made_up_cells, write_suite
from PIL import Image

from ssmtl.errors import RunError
from ssmtl.reports import write_suite_report
from ssmtl.reports.suite import agreement, boundaries, diagnostics, dice, roc, tables
from ssmtl.reports.suite.budgets import draw_budgets, one_curve, points_of
from ssmtl.reports.suite.figures import SUBJECTS
from ssmtl.reports.suite.finished_suite import FinishedSuite
from ssmtl.suite.layout import domain_words
from ssmtl.suite.rows import append_rows
from ssmtl.suite.tables import write_tables

COMPARE = [
    {
        "system": "multimix",
        "against": {"diagnosis": ["enc", "umtl"], "lungs": ["unet"]},
        "metrics": {"diagnosis": ["accuracy", "auroc"], "lungs": ["dice"]},
    }
]


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    folder = made_up_cells(tmp_path_factory.mktemp("suite"), compare=COMPARE)
    write_tables(folder)
    write_suite_report(folder)
    return folder


@pytest.fixture(scope="module")
def page(suite):
    return (suite / "report.html").read_text(encoding="utf-8")


def test_every_subject_has_a_figure(suite, page):
    headings = re.split(r"<h3>", page[page.index('id="figures"') : page.index('id="cells"')])[1:]
    assert [heading.split("<")[0] for heading in headings] == [subject.heading for subject in SUBJECTS]
    assert all("<img" in heading for heading in headings)
    for path in (suite / "figures").glob("*.png"):
        with Image.open(path) as image:
            shown = np.asarray(image.convert("L"))
        assert min(shown.shape) > 150
        assert shown.std() > 5, f"{path.name} is empty"


def test_every_number_has_links_to_its_runs(suite, page):
    links = set(re.findall(r'<a href="(cells/[^"]+/)">', page))
    assert links == {f"cells/{path.name}/" for path in (suite / "cells").iterdir()}


def test_what_was_not_run_is_listed_with_its_error(page):
    assert "1 failed" in page
    assert "Fewer than 3 seeds" in page
    assert "10 finished" not in page
    assert f"{sum(3 if name == 'enc' else 1 for name in SYSTEMS) * 2} finished" in page


def test_no_string_of_the_suite_is_markup(page):
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert len(re.findall("<script", page)) == 1


def test_the_page_needs_nothing_else(page):
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert "default-src 'none'" in page


def test_the_same_folder_gives_the_same_page(suite, page):
    write_suite_report(suite)
    assert (suite / "report.html").read_text(encoding="utf-8") == page


def test_a_budget_curve_has_a_value_per_seed_at_the_number_of_labels(suite):
    found = FinishedSuite.read(suite)
    cells = one_curve([cell for cell in found.cells if cell.system == "enc"], "diagnosis")
    points = points_of(cells, "diagnosis", "in_domain", "accuracy")
    assert {budget: len(seeds) for budget, seeds in points.items()} == {"20": 2, "100": 2, "250": 2}


def test_all_labels_of_each_seed_are_one_budget_and_other_tasks_budgets_are_not_pooled(tmp_path):
    rows, listed = [], []
    for seed in (0, 1):
        for count in (20, 100, "all"):
            rows += cell(tmp_path, listed, "umtl", {"diagnosis": count, "lungs": 10}, seed, whole=1040 + seed)
        rows += cell(tmp_path, listed, "umtl", {"diagnosis": 100, "lungs": 50}, seed)
    write_suite(tmp_path, rows, listed)
    found = FinishedSuite.read(tmp_path)
    cells = one_curve(found.cells, "diagnosis")
    points = points_of(cells, "diagnosis", "in_domain", "accuracy")
    assert {budget: [count for count, _ in seeds] for budget, seeds in points.items()} == {
        "20": [20, 20],
        "100": [100, 100],
        "all": [1040, 1041],
    }
    (drawing,) = draw_budgets(found)
    assert "1040 to 1041" in drawing.caption
    assert [text.get_text() for text in drawing.figure.axes[0].get_xticklabels()] == ["20", "100", "all"]


def test_a_figure_says_which_systems_it_leaves_out(suite, monkeypatch):
    found = FinishedSuite.read(suite)
    for module, draw in (
        (roc, roc.draw_roc),
        (agreement, agreement.draw_agreement),
        (diagnostics, diagnostics.draw_diagnostics),
    ):
        assert not any("Not shown" in drawing.caption for drawing in draw(found))
        monkeypatch.setattr(module, "SYSTEMS", 1)
        assert any("Not shown (at most 1" in drawing.caption for drawing in draw(found))
    monkeypatch.setattr(boundaries, "ACROSS", 3)
    drawings = list(boundaries.draw_gallery(found))
    assert all("Not shown (at most 1 systems): unet, umtl." in drawing.caption for drawing in drawings)


def test_bland_altman_has_each_image_once(suite):
    drawing = next(iter(agreement.draw_agreement(FinishedSuite.read(suite))))
    assert len(drawing.figure.axes[0].collections[0].get_offsets()) == 60
    assert "first seed" in drawing.caption


def test_the_limits_of_agreement_have_a_line_of_their_own(suite):
    for drawing in agreement.draw_agreement(FinishedSuite.read(suite)):
        drawing.figure.canvas.draw()
        boxes = [text.get_window_extent() for axis in drawing.figure.axes for text in axis.texts]
        assert all(axis.texts[0].get_text().count("\n") == 1 for axis in drawing.figure.axes)
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
        assert max(box.x1 for box in boxes) <= drawing.figure.bbox.x1


@pytest.mark.parametrize("compared", [(), ("f1",)])
def test_metrics_are_divided_evenly_between_tables_of_different_titles(tmp_path, monkeypatch, compared):
    monkeypatch.setattr(tables, "FIRST", 3)
    compare = [{"system": "multimix", "against": {}, "metrics": {"diagnosis": list(compared)}}]
    suite = FinishedSuite.read(made_up_cells(tmp_path, seeds=(0,), budgets=(100,), compare=compare))
    found = list(tables.results(suite))
    titles = [table.title for table in found]
    assert len(set(titles)) == len(titles)
    own = [table for table in found if table.title.startswith("diagnosis, in domain (made)")]
    metrics = [
        [head for head in table.columns if head not in ("system", "n", "runs") and "labels" not in head]
        for table in own
    ]
    every = {row.metric for row in suite.results.rows if (row.task, row.domain) == ("diagnosis", "in_domain")}
    assert sum(map(len, metrics)) == len({head for heads in metrics for head in heads}) == len(every)
    assert max(map(len, metrics)) <= tables.FIRST
    assert max(map(len, metrics)) - min(map(len, metrics)) <= 1
    assert not compared or metrics[0][0] == "F1"


def test_names_are_shown_as_they_were_written(suite):
    found = FinishedSuite.read(suite)
    assert next(iter(boundaries.draw_gallery(found))).caption.startswith("made, lungs, in domain: ")
    assert [domain_words(name) for name in ("in_domain", "cross_domain", "my_src")] == [
        "in domain",
        "cross domain",
        "my_src",
    ]


def test_a_suite_without_a_title_is_named_once(tmp_path):
    made_up_cells(tmp_path, seeds=(), title="")
    write_tables(tmp_path)
    text = write_suite_report(tmp_path).read_text(encoding="utf-8")
    assert "<h1>made</h1>" in text
    assert 'class="seed"' not in text


def test_the_main_cells_are_those_at_the_labels_that_systems_share(suite):
    found = FinishedSuite.read(suite).main("made")
    assert {name: [cell.budgets for cell in cells] for name, cells in found.items()} == {
        "enc": [{"diagnosis": "100"}] * 2,
        "unet": [{"lungs": "10"}] * 2,
        "umtl": [{"diagnosis": "100", "lungs": "10"}] * 2,
        "multimix": [{"diagnosis": "100", "lungs": "10"}] * 2,
    }


def test_the_compared_system_and_its_rivals_come_first(suite):
    found = FinishedSuite.read(suite)
    assert found.focus("diagnosis", ["unet", "umtl", "enc", "multimix"], 3) == ["umtl", "enc", "multimix"]
    assert found.focus("lungs", ["a", "b"], 1) == ["a"]


def test_a_suite_with_nothing_finished_has_a_page_all_the_same(tmp_path):
    made_up_cells(tmp_path, seeds=())
    write_tables(tmp_path)
    text = write_suite_report(tmp_path).read_text(encoding="utf-8")
    assert "Nothing is finished yet" in text
    assert text.count("Not available: needs") == len(SUBJECTS)


def test_the_page_says_which_comparisons_are_left_out(suite, page, monkeypatch):
    why = "diagnosis, in_domain: not compared, since <a> was tested on 3 images, b on 2"
    assert "not compared, since" not in page
    monkeypatch.setattr("ssmtl.reports.suite.page.left_out", lambda _: [why])
    assert f"<li>{escape(why)}</li>" in write_suite_report(suite).read_text(encoding="utf-8")


def test_a_damaged_cell_is_named(tmp_path):
    made_up_cells(tmp_path, seeds=(0,), budgets=(100,))
    (tmp_path / "cells" / "umtl_100-10_s0" / "results.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match=r"umtl_100-10_s0.results\.json"):
        write_suite_report(tmp_path)


def test_results_of_another_recipe_are_not_a_cells(tmp_path):
    """Such as those of another seed, copied into its folder."""
    made_up_cells(tmp_path, seeds=(0,), budgets=(100,))
    name = "umtl_100-10_s0"
    (tmp_path / "cells" / name / "cell.json").write_text('{"status": "finished"}', encoding="utf-8")
    other = SimpleNamespace(name=name, recipe=SimpleNamespace(digest=lambda: "another"))
    with pytest.raises(RunError, match=rf"{name}.results\.json is of another recipe than the cell"):
        append_rows(tmp_path, other)


def test_rows_that_are_not_what_the_cells_say_are_refused(tmp_path):
    """Cut, edited, repeated, or with words in place of numbers."""
    made_up_cells(tmp_path, seeds=(0,), budgets=(100,))
    rows = (tmp_path / "results.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    columns = rows[0].strip().split(",")

    def edited(column, text):
        cells = rows[1].rstrip("\n").split(",")
        cells[columns.index(column)] = text
        return [rows[0], ",".join(cells) + "\n", *rows[2:]]

    damages = {
        "is missing": [*rows[:1], *rows[2:]],
        "occurs twice": [*rows, rows[1]],
        "results say": edited("value", "0.123"),
        "unlike the cell's results": edited("images", "3"),
        "higher_is_better is 'maybe'": edited("higher_is_better", "maybe"),
        "-3 images": edited("images", "-3"),
        "no column 'value'": [rows[0].replace("value", "worth"), *rows[1:]],
        "another number of columns": [*rows[:-1], rows[-1][:20]],
    }
    for said, damaged in damages.items():
        (tmp_path / "results.csv").write_text("".join(damaged), encoding="utf-8")
        with pytest.raises(RunError, match=said):
            FinishedSuite.read(tmp_path)
    (tmp_path / "results.csv").write_text("\ufeff" + "".join(rows), encoding="utf-8")
    FinishedSuite.read(tmp_path)


def test_the_caption_says_how_many_images_each_system_was_tested_on():
    assert dice._counts([40, 40]) == "40"
    assert dice._counts([40, 8]) == "8 to 40, by system"
