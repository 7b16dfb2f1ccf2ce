"""The source `folders`: your own images, in folders whose names say what they are."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from ssmtl import DataError, Example, Folders, ImageFile, Pixels
from ssmtl_sources.listing import by_stem, images_in, relative
from ssmtl_sources.patient_pattern import check_pattern, patients_in
from ssmtl_sources.splits import SplitName

UNLABELED = "unlabeled"


class PlainFolders:
    """One of two layouts, either directly in the root or in its folders `train/`, `val/`, `test/`.

    * classes: `CLASS/*.png`;
    * masks: `images/*.png`, with `masks/*.png` or `masks/STRUCTURE/*.png` of the same names; an image without a mask
      is not labelled.

    With either, `unlabeled/*.png` may hold images without labels or masks (they are for `train` if that folder is in
    the root beside `train/`).

    :param root: the folder that holds all of this.
    :param structure: name of the structure whose masks lie directly in `masks/`.
    :param patient: a regular expression that is searched in the file's name without suffix; its first group is the
        patient. None: each image is a patient.
    """

    def __init__(self, folders: Folders, /, *, root: str, structure: str = "mask", patient: str | None = None) -> None:
        self._folders = folders
        self._root = root
        self._structure = structure
        self._patient = patient
        if patient is not None:
            check_pattern(patient)

    def examples(self) -> Sequence[Example]:
        """The images, sorted by path.

        :raises DataError: if the folders fit neither layout, a class folder is empty, a mask has no image, or
            `patient` does not match a name, or takes too long to.
        """
        root = self._folders.find(self._root)
        examples = self._examples(root)
        if self._patient is None:
            return examples
        patients = patients_in([example.id for example in examples], self._patient, str(root))
        return [replace(example, patient=patient) for example, patient in zip(examples, patients, strict=True)]

    def _examples(self, root: Path) -> list[Example]:
        parts: list[SplitName] = [name for name in get_args(SplitName) if (root / name).is_dir()]
        if not parts:
            return self._part(root, root, None)
        stray = set(_subfolders(root)) - {*parts, UNLABELED}
        if stray:
            raise DataError(f"{root} has '{min(stray)}' beside {', '.join(parts)}; expected it inside them")
        examples = [example for part in parts for example in self._part(root, root / part, part)]
        if (root / UNLABELED).is_dir():
            examples += self._unlabeled(root, root / UNLABELED, "train")
        return examples

    def _part(self, root: Path, folder: Path, split: SplitName | None) -> list[Example]:
        names = set(_subfolders(folder))
        if "images" in names:
            examples = self._with_masks(root, folder, split)
        else:
            examples = [
                example for name in sorted(names - {UNLABELED}) for example in self._class(root, folder / name, split)
            ]
        if UNLABELED in names:
            examples += self._unlabeled(root, folder / UNLABELED, split)
        if not examples:
            raise DataError(f"{folder} holds no images; expected class folders, or images/ and masks/")
        return examples

    def _class(self, root: Path, folder: Path, split: SplitName | None) -> list[Example]:
        if folder.name == "masks":
            raise DataError(f"{folder} has no images/ beside it")
        paths = images_in(folder)
        if not paths:
            raise DataError(f"class folder {folder} holds no image")
        return [self._example(root, path, split, label=folder.name) for path in paths]

    def _unlabeled(self, root: Path, folder: Path, split: SplitName | None) -> list[Example]:
        return [self._example(root, path, split) for path in images_in(folder)]

    def _with_masks(self, root: Path, folder: Path, split: SplitName | None) -> list[Example]:
        stray = set(_subfolders(folder)) - {"images", "masks", UNLABELED}
        if stray:
            raise DataError(f"{folder} has '{min(stray)}' beside images/; expected masks/ or {UNLABELED}/")
        images = by_stem(images_in(folder / "images"))
        masks = self._masks(folder / "masks")
        for structure in masks.values():
            for stem in sorted(structure.keys() - images.keys()):
                raise DataError(f"mask {structure[stem]} has no image; expected one named '{stem}' in {folder}/images")
        return [
            self._example(
                root, path, split, masks={name: files[stem] for name, files in masks.items() if stem in files}
            )
            for stem, path in images.items()
        ]

    def _masks(self, folder: Path) -> dict[str, dict[str, Path]]:
        if not folder.is_dir():
            return {}
        by_structure = {name: by_stem(images_in(folder / name)) for name in _subfolders(folder)}
        direct = by_stem(images_in(folder))
        if direct and self._structure in by_structure:
            raise DataError(f"{folder} has masks of '{self._structure}' directly and in a folder; expected only one")
        return {self._structure: direct, **by_structure} if direct else by_structure

    def _example(
        self,
        root: Path,
        path: Path,
        split: SplitName | None,
        label: str | None = None,
        masks: dict[str, Path] | None = None,
    ) -> Example:
        mask_files: dict[str, tuple[Pixels, ...]] = {name: (ImageFile(file),) for name, file in (masks or {}).items()}
        name = relative(path, root)
        return Example(
            id=name,
            patient=name,
            image=ImageFile(path),
            labels=None if label is None else frozenset({label}),
            masks=mask_files or None,
            split=split,
        )


def _subfolders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
