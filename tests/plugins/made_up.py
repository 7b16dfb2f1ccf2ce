"""Writes small made-up data sets in the layout of the public ones. Each function returns the folder for `root`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

RAW_SIDE = 2048  # pixels, of JSRT
SCR_SIDE = 1024  # pixels


def grey_image(path: Path, height: int = 40, width: int = 32, seed: int = 0, mode: str = "L") -> Path:
    """A smooth grey image of random brightness, in the format that its suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    ramp = np.add.outer(np.arange(height) / height, np.arange(width) / width) / 2
    grey = np.rint(255 * np.clip(ramp * rng.uniform(0.4, 0.9) + rng.uniform(0, 0.1), 0, 1)).astype(np.uint8)
    Image.fromarray(grey).convert(mode).save(path)
    return path


def blob(path: Path, height: int = 40, width: int = 32, left: bool = True, empty: bool = False) -> Path:
    """A 1-bit mask: a rectangle in one half, or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    inside = np.zeros((height, width), np.uint8)
    if not empty:
        start = 0 if left else width // 2
        inside[height // 4 : 3 * height // 4, start + width // 8 : start + 3 * width // 8] = 255
    Image.fromarray(inside).convert("1").save(path)
    return path


def chest_xray(root: Path, *, masks: bool = True, val: bool = True) -> Path:
    """Kermany: train 6 images of 4 patients (all but one with lungs), val 2, test 2."""
    names = {
        ("train", "NORMAL"): ["IM-0115-0001", "NORMAL2-IM-0529-0001"],
        ("train", "PNEUMONIA"): ["person1_bacteria_1", "person1_bacteria_2", "person3_virus_15", "person3_virus_16"],
        ("test", "NORMAL"): ["IM-0001-0001"],
        ("test", "PNEUMONIA"): ["person1_virus_6"],
    }
    if val:
        names |= {("val", "NORMAL"): ["NORMAL2-IM-1427-0001"], ("val", "PNEUMONIA"): ["person1946_bacteria_4874"]}
    for number, ((part, name), stems) in enumerate(names.items()):
        for stem in stems:
            grey_image(root / part / name / f"{stem}.jpeg", seed=number, mode="RGB")
            if masks and part == "train" and stem != "person3_virus_16":
                blob(root / "lung_masks" / part / name / f"{stem}.png")
    return root


def nih_chestxray14(root: Path, *, numbered: bool = False, lists: bool = False) -> Path:
    """ChestX-ray14: four images of three patients, and a fifth row whose file is absent."""
    rows = [
        ("00000001_000.png", "Cardiomegaly", 1),
        ("00000001_001.png", "Pneumonia|Infiltration", 1),
        ("00000002_000.png", "No Finding", 2),
        ("00000003_000.png", "Pneumonia", 3),
        ("00000004_000.png", "No Finding", 4),
    ]
    header = (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
        "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
    )
    lines = [f"{name},{finding},0,{patient},058,M,PA,2682,2749,0.143,0.143," for name, finding, patient in rows]
    root.mkdir(parents=True, exist_ok=True)
    (root / "Data_Entry_2017.csv").write_text("\n".join([header, *lines, ""]))
    for number, (name, _, _) in enumerate(rows[:4]):
        folder = root / f"images_{number // 2 + 1:03d}" / "images" if numbered else root / "images"
        grey_image(folder / name, seed=number)
    if lists:
        (root / "train_val_list.txt").write_text("00000001_000.png\n00000001_001.png\n00000002_000.png\n")
        (root / "test_list.txt").write_text("00000003_000.png\n00000004_000.png\n")
    return root


def covid_chestxray(root: Path) -> Path:
    """The official layout: metadata.csv; two frontal X-rays, a lateral one and a CT slice."""
    header = "patientid,offset,sex,age,finding,view,modality,folder,filename,clinical_notes"
    rows = [
        '2,0,M,65,Pneumonia/Viral/COVID-19,PA,X-ray,images,a.jpg,"cough, fever"',
        "4,0,F,52,todo,AP Supine,X-ray,images,b.png,",
        "4,0,F,52,Pneumonia/Viral/COVID-19,L,X-ray,images,c.png,",
        "5,0,F,52,Pneumonia/Viral/COVID-19,Axial,CT,images,d.png,",
    ]
    for name in ("a.jpg", "b.png", "c.png", "d.png"):
        grey_image(root / "images" / name)
    (root / "metadata.csv").write_text("\n".join([header, *rows, ""]))
    blob(root / "annotations" / "lungVAE-masks" / "a_mask.png")
    return root


def busi(root: Path) -> Path:
    """Breast ultrasound: two benign (the second with two masks), one malignant, one normal (black mask)."""
    for name, count in (("benign", 2), ("malignant", 1), ("normal", 1)):
        for number in range(1, count + 1):
            grey_image(root / name / f"{name} ({number}).png", seed=number)
            blob(root / name / f"{name} ({number})_mask.png", empty=name == "normal")
    blob(root / "benign" / "benign (2)_mask_1.png", left=False)
    return root


def jsrt_raw(path: Path, grey: int = 1000) -> Path:
    """A raw file like JSRT's: 2048 x 2048 big-endian 16-bit values; `grey`, with 4095 in the top left, then 0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = np.full((RAW_SIDE, RAW_SIDE), grey, ">u2")
    stored[0, :2] = 4095, 0
    path.write_bytes(stored.tobytes())
    return path


def jsrt(
    root: Path, stems: Sequence[str] = ("JPCLN001", "JPCLN002", "JPCNN001"), *, raw: bool = True, masks: bool = True
) -> Path:
    """JSRT's All247images, and SCR's scratch/fold1 and fold2 (GIF, half the size); raw, or PNG of 64 x 64."""
    for stem in stems:
        if raw:
            jsrt_raw(root / "All247images" / f"{stem}.IMG")
        else:
            grey_image(root / "All247images" / f"{stem}.png", 64, 64)
        if masks:
            fold = root / "scratch" / ("fold1" if int(stem[-3:]) % 2 else "fold2") / "masks"
            side = SCR_SIDE if raw else 32
            for structure in ("left lung", "right lung", "heart", "left clavicle", "right clavicle"):
                blob(fold / structure / f"{stem}.gif", side, side, left=structure.startswith("left"))
    return root


def montgomery(root: Path) -> Path:
    """Three patients, of whom the last has tuberculosis; returns the folder that holds MontgomerySet."""
    for stem in ("MCUCXR_0001_0", "MCUCXR_0002_0", "MCUCXR_0108_1"):
        grey_image(root / "MontgomerySet" / "CXR_png" / f"{stem}.png")
        blob(root / "MontgomerySet" / "ManualMask" / "leftMask" / f"{stem}.png", left=True)
        blob(root / "MontgomerySet" / "ManualMask" / "rightMask" / f"{stem}.png", left=False)
    (root / "MontgomerySet" / "CXR_png" / "Thumbs.db").write_bytes(b"no image")
    return root


def shenzhen(root: Path) -> Path:
    """Two patients, the first with a mask; returns the folder that holds ChinaSet_AllFiles."""
    for stem in ("CHNCXR_0001_0", "CHNCXR_0327_1"):
        grey_image(root / "ChinaSet_AllFiles" / "CXR_png" / f"{stem}.png")
    blob(root / "mask" / "CHNCXR_0001_0_mask.png")
    return root
