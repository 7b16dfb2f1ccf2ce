"""`ssmtl view` as its users meet it: the command in a process of its own, its page in a headless Chromium."""

import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "inference"))

from dicom_files import write_dicom
from trained_run import chest, train, write_images

import ssmtl

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SSMTL = Path(sys.executable).with_name("ssmtl")
WIDTHS = [1280, 390]

pytestmark = pytest.mark.slow
in_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")

DROP = """([bytes, name]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(bytes)], name));
  for (const kind of ["dragenter", "dragover", "drop"])
    document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""
"""What the browser does when a file is dropped on the page."""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("data") / "own")


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    return train(data, tmp_path_factory.mktemp("runs") / "first")


@contextmanager
def viewing(run, *options):
    """The process, once it has printed its address, and the address."""
    command = [SSMTL, "view", run, "--port", "0", "--device", "cpu", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            lines = iter(process.stdout.readline, "")
            yield process, next(line.strip() for line in lines if line.startswith("http://127.0.0.1:"))
        finally:
            process.kill()


@pytest.fixture(scope="module")
def address(run):
    with viewing(run, "--max-upload", "0.1") as (_, address):
        yield address


@pytest.fixture(scope="module")
def browser():
    with (
        sync_playwright() as library,
        library.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) as browser,
    ):
        yield browser


@pytest.fixture(params=WIDTHS)
def page(browser, address, request):
    """The opened page, at each width; nothing may be logged, be refused by its own policy, or leave the window."""
    said, asked = [], set()
    context = browser.new_context(viewport={"width": request.param, "height": 900})
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda one: asked.add(one.url.split("?")[0].rsplit("/", 1)[0]))
    page.add_init_script("addEventListener('securitypolicyviolation', (one) => console.log(one.violatedDirective))")
    page.goto(address)
    expect(page.locator("#images button").first).to_be_visible()
    assert page.url == address.split("?")[0], "the token has left the address bar"
    yield page
    assert page.evaluate("document.documentElement.scrollWidth") <= request.param
    assert [text for text in said if "status of 4" not in text] == []  # Chromium logs refused requests itself
    assert {one for one in asked if not one.startswith("data:")} == {page.url.rstrip("/")}
    context.close()


def shown(page, name):
    """Waits until the page shows the image."""
    expect(page.locator("#name")).to_have_text(name)
    expect(page.locator("#result")).to_be_visible()
    expect(page.locator("#state")).to_be_hidden()
    assert page.locator("#picture image").first.evaluate("(one) => one.getBBox().width > 0")


@in_chromium
def test_files_are_chosen_and_dropped(page, run, tmp_path):
    grey, _ = chest(77, (50, 70))
    write_dicom(tmp_path / "scan.dcm", grey.astype(np.uint16) * 16, PixelSpacing=[0.5, 0.25])
    Image.fromarray(grey).save(tmp_path / "scan.png")
    model = ssmtl.load(run, device="cpu")
    for name, by_drop in (("scan.png", False), ("scan.dcm", True), ("scan.dcm", False)):
        path = tmp_path / name
        if by_drop:
            page.evaluate(DROP, [list(path.read_bytes()), name])
        else:
            page.set_input_files("#file", path)
        shown(page, name)
        (one,) = model.predict(path)
        label, mask = one.labels["diagnosis"], one.masks["lungs"]
        expect(page.locator("#numbers h3").first).to_have_text(f"diagnosis: {label.decision}")
        for row, value in zip(page.locator(".bar").all(), label.probabilities.values(), strict=True):
            expect(row.locator("> :last-child")).to_have_text(f"{value:.3f}")
        cells = page.locator("#numbers tbody tr > *").all_inner_texts()
        assert cells[:2] == ["lung", f"{mask.pixels['lung']:,}"]
        facts = page.locator("#facts").inner_text()
        if name == "scan.dcm":
            assert facts == "70 × 50 pixels, 0.5 × 0.25 mm (object)"
            assert float(cells[3].replace(",", "")) == pytest.approx(mask.mm2["lung"], abs=0.5)
        else:
            assert facts == "70 × 50 pixels"
        assert page.locator("#picture").get_attribute("viewBox") == "0 0 70 50"


@in_chromium
def test_the_saliency_lies_under_a_slider(page, tmp_path):
    Image.fromarray(chest(5)[0]).save(tmp_path / "a.png")
    page.set_input_files("#file", tmp_path / "a.png")
    shown(page, "a.png")
    layer, slider = page.locator("#picture image").nth(1), page.locator("#opacity")
    pictures = []
    for value in ("0", "100"):
        slider.fill(value)
        assert float(layer.get_attribute("opacity")) == float(value) / 100
        expect(page.locator("#percent")).to_have_text(f"{value} %")
        pictures.append(page.locator("#picture").screenshot())
    assert pictures[0] != pictures[1]
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert float(layer.get_attribute("opacity")) == 0.99
    before = layer.get_attribute("href")
    page.select_option("#class", index=1 - page.locator("#class").evaluate("(one) => one.selectedIndex"))
    assert layer.get_attribute("href") != before
    display = "(one) => getComputedStyle(one.querySelector('path')).display"
    assert page.locator("#picture").evaluate(display) != "none"
    page.uncheck("#boundaries")
    assert page.locator("#picture").evaluate(display) == "none"


@in_chromium
def test_the_test_set_is_browsed_by_error_with_the_keyboard(page):
    for task, entries in (("diagnosis", 1), ("lungs", 2)):
        page.select_option("#set", label=page.locator(f"option[data-task={task}]").inner_text())
        expect(page.locator("#measure")).to_contain_text("Dice" if task == "lungs" else "cross-entropy")
        rows = page.locator("#images button")
        expect(rows.first).to_be_visible()
        wrong = [float(text) for text in page.locator("#images i").all_inner_texts()]
        assert wrong == sorted(wrong, reverse=True)
        rows.nth(1).focus()
        page.keyboard.press("Enter")
        name = rows.nth(1).locator("b").inner_text()
        shown(page, name)
        expect(page.locator("#images [aria-current=true] b")).to_have_text(name)
        assert page.locator("#legend > span").count() == entries
        assert page.locator("#picture path.reference").count() == entries - 1
        expect(page.locator("#numbers h3").first).to_contain_text("diagnosis" if task == "lungs" else "reference: ")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        shown(page, rows.nth(2).locator("b").inner_text())


@in_chromium
def test_a_bad_file_is_one_sentence_and_markup_in_names_is_text(page, tmp_path):
    for name, content, words in (
        ("<img src=x onerror=alert(1)>.png", b"<svg onload=alert(1)>", "expected PNG, JPEG, TIFF or DICOM"),
        ("large.png", bytes(200_000), "larger than 0.1 MiB; --max-upload"),
    ):
        page.evaluate(DROP, [list(content), name])
        expect(page.locator("#problem")).to_contain_text(words)
        assert page.locator("#problem").inner_text().startswith(f"{name}: ")
        expect(page.locator("#result")).to_be_hidden()
    Image.fromarray(chest(5)[0]).save(tmp_path / "a.png")
    page.set_input_files("#file", tmp_path / "a.png")
    shown(page, "a.png")
    expect(page.locator("#problem")).to_be_hidden()


@in_chromium
def test_the_policy_stops_scripts_and_styles_that_are_not_ours(browser, address):
    page = browser.new_page()
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(address)
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "document.title = 'mine'";
        document.body.append(script);
        const style = document.createElement("style");
        style.textContent = "body { display: none }";
        document.body.append(style);
    }""")
    assert page.title() != "mine"
    expect(page.locator("h1")).to_be_visible()
    assert len([text for text in refused if "Content Security Policy" in text]) == 2
    page.close()


@in_chromium
def test_moved_data_are_said_to_be_missing(browser, run, data):
    with viewing(run) as (_, address):
        page = browser.new_page()
        page.goto(address)
        moved = data.rename(data.with_name("elsewhere"))
        try:
            page.locator("#images button").first.click()
            expect(page.locator("#problem")).to_contain_text(f"source 'own': nothing at {data}")
        finally:
            moved.rename(data)
        page.locator("#images button").first.click()
        shown(page, page.locator("#images b").first.inner_text())
        page.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well(run, number):
    with viewing(run) as (process, address):
        token = address.rpartition("=")[2]
        assert len(token) >= 40
        process.send_signal(number)
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == ""
        assert process.stdout.read() == "Open this address in a browser on this machine. Ctrl-C ends the viewer.\n"


def test_a_port_that_is_taken_ends_a_second_viewer(run):
    with viewing(run) as (_, address):
        port = address.split(":")[2].split("/")[0]
        done = subprocess.run([SSMTL, "view", run, "--port", port], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"--port {port}: this port of 127.0.0.1 is taken" in done.stderr.replace("\n", " ")
