"""What a task's bridge shows the backbone in the place of an image, below it."""

from collections.abc import Iterator

from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.reports.drawing import SMALL, Drawing, pictures, plain
from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.wording import counted

COLUMNS = 6


def draw_shown(run: FinishedRun) -> Iterator[Drawing]:
    """One drawing per domain of each task whose bridge shows something else than the image: one column per image."""
    for item in run.predictions:
        if "sample_shown" in item and "sample_images" in item and len(item["sample_shown"]):
            yield _shown(run, item)


def _shown(run: FinishedRun, item: StoredPredictions) -> Drawing:
    images, shown = item["sample_images"], item["sample_shown"]
    count = min(len(images), COLUMNS)
    figure, frames = pictures(2, count, images.shape[1] / images.shape[2], titled=1, below=0.08, left=0.25)
    for column in range(count):
        for frame, picture in zip((frames[0][column], frames[1][column]), (images, shown), strict=True):
            frame.imshow(picture[column], cmap="gray", vmin=0, vmax=255)
        if "sample_ids" in item:
            frames[0][column].set_title(plain(str(item["sample_ids"][column]), 17), fontsize=SMALL)
    frames[0][0].set_ylabel("image", fontsize=SMALL)
    frames[1][0].set_ylabel("shown", fontsize=SMALL)
    used = run.bridge(item.task)
    caption = (
        f"{item.task}, {item.domain}: what the bridge{f' {used}' if used else ''} shows the network in place of the "
        "image, for some test images, evenly spaced over the set."
    )
    if "shown_whole" in item:
        every = item["shown_whole"]
        caption += f" Shown as it is: {int(every.sum())} of {counted(len(every), 'image')}."
    return Drawing(f"shown.{item.task}.{item.domain}", caption, figure)
