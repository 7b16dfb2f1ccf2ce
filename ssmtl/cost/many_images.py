"""The start of a run on many image files."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ssmtl.cost.around import SHORT, settings, train

SMALL = (
    *SHORT, "image.size=32", "backbone.widths=[4,4,8,8,8]", "tasks.diagnosis.evaluate_on={in_domain: chex}",
    "tasks.lungs.evaluate_on={in_domain: jsrt}",
)  # fmt: skip


def started(code: Path | None, place: Path, images: int) -> Iterator[tuple[str, float, str]]:
    """The first step on image files that no process has seen, and again."""
    sources = ("--sources", str(place / "sources.yaml"), "--data-root", str(place), *settings(*SMALL))
    cache = place / "files"
    shutil.rmtree(cache, ignore_errors=True)
    for word in ("cold", "again"):
        steps, _, used = train(cache, code, place, *sources, enough=1)
        what = f"start of {images} images, {word}"
        yield from ((what, steps[0], "s"), (what, used, "processor s"))


def make_images(place: Path, count: int) -> None:
    """A table of `count` files, two of each patient; one in five has a mask."""
    folder, random = place / "made", np.random.default_rng(0)
    folder.mkdir()
    lines = ["image,diagnosis,lung,patient"]
    for number in range(count):
        Image.fromarray(random.integers(0, 256, (16, 16), np.uint8)).save(folder / f"{number:06d}.png")
        mask = f"{number:06d}_mask.png" if number % 10 < 2 else ""
        if mask:
            Image.fromarray(np.pad(np.full((8, 8), 255, np.uint8), 4)).save(folder / mask)
        lines.append(f"{number:06d}.png,{('normal', 'pneumonia')[number // 2 % 2]},{mask},p{number // 2}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    entries = [f"{name}: {{use: manifest, root: made, patient: patient, {what}}}\n" for name, what in (
        ("chex", "label: diagnosis"), ("jsrt", "mask: lung, disjoint_from: chex"),
    )]  # fmt: skip
    (place / "sources.yaml").write_text("".join(entries))
    time.sleep(3)  # the files are then old enough for their hashes to be kept
