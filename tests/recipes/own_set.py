"""A made-up data set of one's own, in a table, and a recipe that trains on it in about a second."""

import numpy as np
from PIL import Image

RECIPE = """
name: own
image: {size: 32}
sources:
  own: {use: manifest, root: DATA, LABELS, masks: {lung: lung, heart: heart}, patient: patient, val: 0.3, test: 0.3}
backbone: {use: multimix_encoder, widths: [4, 4, 8, 8, 8]}
tasks:
  findings:
    source: own
    batch: 4
    evaluate_on: {here: own}
    head: {use: pooled_linear, HEAD}
    augment: {weak: {use: identity}}
    strategies: [{use: cross_entropy}]
    metrics: [METRICS]
  organs:
    source: own
    batch: 4
    evaluate_on: {here: own}
    head: {use: multimix_decoder, classes: [lung, heart], widths: [4, 4, 4, 4]}
    augment: {weak: {use: kornia_weak}}
    strategies: [{use: soft_dice}]
    metrics: [dice, empty_masks]
train: {steps: 2, evaluate_every: 2, log_every: 1, device: cpu}
"""


def write_set(folder, columns, cells, count=40, size=(40, 32)):
    """:param cells: of an image's number, its cells in these columns; every third image has no mask of the heart."""
    random = np.random.default_rng(0)
    lines = [",".join(("image", "patient", *columns, "lung", "heart"))]
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        grey = random.integers(0, 256, size, np.uint8)
        Image.fromarray(grey).save(folder / f"images/{number}.png")
        for organ, columns_inside in (("lung", slice(2, 12)), ("heart", slice(14, 22))):
            mask = np.zeros(size, np.uint8)
            mask[6:24, columns_inside] = 255
            Image.fromarray(mask).save(folder / f"masks/{number}_{organ}.png")
        heart = f"masks/{number}_heart.png" if number % 3 else ""
        known = cells(number)
        lines.append(",".join((f"images/{number}.png", f"p{number}", *known, f"masks/{number}_lung.png", heart)))
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_recipe(folder, labels, head, metrics, **replaced):
    """The recipe beside the table. :param labels, head, metrics: what stands in their places."""
    text = RECIPE.replace("LABELS", labels).replace("HEAD", head).replace("METRICS", metrics)
    for old, new in {"DATA": str(folder), **replaced}.items():
        text = text.replace(old, new)
    (folder / "own.yaml").write_text(text, encoding="utf-8")
    return folder / "own.yaml"
