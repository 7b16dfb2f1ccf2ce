"""Children and adults as tables, as they are and changed: what keeps a classifier of children from adults?

    python benchmarks/quality/across_ages.py RUN DATA OUT
    ssmtl bench run benchmarks/quality/across_ages.yaml --data-root OUT

RUN: a run with a task of lung masks, which finds the lungs. DATA: the folder of the data sets. In OUT, a folder for
each change: `plain` as they are; `standardised`, every image with the same mean and standard deviation; `equalised`
with the histogram flat, so that no monotone change of grey levels matters; `lungs` cut to the box around the predicted
lungs, with a margin. Three more are reduced to 64 × 64 pixels first, so that a cut image shows no more detail than a
whole one: `small_lungs`, cut in the same way; `fixed_box`, each cut to one and the same box, the mean of those of the
children in `train`; `no_lungs`, with the box black. Each has the tables `children`, `adults` (with view, age and sex)
and `covid`, and of the children `train.csv` and `test.csv`, the folders of these names alone and without a split, for
`cut_report`.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

import ssmtl
from ssmtl_sources.chest_xray import patient_of

MARGIN = 0.05
"""Of the box's sides, on each side of it."""

SIDE = 64
"""Of the images that are reduced first."""

MEAN, DEVIATION = 0.5, 0.2
"""Of a standardised image's grey levels, of which black is 0 and white 1."""


def rows_of(data: Path) -> Iterator[dict[str, str]]:
    """Every image: set, file, label, patient, split, view, age, sex."""
    with open(data / "chest_xray" / "index.csv", newline="") as file:
        for row in csv.DictReader(file):
            path = Path(row["image"])
            part = path.parts[0]
            yield {
                "set": "children", "file": f"chest_xray/{path}", "label": row["label"].lower(),
                "patient": f"{'train' if part == 'val' else part}/{patient_of(path.stem)}",  # as the source calls it
                "split": part, "view": "", "age": "", "sex": "",
            }  # fmt: skip
    folder = data / "nih_chestxray14_subset"
    with open(folder / "Data_Entry_2017.csv", newline="") as file:
        for row in csv.DictReader(file):
            findings = row["Finding Labels"].split("|")
            label = "pneumonia" if "Pneumonia" in findings else "normal" if findings == ["No Finding"] else ""
            age = row["Patient Age"].rstrip("YMD").lstrip("0")
            yield {
                "set": "adults", "file": f"{folder.name}/images/{row['Image Index']}", "label": label,
                "patient": row["Patient ID"], "split": "", "view": row["View Position"],
                "age": age if int(age or 0) < 120 else "", "sex": row["Patient Gender"],
            }  # fmt: skip
    with open(data / "covid_chestxray" / "index.csv", newline="") as file:
        for row in csv.DictReader(file):
            label = {"No Finding": "normal", "COVID-19": "pneumonia"}.get(row["finding"].split("/")[-1], "")
            yield {
                "set": "covid", "file": f"covid_chestxray/{row['image']}", "label": label, "patient": row["patientid"],
                "split": "", "view": row["view"], "age": row["age"], "sex": row["sex"],
            }  # fmt: skip


def box_of(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom around the mask, with the margin; None if it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    height, width = mask.shape
    down, beside = round(MARGIN * (rows[-1] - rows[0])), round(MARGIN * (columns[-1] - columns[0]))
    return (
        max(columns[0] - beside, 0), max(rows[0] - down, 0),
        min(columns[-1] + beside + 1, width), min(rows[-1] + down + 1, height),
    )  # fmt: skip


def standardised(picture: Image.Image) -> Image.Image:
    """With MEAN and DEVIATION, but for what they cut off at black and white."""
    grey = np.asarray(picture, np.float64)
    level = MEAN + DEVIATION * (grey - grey.mean()) / max(grey.std(), 1.0)
    return Image.fromarray((level.clip(0, 1) * 255).round().astype(np.uint8))


def cut(small: Image.Image, box: np.ndarray) -> Image.Image:
    """:param box: left, top, right and bottom, as shares of the sides."""
    return small.resize(small.size, Image.Resampling.BILINEAR, (*(box * SIDE),))


def without(small: Image.Image, box: np.ndarray) -> Image.Image:
    """The image, black within the box."""
    left, top, right, bottom = (box * SIDE).round().astype(int)
    grey = np.array(small)
    grey[top:bottom, left:right] = 0
    return Image.fromarray(grey)


def write(path: Path, entries: list[dict[str, str]]) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, entries[0].keys())
        writer.writeheader()
        writer.writerows(entries)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    every = [row for row in rows_of(arguments.data) if row["label"]]
    model = ssmtl.load(arguments.run)
    (task,) = (name for name, one in model.tasks.items() if one.kind == "masks")
    boxes = {row["file"]: _box(model, task, arguments.data / row["file"]) for row in every}
    of_train = [boxes[row["file"]] for row in every if row["split"] == "train"]
    mean = np.mean([shares for _, shares in filter(None, of_train)], 0)
    whole = np.array([0.0, 0.0, 1.0, 1.0])
    tables: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in every:
        picture = Image.open(arguments.data / row["file"]).convert("L")
        small = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        box, shares = boxes[row["file"]] or (None, whole)
        made = {
            "plain": picture, "standardised": standardised(picture), "equalised": ImageOps.equalize(picture),
            "lungs": picture.crop(box), "small_lungs": cut(small, shares), "fixed_box": cut(small, mean),
            "no_lungs": without(small, shares) if box else small,
        }  # fmt: skip
        for change in made:
            name = str(Path(row["file"]).relative_to(Path(row["file"]).parts[0]).with_suffix(".png"))
            path = arguments.out / change / row["set"] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            made[change].save(path)
            entry = {"image": name, **{key: value for key, value in row.items() if key not in ("set", "file")}}
            tables.setdefault((change, row["set"]), []).append(entry)
    for (change, name), entries in tables.items():
        write(arguments.out / change / name / "manifest.csv", entries)
        for part in ("train", "test") if name == "children" else ():
            alone = [entry | {"split": ""} for entry in entries if entry["split"] == part]
            write(arguments.out / change / name / f"{part}.csv", alone)
    missed = sum(box is None for box in boxes.values())
    print(f"{len(every)} images; in {missed} no lungs were found; the mean box: {mean.round(3)}")


def _box(model: ssmtl.Model, task: str, path: Path) -> tuple[tuple[int, int, int, int], np.ndarray] | None:
    """Around the lungs, in pixels and as shares of the image's sides; None if none are found."""
    (found,) = model.predict([path])
    (mask,) = found.masks[task].masks.values()
    box = box_of(np.asarray(mask))
    return box and (box, np.array(box) / [*mask.shape[::-1], *mask.shape[::-1]])


if __name__ == "__main__":
    main()
