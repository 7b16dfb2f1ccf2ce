"""The report in a real browser: it fits the window, its script runs, the run's strings never do, nothing is logged."""

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from ssmtl.reports import write_report
from tests.core.made_up_run import make_up_run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")

QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
)
# Chromium has no window narrower than 500 pixels: the page is measured in a frame, which may have any width.
FRAME = """<!DOCTYPE html><meta name="color-scheme" content="light dark"><body>
<iframe style="border: 0; width: WIDTHpx; height: 900px" srcdoc="PAGE"></iframe>
<script>addEventListener("load", () => {
const inside = document.querySelector("iframe"), page = inside.contentDocument;
const button = [...page.querySelectorAll("#results th button")].find((one) => one.textContent.startsWith("in_domain"));
button.click(); button.click();
const values = [...button.closest("table").tBodies[0].rows].map((row) => Number(row.cells[1].dataset.key));
const wide = [...page.querySelectorAll("main > *")].map((one) => one.getBoundingClientRect().right);
document.body.setAttribute("data-measured", JSON.stringify({
  inner: inside.contentWindow.innerWidth, scroll: page.documentElement.scrollWidth, right: Math.max(...wide), values,
  direction: button.closest("th").getAttribute("aria-sort"),
  images: [...page.images].every((image) => image.complete && image.naturalWidth > 0),
  paper: inside.contentWindow.getComputedStyle(page.body).backgroundColor,
}));
})</script></body>"""


@dataclass(frozen=True)
class Opened:
    dom: str
    log: str


def opened(page: Path, profile: Path, *options: str) -> Opened:
    command = [str(CHROMIUM), *QUIET, f"--user-data-dir={profile}", *options, "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return Opened(done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    name = "<script>alert(1)</script>" + "long" * 40
    return write_report(make_up_run(folder, name=name, classes=("normal", "<img src=x onerror=alert(2)>"), steps=60))


def test_the_page_opens_with_an_empty_console(report: Path, tmp_path: Path) -> None:
    page = opened(report, tmp_path)
    assert page.log == ""
    assert "<h1>&lt;script&gt;alert(1)&lt;/script&gt;" in page.dom


def test_the_policy_stops_scripts_that_are_not_ours(report: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.html"
    copy.write_text(report.read_text().replace("</body>", "<script>document.title = 'mine'</script></body>"))
    page = opened(copy, tmp_path / "profile")
    assert "<title>mine" not in page.dom
    assert "Content Security Policy" in page.log


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_the_page_fits_and_sorts(report: Path, tmp_path: Path, width: int, dark: bool) -> None:
    copy = tmp_path / "copy.html"
    copy.write_text(FRAME.replace("WIDTH", str(width)).replace("PAGE", html.escape(report.read_text())))
    options = ["--blink-settings=preferredColorScheme=0"] if dark else []
    page = opened(copy, tmp_path / "profile", "--window-size=1400,1000", *options)
    assert page.log == ""
    found = re.search(r'data-measured="([^"]*)"', page.dom)
    assert found is not None
    measured = json.loads(html.unescape(found[1]))
    assert measured["inner"] == width
    assert measured["scroll"] <= width
    assert measured["right"] <= width
    assert measured["values"] == sorted(measured["values"], reverse=True)
    assert measured["direction"] == "descending"
    assert measured["images"]
    assert (sum(map(int, re.findall(r"\d+", measured["paper"])[:3])) < 200) is dark
