"""The source `jsrt`: 247 chest X-rays with or without a lung nodule (Shiraishi et al., 2000), and their SCR masks."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from PIL import Image

from ssmtl import DataError, Example, Folders, ImageFile, Pixels, open_file
from ssmtl_sources.jsrt_raw import SIDE, RawImage
from ssmtl_sources.listing import by_stem, images_in, is_image, relative

PUBLIC_SET = (
    "the JSRT database (All247images) of the Japanese Society of Radiological Technology, "
    "http://db.jsrt.or.jp/eng.php, and the SCR masks of the Image Sciences Institute, Utrecht, "
    "https://www.isi.uu.nl/Research/Databases/SCR/"
)
NAME = re.compile(r"JPC([LN])N(\d{3})")
LABELS = {"L": "nodule", "N": "non-nodule"}
STRUCTURES = ("left lung", "right lung", "heart", "left clavicle", "right clavicle")
SCR_SIDE = 1024  # pixels

SplitRule = Literal["none", "train_on_fold1", "train_on_fold2"]


class Jsrt:
    """Reads `JPCLN001.IMG` ... `JPCNN093.IMG` (or PNG, JPEG copies) and SCR's `left lung/` etc. anywhere below `root`.

    :param root: the folder that holds the images, or a folder above it.
    :param masks: a folder below `root` to search for SCR's `left lung` etc.; None: all of `root`.
    :param invert: whether raw `.IMG` files are inverted, so that bones are white, as radiologists see them. Copies in
        other formats are used as they are.
    :param split: SCR's protocol: fold 1 holds the odd numbers, fold 2 the even ones; none: the core splits.
    """

    def __init__(
        self,
        folders: Folders,
        /,
        *,
        root: str,
        masks: str | None = None,
        invert: bool = True,
        split: SplitRule = "none",
    ) -> None:
        self._folders = folders
        self._root = root
        self._masks = masks
        self._invert = invert
        self._split = split

    def examples(self) -> Sequence[Example]:
        """Labels `nodule`, `non-nodule`; structures `lung` (both), `left_lung`, `right_lung`, `heart`, `left_clavicle`,
        `right_clavicle`, as far as their files exist.

        :raises DataError: if there is no image, an image exists twice, or the folder `masks` holds no masks.
        """
        root = self._folders.find(self._root, public_set=PUBLIC_SET)
        structures = self._structures(root)
        examples = []
        for stem, path in _images(root).items():
            image: Pixels = RawImage(path, self._invert) if _is_raw(path) else ImageFile(path)
            own = {structure: files[stem] for structure, files in structures.items() if stem in files}
            examples.append(
                Example(
                    id=relative(path, root),
                    patient=stem,
                    image=image,
                    labels=frozenset({LABELS[stem[3]]}),
                    masks=_with_both_lungs(own) if own else None,
                    split=self._split_of(stem),
                    mask_scale=_mask_scale(path, own.values()),
                )
            )
        return examples

    def _structures(self, root: Path) -> dict[str, dict[str, Path]]:
        """Structure → stem → file, from both folds."""
        base = root / self._masks if self._masks is not None else root
        files_of = {}
        for structure in STRUCTURES:
            folders = sorted(folder for folder in base.rglob(structure) if folder.is_dir())
            files = by_stem(path for folder in folders for path in images_in(folder) if NAME.fullmatch(path.stem))
            if files:
                files_of[structure.replace(" ", "_")] = files
        if self._masks is not None and not files_of:
            raise DataError(f"{base} holds no folder {' or '.join(repr(name) for name in STRUCTURES)} with masks in it")
        return files_of

    def _split_of(self, stem: str) -> Literal["train", "test"] | None:
        if self._split == "none":
            return None
        odd = int(stem[-3:]) % 2 == 1
        return "train" if odd == (self._split == "train_on_fold1") else "test"


def _is_raw(path: Path) -> bool:
    return path.suffix.lower() == ".img"


def _images(root: Path) -> dict[str, Path]:
    """Stem → file: the raw files if there are any, otherwise their copies."""
    named = sorted(path for path in root.rglob("JPC*") if NAME.fullmatch(path.stem))
    images = [path for path in named if not set(path.relative_to(root).parts[:-1]) & {*STRUCTURES, "masks"}]
    raw = [path for path in images if _is_raw(path)]
    files = by_stem(raw or [path for path in images if is_image(path)])
    if not files:
        raise DataError(f"{root} holds no JPCLN001.IMG ... JPCNN093.IMG (nor .png, .jpg). Get {PUBLIC_SET}")
    return dict(sorted(files.items()))


def _with_both_lungs(own: dict[str, Path]) -> dict[str, tuple[Pixels, ...]]:
    masks: dict[str, tuple[Pixels, ...]] = {structure: (ImageFile(path),) for structure, path in own.items()}
    if "left_lung" in masks and "right_lung" in masks:
        masks["lung"] = masks["left_lung"] + masks["right_lung"]
    return masks


def _mask_scale(image: Path, masks: Iterable[Path]) -> float:
    """Width of the first mask divided by that of the image; for raw images, SCR's size divided by JSRT's."""
    first = next(iter(masks), None)
    if first is None:
        return 1.0
    if _is_raw(image):
        return SCR_SIDE / SIDE
    return _width(first) / _width(image)


def _width(path: Path) -> int:
    """Pixels, from the header alone."""
    try:
        with open_file(path) as file, Image.open(file) as opened:
            return opened.width
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"{path} is not an image: {error}") from error
