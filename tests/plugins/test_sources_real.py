"""The readers on the real files, if they exist: in SSMTL_DATA, or ../shared/data beside the repository."""

import csv
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ssmtl import Folders
from ssmtl.data.images import grey_uint8
from ssmtl.data.masks import mask_uint8
from ssmtl_sources import ssmtl_sources

DATA = Path(os.environ.get("SSMTL_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
SOURCES = ssmtl_sources()


def read(name, root, **options):
    if not (DATA / root).is_dir():
        pytest.skip(f"no real data at {DATA / root} (SSMTL_DATA names its folder)")
    return SOURCES[name](Folders(DATA), root=root, **options).examples()


def check_some(examples, count=12):
    """Decodes a few, evenly spread; masks must have the size of their images, and be neither empty nor full."""
    for example in examples[:: max(1, len(examples) // count)]:
        pixels, size = grey_uint8(example.image, 32, 1)
        assert pixels.std() > 5
        for masks in (example.masks or {}).values():
            share = mask_uint8(masks, 32, size, example.mask_scale, example.image.name).mean()
            assert share < 0.9
            assert share > 0.02 or example.labels & {"normal", "benign", "malignant"}


def test_chest_xray():
    found = read("chest_xray", "chest_xray")
    assert Counter(example.split for example in found) == {"train": 4135, "test": 624}
    assert Counter((example.split, *example.labels) for example in found) == {
        ("train", "normal"): 1071,
        ("train", "pneumonia"): 3064,
        ("test", "normal"): 234,
        ("test", "pneumonia"): 390,
    }
    assert Counter(example.split for example in found if example.masks) == {"train": 4133}
    patients = {example.id: example.patient for example in found}
    with (DATA / "chest_xray" / "index.csv").open() as opened:
        rows = list(csv.DictReader(opened))
    assert patients == {row["image"]: f"{row['image'].split('/')[0]}/{row['patient']}" for row in rows}
    check_some(found)


def test_chest_xray_lungs():
    found = read("chest_xray", "chest_xray", parts=["train"], only="with_masks", keep_split=False)
    assert len(found) == 4133
    assert {example.split for example in found} == {None}


def test_nih_chestxray14():
    found = read("nih_chestxray14", "nih_chestxray14_subset", findings=["No Finding", "Pneumonia"])
    assert Counter(name for example in found for name in example.labels) == {"No Finding": 239, "Pneumonia": 263}
    assert len(found) == 502
    assert len({example.patient for example in found}) == 342
    assert len(read("nih_chestxray14", "nih_chestxray14_subset")) == 502
    check_some(found)


@pytest.mark.parametrize(("masks", "count", "column"), [("v7", 177, "v7_mask"), ("lungvae", 79, "lungvae_mask")])
def test_covid_chestxray(masks, count, column):
    found = read("covid_chestxray", "covid_chestxray", masks=masks)
    assert len(found) == 231
    assert len(read("covid_chestxray", "covid_chestxray", masks=masks, only="with_masks")) == count
    assert Counter(name for example in found for name in example.labels or ())["COVID-19"] == 177
    with (DATA / "covid_chestxray" / "index.csv").open() as opened:
        rows = {row["image"]: row for row in csv.DictReader(opened)}
    root = DATA / "covid_chestxray"
    for example in found:
        own = [mask.path.relative_to(root).as_posix() for mask in (example.masks or {}).get("lung", ())]
        assert ";".join(own) == rows[example.id][column]
        assert example.patient == rows[example.id]["patientid"]
    check_some([example for example in found if example.masks])


def test_busi():
    found = read("busi", "Dataset_BUSI_with_GT")
    assert Counter(name for example in found for name in example.labels) == {
        "benign": 328,
        "malignant": 158,
        "normal": 100,
    }
    assert all(example.masks for example in found)
    assert sum(len(example.masks["lesion"]) == 2 for example in found) >= 10
    groups = Counter(example.patient for example in found)
    assert max(groups.values()) > 1
    assert len(groups) < len({example.id for example in found}) == 586
    check_some(found)
    for example in found[:8]:
        _, size = grey_uint8(example.image, 64, 1)
        lesion = mask_uint8(example.masks["lesion"], 64, size)
        assert 0 < lesion.mean() < 0.6
        assert set(np.unique(lesion)) == {0, 1}
