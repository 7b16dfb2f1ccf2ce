"""The source `shenzhen`: 662 chest X-rays from Shenzhen with some lung masks, tuberculosis or normal (NLM)."""

from collections.abc import Sequence

from ssmtl import DataError, Example, Folders, ImageFile
from ssmtl_sources.listing import images_in, is_there, relative, set_folder
from ssmtl_sources.tuberculosis import PAGE, parse

PUBLIC_SET = (
    f"the Shenzhen Hospital CXR set (ChinaSet_AllFiles) of the U.S. National Library of Medicine, {PAGE}; its lung "
    "masks: https://www.kaggle.com/datasets/yoctoman/shcxr-lung-mask"
)


class Shenzhen:
    """Reads `CXR_png/CHNCXR_0001_0.png`, and masks such as `mask/CHNCXR_0001_0_mask.png` where they exist.

    :param root: the folder `ChinaSet_AllFiles`, or the one that holds it; `mask` may lie inside or beside the former.
    """

    def __init__(self, folders: Folders, /, *, root: str) -> None:
        self._folders = folders
        self._root = root

    def examples(self) -> Sequence[Example]:
        """Labels `normal`, `tuberculosis`; structure `lung`.

        :raises DataError: if the folder of images is missing or empty, or a name has another form.
        """
        root = set_folder(self._folders.find(self._root, public_set=PUBLIC_SET), ["ChinaSet_AllFiles"], ["CXR_png"])
        examples = []
        for path in images_in(root / "CXR_png"):
            places = (root / "mask" / f"{path.stem}_mask.png", root.parent / "mask" / f"{path.stem}_mask.png")
            mask = next((place for place in places if is_there(place)), None)
            named = parse(path)
            examples.append(
                Example(
                    id=relative(path, root),
                    patient=named.patient,
                    image=ImageFile(path),
                    labels=frozenset({named.label}),
                    masks=None if mask is None else {"lung": (ImageFile(mask),)},
                )
            )
        if not examples:
            raise DataError(f"{root / 'CXR_png'} holds no image")
        return examples
