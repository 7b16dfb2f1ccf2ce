"""Saliency maps below their images: where a small change of the input would change a class's logit most."""

from collections.abc import Iterator

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.reports.drawing import SMALL, Drawing, pictures, plain
from ssmtl.reports.run.finished_run import FinishedRun

COLUMNS = 6
BRIGHTEST = 99.5  # percentile of an image's maps that is drawn brightest; larger values are clipped
COLOURS = "inferno"  # perceptually uniform, safe for colour-blind readers


def draw_saliency(run: FinishedRun) -> Iterator[Drawing]:
    """One drawing per task and domain with saved maps: one column per image, one row per class."""
    for item in run.predictions:
        if "sample_saliency" in item and "sample_images" in item and item["sample_saliency"].size:
            yield _maps(run, item)


def _maps(run: FinishedRun, item: StoredPredictions) -> Drawing:
    images, maps = item["sample_images"], item["sample_saliency"].astype(float)
    count = maps.shape[1]
    classes = [str(name) for name in item["saliency_classes"]] if "saliency_classes" in item else []
    classes = classes if len(classes) == count else run.class_names(item.task, count)
    ids = item["sample_ids"] if "sample_ids" in item else np.arange(len(images)).astype(str)
    shown = min(len(images), COLUMNS)
    figure, frames = pictures(
        1 + count, shown, images.shape[1] / images.shape[2], titled=1, below=0.08, left=0.25, right=0.6
    )
    truth = _truth(run, item)
    for column in range(shown):
        scale = float(np.nanpercentile(maps[column], BRIGHTEST)) or 1.0
        frames[0][column].imshow(images[column], cmap="gray", vmin=0, vmax=255)
        name = str(ids[column])
        title = f"{plain(name, 17)}\n{plain(truth[name], 18)}" if name in truth else plain(name, 17)
        frames[0][column].set_title(title, fontsize=SMALL)
        for row in range(count):
            frames[row + 1][column].imshow(maps[column, row] / scale, cmap=COLOURS, vmin=0, vmax=1)
    for row, name in enumerate(["image", *classes]):
        frames[row][0].set_ylabel(plain(name, 22), fontsize=SMALL)
    top, bottom = frames[1][-1].get_position(), frames[-1][-1].get_position()
    beside = figure.add_axes((top.x1 + 0.015, bottom.y0, 0.012, top.y1 - bottom.y0))
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), COLOURS), cax=beside)
    bar.ax.tick_params(labelsize=SMALL)
    bar.set_label("relative saliency", fontsize=SMALL)
    caption = (
        f"{item.task}, {item.domain}: saliency for each class of the classification task: the absolute gradient of the "
        f"class's logit with respect to the pixels, relative to the {BRIGHTEST}th percentile of the image's maps. It "
        "shows sensitivity, not the reason for a prediction."
    )
    return Drawing(f"saliency.{item.task}.{item.domain}", caption, figure)


def _truth(run: FinishedRun, item: StoredPredictions) -> dict[str, str]:
    """The true class by image id, for a multi-class task."""
    if "probabilities" not in item or "targets" not in item or item["targets"].ndim != 1:
        return {}
    names = run.class_names(item.task, item["probabilities"].shape[1])
    return {
        str(name): f"true: {names[int(target)]}"
        for name, target in zip(item["ids"], item["targets"], strict=True)
        if 0 <= target < len(names)
    }
