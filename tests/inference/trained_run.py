"""Small images on disk, and a run of two tasks that was trained on them."""

import numpy as np
from PIL import Image

from tests.cli.command_line import call

SIZE = 32
SETTINGS = (
    f"image.size={SIZE}", "backbone.widths=[4,4,8,8,8]", "train.steps=2", "train.evaluate_every=2", "train.device=cpu",
    "tasks.lungs.labeled=4", "tasks.lungs.batch=4", "tasks.diagnosis.labeled=8", "tasks.diagnosis.batch=4",
    "tasks.diagnosis.evaluate_on={in_domain: own}", "tasks.lungs.evaluate_on={in_domain: own}",
    "tasks.diagnosis.source=own", "tasks.lungs.source=own",
    "tasks.lungs.head.classes=[lung]", "optimizer.lr=0.01",
)  # fmt: skip

LEARNING = ("train.steps=16", "train.evaluate_every=8", "tasks.diagnosis.labeled=all")
"""Enough steps to know something."""


def chest(seed, shape=(48, 40)):
    """A grey image with a brighter ellipse, and the ellipse."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    centre = np.array(shape) * random.uniform(0.4, 0.6, 2)
    inside = ((y - centre[0]) / (0.3 * shape[0])) ** 2 + ((x - centre[1]) / (0.25 * shape[1])) ** 2 < 1
    grey = random.integers(0, 120, shape) + 120 * inside
    return grey.astype(np.uint8), inside


def write_images(folder, count=40):
    """The images, masks and table of a data set."""
    (folder / "images").mkdir(parents=True)
    lines = ["image,diagnosis,lung,patient"]
    for number in range(count):
        grey, inside = chest(number)
        Image.fromarray(grey).save(folder / f"images/{number:03d}.png")
        Image.fromarray((inside * 255).astype(np.uint8)).save(folder / f"images/{number:03d}.mask.png")
        label = ("normal", "pneumonia")[number % 2]
        lines.append(f"images/{number:03d}.png,{label},images/{number:03d}.mask.png,p{number}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


def write_brighter(folder, count=240):
    """Images with pneumonia are brighter, and one label in six is wrong, so that nobody can be sure."""
    (folder / "images").mkdir(parents=True)
    lines = ["image,diagnosis,lung,patient,sex,age,site"]
    random = np.random.default_rng(0)
    for number in range(count):
        grey, inside = chest(number, (32, 32))
        ill = number % 2
        grey = (grey * (0.4 + 0.5 * ill)).astype(np.uint8)
        Image.fromarray(grey).save(folder / f"images/{number:03d}.png")
        Image.fromarray((inside * 255).astype(np.uint8)).save(folder / f"images/{number:03d}.mask.png")
        label = ("normal", "pneumonia")[ill ^ (random.random() < 1 / 6)]
        masks = f"images/{number:03d}.mask.png" if number < 60 else ""
        person = f"p{number},{'FM'[number % 3 > 0]},{number % 90},{'north' if number < 120 else 'south'}"
        lines.append(f"images/{number:03d}.png,{label},{masks},{person}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


def train(data, out, *more):
    """Train MultiMix for two steps on the data set; returns the run's folder."""
    sources = data.parent / f"{out.name}.yaml"
    sources.write_text(f"own: {{use: manifest, root: {data}, label: diagnosis, mask: lung, patient: patient}}\n")
    overrides = [part for one in (*SETTINGS, *more) for part in ("--set", one)]
    code, _, said = call("run", "multimix", "--sources", sources, *overrides, "--out", out, "--quiet")
    assert code == 0, said
    return out


def sources(data):
    """The same, for `ssmtl.run`."""
    return {"own": {"use": "manifest", "root": str(data), "label": "diagnosis", "mask": "lung", "patient": "patient"}}
