"""Whether patients of two sources are named alike."""

import hashlib
import os
from contextlib import suppress

from ssmtl.contracts.folders import Folders
from ssmtl.data.split_file import SplitFile
from ssmtl.errors import DataError
from ssmtl.recipe.models import Recipe, SourceEntry


def namespace_of(name: str, entry: SourceEntry, folders: Folders) -> str:
    """A word that is equal for two sources if one patient's name is one person in both.

    The entry's `patients`, else the folder that its root leads to, however it is spelt, else the source's own name.

    :raises DataError: if the root cannot be a path.
    """
    root = entry.options.get("root")
    if entry.patients is not None:
        return f"named {entry.patients}"
    if not isinstance(root, str):
        return f"source {name}"
    try:
        place = os.path.realpath(folders.resolve(root))
    except (DataError, ValueError) as error:  # ValueError: a null character
        raise DataError(f"source '{name}': root: {error}") from error
    return f"root {hashlib.sha256(os.fsencode(place)).hexdigest()[:16]}"


def with_moved(split: SplitFile, recipe: Recipe, folders: Folders) -> SplitFile:
    """The split of an earlier run whose data may have been moved since: patients are named alike where it says so, and
    where its sources would be now. Of a root that leads nowhere here, only the former is known.

    :param recipe: of that run. :param folders: of today.
    """
    today: dict[str, set[str]] = {}
    for name, entry in recipe.sources.items():
        if name in split.namespaces:
            with suppress(DataError):
                today.setdefault(split.namespaces[name], set()).add(namespace_of(name, entry, folders))
    moved = {
        f"moved{number}:{name}": (name, place)
        for name, space in split.namespaces.items()
        for number, place in enumerate(sorted(today.get(space, set()) - {space}))
    }
    images, others = (
        known | {alias: known[name] for alias, (name, _) in moved.items() if name in known}
        for known in (split.images, split.others)
    )
    namespaces = split.namespaces | {alias: place for alias, (_, place) in moved.items()}
    return split.model_copy(update={"namespaces": namespaces, "images": images, "others": others})
