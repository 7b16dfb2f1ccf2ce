"""Who trained or selected a model, found again among the images of a later question."""

from collections.abc import Mapping, Sequence

from ssmtl.data.identity import ImageIdentity, People
from ssmtl.data.names import tidy
from ssmtl.data.split_file import Known, SplitFile
from ssmtl.errors import RunError


def used_images(
    split: SplitFile,
    images: Mapping[str, Sequence[ImageIdentity]],
    namespaces: Mapping[str, str],
    *,
    selected: bool = True,
) -> dict[str, frozenset[str]]:
    """By source, ids of its images that trained or selected the model of the split, or show somebody who did.

    :param images: by source, whatever it is called. :param namespaces: of its patients; its name if not given.
    :param selected: whether those count who only selected it, and did not train.
    :raises RunError: if the split does not tell who was used.
    """
    for name, task in split.tasks.items():
        for source, ids in {**task.trained, task.source: (*task.labeled, *task.unlabeled, *task.val)}.items():
            unknown = sorted(set(ids) - split.images.get(source, {}).keys())
            if unknown:
                raise RunError(f"split.json: images.{source}: lacks '{unknown[0]}', which task '{name}' used")
    sources = sorted(split.images.keys() | split.others.keys())
    for source in sources:
        if source not in split.namespaces:
            raise RunError(f"split.json: namespaces.{source}: is missing, though the run lists images of the source")
    users, others = (
        {source: _identities(listed) for source, listed in known.items()} for known in (split.images, split.others)
    )
    every = {f"run {source}": [*users.get(source, ()), *others.get(source, ())] for source in sources}
    every |= {f"asked {source}": list(listed) for source, listed in images.items()}
    spaces = {f"run {source}": split.namespaces[source] for source in sources}
    spaces |= {f"asked {source}": namespaces.get(source, source) for source in images}
    people = People(every, spaces)
    trained = {(source, one) for task in split.tasks.values() for source, ids in task.trained.items() for one in ids}
    used = {
        people.person(f"run {source}", image)
        for source, listed in users.items()
        for image in listed
        if selected or source.startswith("init:") or (source, image.id) in trained
    }
    return {
        source: frozenset(image.id for image in listed if people.person(f"asked {source}", image) in used)
        for source, listed in images.items()
    }


def _identities(known: Known) -> list[ImageIdentity]:
    return [ImageIdentity(one, tidy(patient), content) for one, (content, patient) in known.items()]
