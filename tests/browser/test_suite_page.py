"""A suite's page in a real browser: it fits the window, its tables sort, its figures have sizes, nothing is logged."""

import html
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "suite"))

from made_up_cells import made_up_cells
from test_report_page import CHROMIUM, opened

from ssmtl.reports import write_suite_report
from ssmtl.suite.tables import write_tables

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")

FRAME = """<!DOCTYPE html><meta name="color-scheme" content="light dark"><body>
<iframe style="border: 0; width: WIDTHpx; height: 900px" srcdoc="PAGE"></iframe>
<script>addEventListener("load", () => {
const inside = document.querySelector("iframe"), page = inside.contentDocument;
const tables = [...page.querySelectorAll("table")];
const sorted = tables.map((table) => [...table.querySelectorAll("th button")].map((button) => {
  button.click();
  const at = button.closest("th").cellIndex, cells = [...table.tBodies[0].rows].map((row) => row.cells[at]);
  const numeric = cells.every((cell) => "key" in cell.dataset);
  const keys = cells.map((cell) => cell.dataset.key).filter((key) => key !== "").map(Number);
  return !numeric || keys.every((key, place) => place === 0 || keys[place - 1] <= key);
}));
const wide = [...page.querySelectorAll("main > *")].map((one) => one.getBoundingClientRect().right);
document.body.setAttribute("data-measured", JSON.stringify({
  inner: inside.contentWindow.innerWidth, scroll: page.documentElement.scrollWidth, right: Math.max(...wide),
  tables: sorted.length, sorted: sorted.flat().every(Boolean), columns: sorted.flat().length,
  images: page.images.length,
  sizes: [...page.images].every((image) => image.naturalWidth > 300 && image.getBoundingClientRect().width > 200),
  sticky: tables.every((table) => { const box = table.parentElement; box.scrollLeft = 500;
    const first = table.tBodies[0].rows[0].cells[0];
    return Math.abs(first.getBoundingClientRect().left - box.getBoundingClientRect().left) < 2; }),
  name: Math.max(...tables.map((table) =>
    table.tBodies[0].rows[0].cells[0].getBoundingClientRect().width / table.parentElement.clientWidth)),
  shares: [...page.images].map((image) => [
    image.getBoundingClientRect().width / image.closest("figure").clientWidth,
    image.getBoundingClientRect().width / Number(image.getAttribute("width"))]),
  hidden: tables.slice(0, 4).filter((table) => table.scrollWidth > table.parentElement.clientWidth + 1).length,
  paper: inside.contentWindow.getComputedStyle(page.body).backgroundColor,
}));
})</script></body>"""


LINES = ((0xD5, 0xD8, 0xDD), (0x1C, 0x1E, 0x21))
"""Colours between rows and around tables, on white paper."""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = made_up_cells(tmp_path_factory.mktemp("suites") / "a suite & more")
    write_tables(folder)
    return write_suite_report(folder)


def test_the_page_opens_from_disk_with_an_empty_console(report, tmp_path):
    page = opened(report, tmp_path)
    assert page.log == ""
    assert "<h1>Made up &lt;script&gt;" in page.dom


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False), (390, True)])
def test_the_page_fits_and_every_column_sorts(report, tmp_path, width, dark):
    copy = tmp_path / "copy.html"
    copy.write_text(FRAME.replace("WIDTH", str(width)).replace("PAGE", html.escape(report.read_text())))
    options = ["--blink-settings=preferredColorScheme=0"] if dark else []
    page = opened(copy, tmp_path / "profile", "--window-size=1400,1000", *options)
    assert page.log == ""
    measured = json.loads(html.unescape(re.search(r'data-measured="([^"]*)"', page.dom)[1]))
    assert measured["inner"] == width
    assert measured["scroll"] <= width
    assert measured["right"] <= width
    assert measured["tables"] >= 5
    assert measured["sticky"], "the first column stays where it is when a table is scrolled"
    assert measured["name"] < 0.5, "half of the table and more is left for numbers"
    for share, enlarged in measured["shares"]:
        assert share > 0.95 or enlarged == pytest.approx(1.9, abs=0.01), (
            "figures use the width, and are not enlarged more"
        )
    if width == 1280:
        assert measured["hidden"] == 0, "no column of a table of results is cut off"
    assert measured["columns"] > 40
    assert measured["sorted"]
    assert measured["images"] >= 12
    assert measured["sizes"]
    assert (sum(map(int, re.findall(r"\d+", measured["paper"])[:3])) < 200) is dark


def test_every_line_of_a_table_goes_on_below_its_first_column(report, tmp_path):
    picture = tmp_path / "page.png"
    opened(report, tmp_path / "profile", f"--screenshot={picture}", "--hide-scrollbars", "--window-size=390,3000")
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB"))
    for colour in LINES:
        shown = (pixels == colour).all(2)
        first, others = (set(np.flatnonzero(shown[:, start : start + 30].all(1))) for start in (24, 260))
        assert len(others) > 5
        assert others <= first
