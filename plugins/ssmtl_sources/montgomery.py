"""The source `montgomery`: 138 chest X-rays from Montgomery County with lung masks, tuberculosis or normal (NLM)."""

from collections.abc import Sequence

from ssmtl import DataError, Example, Folders, ImageFile
from ssmtl_sources.listing import by_stem, images_in, relative, set_folder
from ssmtl_sources.tuberculosis import PAGE, parse

PUBLIC_SET = f"the Montgomery County CXR set (MontgomerySet) of the U.S. National Library of Medicine, {PAGE}"


class Montgomery:
    """Reads `CXR_png/MCUCXR_0001_0.png`, and masks of the same name in `ManualMask/leftMask/` and `.../rightMask/`.

    :param root: the folder `MontgomerySet`, or the one that holds it.
    """

    def __init__(self, folders: Folders, /, *, root: str) -> None:
        self._folders = folders
        self._root = root

    def examples(self) -> Sequence[Example]:
        """Labels `normal`, `tuberculosis`; structures `lung`, `left_lung`, `right_lung`.

        :raises DataError: if a folder is missing or empty, a name has another form, or only one lung has a mask.
        """
        root = set_folder(self._folders.find(self._root, public_set=PUBLIC_SET), ["MontgomerySet"], ["CXR_png"])
        left, right = (by_stem(images_in(root / "ManualMask" / side)) for side in ("leftMask", "rightMask"))
        examples = []
        for path in images_in(root / "CXR_png"):
            if (path.stem in left) != (path.stem in right):
                missing = "rightMask" if path.stem in left else "leftMask"
                raise DataError(f"{path} has a mask of one lung only; there is none in {root / 'ManualMask' / missing}")
            masks = None
            if path.stem in left:
                one, other = ImageFile(left[path.stem]), ImageFile(right[path.stem])
                masks = {"lung": (one, other), "left_lung": (one,), "right_lung": (other,)}
            named = parse(path)
            examples.append(
                Example(
                    id=relative(path, root),
                    patient=named.patient,
                    image=ImageFile(path),
                    labels=frozenset({named.label}),
                    masks=masks,
                )
            )
        if not examples:
            raise DataError(f"{root / 'CXR_png'} holds no image")
        return examples
