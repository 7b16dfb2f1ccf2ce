"""ssmtl_sources/groups.py: sex, age and view of an image, from whatever column a set keeps them in."""

from pathlib import Path

import made_up
import pytest
from test_sources_public import read

from ssmtl_sources.groups import groups_of
from ssmtl_sources.table import Row


def row(**cells):
    return Row(Path("table.csv"), 2, cells)


@pytest.mark.parametrize(
    ("cell", "band"),
    [
        ("58", "40-64"), ("58.5", "40-64"), ("058Y", "40-64"), ("17", "0-17"), ("18", "18-39"), ("65", "65+"),
        ("0", "0-17"), ("018M", "0-17"), ("300M", "18-39"), ("007D", "0-17"), ("30-39", "30-39"), ("old", "old"),
        ("Y", "Y"), ("45y", "40-64"), ("052W", "0-17"), ("Unknown", ""), ("414", ""), ("-3", ""), ("nan", ""), ("", ""),
    ],
)  # fmt: skip
def test_an_age_is_in_its_band_whatever_its_unit(cell, band):
    """More than 150 years, as in some rows of ChestX-ray14, is not known."""
    assert groups_of(row(years=cell), {"age": "years"}) == ({"age": band} if band else {})


def test_other_groups_are_their_cells_and_a_column_may_be_missing():
    columns = {"sex": "Patient Gender", "view": "View Position", "site": "Site"}
    cells = {"Patient Gender": "F", "View Position": "", "Patient Age": "58"}
    assert groups_of(row(**cells), columns) == {"sex": "F"}
    spelt = {groups_of(row(sex=cell), {"sex": "sex"})["sex"] for cell in ("m", "M", "male", "Male")}
    assert spelt == {"M"}


def test_chest_xray14_and_covid_chestxray_say_sex_age_and_view(tmp_path):
    made_up.nih_chestxray14(tmp_path / "nih")
    made_up.covid_chestxray(tmp_path / "covid")
    adults = read("nih_chestxray14", tmp_path / "nih")
    assert [example.groups for example in adults] == [{"sex": "M", "age": "40-64", "view": "PA"}] * 4
    assert [example.groups for example in read("covid_chestxray", tmp_path / "covid", masks="lungvae")] == [
        {"sex": "M", "age": "65+", "view": "PA"},
        {"sex": "F", "age": "40-64", "view": "AP Supine"},
    ]


def test_a_subset_of_the_table_without_these_columns_is_read(tmp_path):
    made_up.nih_chestxray14(tmp_path)
    table = tmp_path / "Data_Entry_2017.csv"
    lines = [line.split(",") for line in table.read_text().splitlines()]
    table.write_text("\n".join(",".join((*line[:2], line[3])) for line in lines) + "\n")
    assert [example.groups for example in read("nih_chestxray14", tmp_path)] == [{}] * 4


def test_letters_are_capitals_and_unknown_is_not_a_group():
    columns = {"sex": "sex", "view": "view", "site": "site"}
    assert groups_of(row(sex="m", view="pa", site="Unknown"), columns) == {"sex": "M", "view": "PA"}
    assert groups_of(row(sex="female", view="AP Supine", site="Oslo"), columns) == {
        "sex": "F", "view": "AP Supine", "site": "Oslo",
    }  # fmt: skip
