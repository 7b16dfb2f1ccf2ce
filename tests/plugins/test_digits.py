"""The source `digits`: what scikit-learn has, in its order, in two fixed parts."""

import sys
from collections import Counter

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ssmtl import Folders, SsmtlError
from ssmtl_sources.digits import Digits


def test_images_and_classes_are_those_of_scikit_learn():
    examples, bunch = Digits(Folders()).examples(), load_digits()
    pixels = np.stack([example.image.read() for example in examples])
    assert pixels.dtype == np.uint8
    assert pixels.max() == 255
    np.testing.assert_allclose(pixels / 255 * 16, bunch.images, atol=0.04)
    assert [min(example.labels) for example in examples] == [str(number) for number in bunch.target]


def test_the_parts_are_fixed_and_every_class_is_in_both():
    examples = Digits(Folders()).examples()
    assert [example.split for example in examples] == ["train"] * 1200 + ["test"] * 597
    assert len({example.image.fingerprint() for example in examples}) == len(examples) == 1797
    for part in ("train", "test"):
        counts = Counter(min(example.labels) for example in examples if example.split == part)
        assert set(counts) == set("0123456789")
        assert min(counts.values()) > 50


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(SsmtlError, match=r"needs the extra 'digits': pip install 'ssmtl\[digits\]'"):
        Digits(Folders())
