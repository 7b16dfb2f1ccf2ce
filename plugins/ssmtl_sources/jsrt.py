"""The source `jsrt`: 247 chest X-rays with and without a lung nodule (Shiraishi et al., 2000), and their SCR masks."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from PIL import Image

from ssmtl import DataError, Example, Folders, ImageFile, Pixels
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
    """`JPCLN001.IMG` ... `JPCNN093.IMG` (or PNG, JPEG copies) anywhere below `root`; SCR's `fold1/masks/left lung/` ...

    :param root: the folder of the images, or one above it.
    :param masks: the folder, below root, that SCR's `left lung` etc. are somewhere in; None: anywhere in root.
    :param invert: of raw `.IMG` files only: white bones, as radiologists see them. Copies in other formats are
        taken as they are.
    :param split: SCR's protocol: fold 1 is the odd numbers, fold 2 the even; none: the core splits.
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
        `right_clavicle`, as far as there are files.

        :raises DataError: if there is no image, one is there twice, or `masks` was named and holds none.
        """
        root = self._folders.find(self._root, public_set=PUBLIC_SET)
        structures = self._structures(root)
        found = []
        for stem, path in _images(root).items():
            image: Pixels = RawImage(path, self._invert) if _is_raw(path) else ImageFile(path)
            own = {structure: files[stem] for structure, files in structures.items() if stem in files}
            found.append(
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
        return found

    def _structures(self, root: Path) -> dict[str, dict[str, Path]]:
        """Structure → stem → file, of both folds."""
        base = root / self._masks if self._masks is not None else root
        found = {}
        for structure in STRUCTURES:
            folders = sorted(folder for folder in base.rglob(structure) if folder.is_dir())
            files = by_stem(path for folder in folders for path in images_in(folder) if NAME.fullmatch(path.stem))
            if files:
                found[structure.replace(" ", "_")] = files
        if self._masks is not None and not found:
            raise DataError(f"{base} holds no folder {' or '.join(repr(name) for name in STRUCTURES)} with masks in it")
        return found

    def _split_of(self, stem: str) -> Literal["train", "test"] | None:
        if self._split == "none":
            return None
        odd = int(stem[-3:]) % 2 == 1
        return "train" if odd == (self._split == "train_on_fold1") else "test"


def _is_raw(path: Path) -> bool:
    return path.suffix.lower() == ".img"


def _images(root: Path) -> dict[str, Path]:
    """Stem → file: the raw files if there are any, else their copies."""
    named = sorted(path for path in root.rglob("JPC*") if NAME.fullmatch(path.stem))
    pictures = [path for path in named if not set(path.relative_to(root).parts[:-1]) & {*STRUCTURES, "masks"}]
    raw = [path for path in pictures if _is_raw(path)]
    found = by_stem(raw or [path for path in pictures if is_image(path)])
    if not found:
        raise DataError(f"{root} holds no JPCLN001.IMG ... JPCNN093.IMG (nor .png, .jpg). Get {PUBLIC_SET}")
    return dict(sorted(found.items()))


def _with_both_lungs(own: dict[str, Path]) -> dict[str, tuple[Pixels, ...]]:
    masks: dict[str, tuple[Pixels, ...]] = {structure: (ImageFile(path),) for structure, path in own.items()}
    if "left_lung" in masks and "right_lung" in masks:
        masks["lung"] = masks["left_lung"] + masks["right_lung"]
    return masks


def _mask_scale(image: Path, masks: Iterable[Path]) -> float:
    """Width of the first mask over that of the image; of raw images, SCR's size over JSRT's."""
    first = next(iter(masks), None)
    if first is None:
        return 1.0
    if _is_raw(image):
        return SCR_SIDE / SIDE
    return _width(first) / _width(image)


def _width(path: Path) -> int:
    """Pixels, from the header alone."""
    try:
        with Image.open(path) as opened:
            return opened.width
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"{path} is not an image: {error}") from error
