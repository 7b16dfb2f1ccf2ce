"""The contract check for a source."""

import pickle
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np

from ssmtl.contracts.folders import Folders
from ssmtl.contracts.source import Example, Pixels, SplitName
from ssmtl.data.images import grey_uint8, to_grey
from ssmtl.data.masks import mask_uint8
from ssmtl.recipe.models import SourceEntry
from ssmtl.registry.options import options_model
from ssmtl.testing.constructor import Make, made, name_of

IMAGES = 8
"""How many images are read, evenly spaced over the source."""


def check_source(make: Make, folders: Folders, /, **options: Any) -> None:
    """Distinct ids in a stable order; labels and masks of the right types; images that can be read and pickled."""
    name = name_of(make)
    hidden = set(options_model(make, name).model_fields) & set(SourceEntry.model_fields)
    assert not hidden, f"{name} has the option '{min(hidden)}', which in a recipe is a key of every source"
    examples: Sequence[Example] = made(make, options, folders).examples()
    assert examples, f"{name} names no image"
    ids = [example.id for example in examples]
    assert len(set(ids)) == len(ids), f"{name} names an image twice: {max(ids, key=ids.count)}"
    again = made(make, options, folders).examples()
    assert [example.id for example in again] == ids, f"{name} names its images in another order the second time"
    assert list(again) == list(examples), f"{name} describes an image differently the second time"
    sides: dict[str, set[str | None]] = {}
    for example in examples:
        _check_example(example, name)
        sides.setdefault(example.patient, set()).add(example.split)
    both = [patient for patient, splits in sides.items() if len(splits) > 1]
    assert not both, f"{name} puts images of the patient '{both[0]}' in several splits: {sides[both[0]]}"
    places = sorted(set(np.linspace(0, len(examples) - 1, min(IMAGES, len(examples))).astype(int).tolist()))
    _check_images([examples[place] for place in places], name)


def _check_example(example: Example, name: str) -> None:
    what = f"{name}, {example.id!r}"
    assert isinstance(example, Example), f"{name} gives {type(example).__name__}, expected ssmtl.Example"
    assert isinstance(example.id, str), f"{what}: the id is not a string"
    assert example.id, f"{name} gives an empty id"
    assert isinstance(example.patient, str), f"{what}: the patient is {example.patient!r}, expected a string"
    assert example.patient, f"{what}: the patient is empty; an image of an unknown patient is its own"
    assert example.split is None or example.split in get_args(SplitName), f"{what}: the split is {example.split!r}"
    if example.labels is not None:
        assert isinstance(example.labels, frozenset), f"{what}: labels are {example.labels!r}, expected a frozenset"
        assert all(isinstance(label, str) and label for label in example.labels), (
            f"{what}: labels are {set(example.labels)}"
        )
    for structure, parts in (example.masks or {}).items():
        assert isinstance(parts, tuple), f"{what}: the masks of '{structure}' are not a tuple"
        assert parts, f"{what}: the structure '{structure}' has no mask; leave it out where it is unknown"


def _check_images(examples: Sequence[Example], name: str) -> None:
    content: dict[str, bytes] = {}
    for example in examples:
        known = _check_pixels(example.image, name)
        fingerprint = example.image.fingerprint()
        assert content.setdefault(fingerprint, known) == known, (
            f"{name}: {example.image.name} has the fingerprint of another image"
        )
        copy = pickle.loads(pickle.dumps(example))
        assert copy == example, f"{name}: {example.id} differs after pickling"
        assert copy.image.read().tobytes() == example.image.read().tobytes(), (
            f"{name}: {example.id} reads differently after pickling"
        )
        _, size = grey_uint8(example.image, 16, 1)
        for parts in (example.masks or {}).values():
            for part in parts:
                _check_pixels(part, name)
            mask_uint8(parts, 16, size, example.mask_scale, example.image.name)


def _check_pixels(pixels: Pixels, name: str) -> bytes:
    """The image's content."""
    assert isinstance(pixels.name, str), f"{name}: an image's name is {pixels.name!r}, expected a string"
    assert pixels.name, f"{name}: an image has an empty name"
    first = pixels.fingerprint()
    assert isinstance(first, str), f"{name}: the fingerprint of {pixels.name} is not a string"
    assert pixels.fingerprint() == first, f"{name}: the fingerprint of {pixels.name} changes"
    array = pixels.read()
    to_grey(array, pixels.name)
    return f"{array.dtype} {array.shape}".encode() + array.tobytes()
