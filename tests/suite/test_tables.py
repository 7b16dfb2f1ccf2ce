"""Means, spreads and their tables; the published numbers beside them."""

import csv
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from made_up_suite import made_up_suite

from ssmtl.errors import DataError, RunError
from ssmtl.suite.aggregate import Group, Summary
from ssmtl.suite.latex import METRICS, escaped
from ssmtl.suite.layout import Place
from ssmtl.suite.reference import Reference
from ssmtl.suite.results import read_results
from ssmtl.suite.tables import write_tables

PAPER = Path(__file__).parents[2] / "benchmarks" / "quality" / "paper" / "multimix_2021.csv"
REFERENCE = """system,budgets,task,domain,metric,mean,std,flag
enc,diagnosis=100,diagnosis,in_domain,accuracy,0.694,0.027,
multimix,diagnosis=100 lungs=10,lungs,in_domain,dice,0.954,0.002,IMPOSSIBLE a | b_c
umtl,diagnosis=100 lungs=10,lungs,in_domain,dice,,,OCR_ERROR left empty
"""


@pytest.fixture
def suite(tmp_path):
    (tmp_path / "published.csv").write_text(REFERENCE, encoding="utf-8")
    names = {"multimix": "Multi_Mix"}
    folder = made_up_suite(tmp_path, names=names, note="Made up.", reference=str(tmp_path / "published.csv"))
    write_tables(folder)
    return folder


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_summary_is_the_mean_and_the_sample_deviation_over_seeds(suite):
    found = rows(suite / "tables" / "summary.csv")
    for row in found:
        own = [
            float(one["value"])
            for one in rows(suite / "results.csv")
            if all(one[key] == row[key] for key in ("system", "budgets", "task", "domain", "metric"))
        ]
        assert int(row["n"]) == len(own) == 3
        assert float(row["mean"]) == pytest.approx(np.mean(own), rel=1e-5)
        assert float(row["std"]) == pytest.approx(np.std(own, ddof=1), rel=1e-4, abs=1e-6)
    assert len(found) == 2 + 4 + 4


def test_every_number_of_the_markdown_is_a_row_of_the_summary(suite):
    text = (suite / "tables" / "made_in_domain.md").read_text(encoding="utf-8")
    ours = {f"{float(row['mean']):.3f} ± {float(row['std']):.3f}" for row in rows(suite / "tables" / "summary.csv")}
    theirs = {"0.694 ± 0.027", "0.954 ± 0.002"}
    printed = set(re.findall(r"\d\.\d{3} ± \d\.\d{3}", text))
    assert printed == ours | theirs


def test_published_numbers_are_beside_ours_with_their_flag(suite):
    text = (suite / "tables" / "made_in_domain.md").read_text(encoding="utf-8")
    lines = {line.split(" | ")[0].strip("| "): line for line in text.splitlines() if line.startswith("|")}
    assert "(0.694 ± 0.027)" in lines["enc"]
    assert re.search(r"\(0\.954 ± 0\.002<sup>(\d)</sup>\)", lines["Multi\\_Mix"])
    assert "(unreadable<sup>" in lines["umtl"]
    assert "IMPOSSIBLE a \\| b\\_c" in text
    assert "Made up." in text


def test_bold_is_the_best_of_its_column_distances_the_smallest(suite):
    text = (suite / "tables" / "made_in_domain.md").read_text(encoding="utf-8")
    bold = re.findall(r"\*\*(\d\.\d{3})", text)
    found = rows(suite / "tables" / "summary.csv")
    for metric, best in (("accuracy", max), ("auroc", max), ("dice", max), ("average_hausdorff", min)):
        values = [float(row["mean"]) for row in found if row["metric"] == metric]
        assert f"{best(values):.3f}" in bold
    assert len(bold) == 4
    assert "nothing about significance" in text


def test_one_system_alone_is_not_best_and_one_seed_has_no_spread(tmp_path):
    write_tables(made_up_suite(tmp_path, systems=("umtl",), seeds=(0,)))
    text = (tmp_path / "tables" / "made_in_domain.md").read_text(encoding="utf-8")
    assert "**" not in text
    assert not re.search(r"\d ± \d", text)


def test_labels_used_to_select_weights_are_counted_and_shown(suite):
    for name in ("made_in_domain.md", "made_in_domain.tex"):
        text = (suite / "tables" / name).read_text(encoding="utf-8")
        assert "used to select weights and not counted above: diagnosis 7 to 9, lungs 9." in text


def with_values(folder, values):
    """The made-up suite with other values of Dice, by system and seed; a row without one is left out."""
    kept = []
    for row in rows(folder / "results.csv"):
        value = values[row["system"]].get(int(row["seed"])) if row["metric"] == "dice" else float(row["value"])
        if value is not None:
            kept.append({**row, "value": value})
    with (folder / "results.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, kept[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)
    write_tables(folder)
    text = (folder / "tables" / "made_in_domain.md").read_text(encoding="utf-8")
    return {line.split(" | ")[0].strip("| "): line for line in text.splitlines() if line.startswith("|")}


def test_bold_is_won_over_the_seeds_that_all_compared_systems_have(tmp_path):
    """`b` has only the two good seeds and a third of its own; over the shared seeds `a` is better."""
    values = {
        "a": {0: 0.90, 1: 0.90, 2: 0.90, 3: 0.20},
        "b": {0: 0.89, 1: 0.89, 2: 0.89},
        "c": {0: 0.99, 1: 0.99},
    }
    lines = with_values(made_up_suite(tmp_path, systems=("a", "b", "c"), seeds=(0, 1, 2, 3)), values)
    assert "**0.725 ± 0.350**" in lines["a"]
    assert "| 0.890 ± 0.000 |" in lines["b"]
    assert "| 0.990 ± 0.000† |" in lines["c"], "two seeds are marked and never bold"


def test_a_system_that_was_tested_on_other_images_is_marked_and_never_best(tmp_path):
    made_up_suite(tmp_path, systems=("a", "b", "c"))
    kept = [{**row, "images": 8 if row["system"] == "c" else row["images"]} for row in rows(tmp_path / "results.csv")]
    with (tmp_path / "results.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, kept[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)
    values = {name: dict.fromkeys(range(3), value) for name, value in (("a", 0.7), ("b", 0.8), ("c", 0.9))}
    lines = with_values(tmp_path, values)
    assert "**0.800 ± 0.000**" in lines["b"]
    assert "| 0.900 ± 0.000‡ |" in lines["c"]
    assert "‡ Tested on another number" in (tmp_path / "tables" / "made_in_domain.md").read_text(encoding="utf-8")
    assert r"\num{0.900} \ensuremath{\pm} \num{0.000}\textdaggerdbl{}" in (
        tmp_path / "tables" / "made_in_domain.tex"
    ).read_text(encoding="utf-8")


def test_where_all_are_tested_on_the_same_images_no_note_says_so(tmp_path):
    write_tables(made_up_suite(tmp_path))
    assert "‡" not in (tmp_path / "tables" / "made_in_domain.md").read_text(encoding="utf-8")


def test_systems_that_share_too_few_seeds_have_no_best(tmp_path):
    values = {"a": {0: 0.9, 1: 0.9, 2: 0.9}, "b": {1: 0.8, 2: 0.8, 3: 0.8}}
    lines = with_values(made_up_suite(tmp_path, systems=("a", "b"), seeds=(0, 1, 2, 3)), values)
    assert "| 0.900 ± 0.000 |" in lines["a"]
    assert "| 0.800 ± 0.000 |" in lines["b"]


def test_latex_has_one_table_a_task_and_metric_group_and_no_bare_sign(suite):
    text = (suite / "tables" / "made_in_domain.tex").read_text(encoding="utf-8")
    tables = text.split(r"\begin{tabular}")[1:]
    assert len(tables) == 2
    for table, systems in zip(tables, (3, 2), strict=True):
        form = re.match(r"\{(\w+)\}", table)[1]
        assert len(form) <= 4 + METRICS
        body = [
            line for line in table.splitlines() if line.endswith(r" \\") and not line.startswith(r"\quad published")
        ]
        assert len(body) == 1 + systems
        assert all(len(re.split(r"(?<!\\)&", line)) == len(form) for line in body)
    assert r"Multi\_Mix" in text
    assert re.search(r"\\num\{0\.\d{3}\} \\ensuremath\{\\pm\} \\num\{0\.\d{3}\}", text)
    assert not set("±–†≤") & set(text)
    assert text.count("{") == text.count("}")
    assert escaped("50 % & a_b {#} $x^2$ \\") == r"50 \% \& a\_b \{\#\} \$x\textasciicircum{}2\$ \textbackslash{}"


def test_names_in_utf_8_survive_in_latex():
    assert escaped("Enc-MM, α 0.75, Müller") == r"Enc-MM, \ensuremath{\alpha} 0.75, Müller"


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no TeX is installed")
def test_the_tables_compile_and_fit_the_page(suite, tmp_path):
    page = (
        r"\documentclass{article}\usepackage[textwidth=15cm]{geometry}\usepackage{booktabs,siunitx,textcomp}"
        rf"\begin{{document}}\input{{{suite / 'tables' / 'made_in_domain.tex'}}}\end{{document}}"
    )
    (tmp_path / "page.tex").write_text(page, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout


def test_the_same_rows_give_the_same_bytes(suite):
    before = {path.name: path.read_bytes() for path in (suite / "tables").iterdir()}
    write_tables(suite)
    assert before == {path.name: path.read_bytes() for path in (suite / "tables").iterdir()}


def test_a_folder_that_holds_no_suite_is_refused(tmp_path):
    with pytest.raises(RunError, match=r"suite\.json"):
        read_results(tmp_path)
    with pytest.raises(DataError, match=r"nowhere\.csv"):
        Reference.read(Path("nowhere.csv"))


def test_the_tables_of_the_paper_are_complete():
    found = rows(PAPER)
    for domain in ("in_domain", "cross_domain"):
        own = [row for row in found if row["domain"] == domain]
        assert len({(row["system"], row["budgets"]) for row in own}) == 57
        assert len(own) == 3 * 6 + 9 * 3 + 45 * 9
    by_key = {tuple(row[key] for key in ("system", "budgets", "domain", "metric")): row for row in found}
    headline = by_key["multimix", "diagnosis=100 lungs=10", "in_domain", "dice"]
    assert (headline["mean"], headline["flag"]) == ("0.954", "")
    impossible = by_key["unet", "lungs=10", "in_domain", "dice"]
    assert (impossible["mean"], impossible["std"], impossible["flag"]) == (
        "0.634",
        "0.017",
        "IMPOSSIBLE jaccard > dice",
    )
    unreadable = by_key["enc_mm", "diagnosis=all", "in_domain", "f1_normal"]
    assert unreadable["mean"] == ""
    assert "OCR_ERROR" in unreadable["flag"]
    assert all(0 < float(row["mean"]) < 1 for row in found if row["mean"] and row["metric"] != "average_hausdorff")


@pytest.mark.parametrize(
    ("values", "direction", "unit", "text"),
    [
        ((12.0, 12.0, 12.0), None, "masks", "12"),
        ((12.0,), None, "masks", "12†"),
        ((12.0, 13.0, 14.0), None, "masks", "13.000 ± 1.000"),
        ((1.0, 1.0, 1.0), True, "", "1.000 ± 0.000"),
        ((2.0, 2.0, 2.0), False, "px", "2.000 ± 0.000"),
    ],
)
def test_a_count_that_all_seeds_agree_on_is_a_whole_number(values, direction, unit, text):
    group = Group("made", "in_domain", "unet", "lungs=10", "lungs", "10", "empty_reference")
    summary = Summary(group, dict(enumerate(values)), direction, unit, (), {})
    assert Place(summary, None, best=False, apart=False).ours == text
