"""Draws view.png, beside this file: `python docs/images/view.py RUN`, of a run on synthetic radiographs."""

import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).with_suffix(".png")


def main(run: str) -> None:
    """Of the second worst test image of the task that comes last."""
    command = [Path(sys.executable).with_name("ssmtl"), "view", run, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as viewer, sync_playwright() as library:
        address = next(line for line in viewer.stdout or () if line.startswith("http"))
        browser = library.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
        page.goto(address.strip())
        page.select_option("#set", index=page.locator("#set option").count() - 1)
        page.locator("#images button").nth(1).click()
        page.locator("#result").wait_for()
        page.mouse.move(0, 0)
        page.screenshot(path=PICTURE, full_page=True)
        browser.close()
        viewer.terminate()
    with Image.open(PICTURE) as image:
        image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
