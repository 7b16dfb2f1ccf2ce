"""The phantom: pure functions of (seed, domain, index), exact masks, distinct domains, disease only in the lungs."""

import hashlib
import itertools
import os
import pickle
import subprocess
import sys
from collections import Counter
from typing import get_args

import numpy as np
import pytest

from ssmtl import Example, Folders
from ssmtl_sources.phantom import STRUCTURES, Phantom, RadiographImage
from ssmtl_sources.phantom_clutter import distractors
from ssmtl_sources.phantom_domains import DOMAINS, DomainName
from ssmtl_sources.phantom_radiograph import Radiograph

NAMES = get_args(DomainName)


def phantom(domain="chex", **options) -> Phantom:
    return Phantom(Folders(), domain=domain, **options)


def mask(example: Example, structure: str = "lung") -> np.ndarray:
    (pixels,) = example.masks[structure]
    return pixels.read() > 127


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_every_domain_has_its_ranges():
    assert set(DOMAINS) == set(NAMES) == {"chex", "jsrt", "nihx", "mcu"}


@pytest.mark.parametrize("domain", NAMES)
def test_radiographs_are_the_same_twice_and_in_any_order(domain):
    forward = [example.image.read() for example in phantom(domain, images=6, size=48).examples()]
    backward = [example.image.read() for example in reversed(phantom(domain, images=6, size=48).examples())]
    for there, back in zip(forward, reversed(backward), strict=True):
        np.testing.assert_array_equal(there, back)
    assert len({image.tobytes() for image in forward}) == 6


def test_radiographs_are_the_same_in_a_new_process():
    code = (
        "import hashlib; from ssmtl import Folders; from ssmtl_sources.phantom import Phantom\n"
        "for e in Phantom(Folders(), domain='nihx', images=3, size=40, seed=5).examples():\n"
        "    print(e.image.fingerprint(), hashlib.sha256(e.image.read().tobytes()).hexdigest())"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "1"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    examples = phantom("nihx", images=3, size=40, seed=5).examples()
    here = [(e.image.fingerprint(), hashlib.sha256(e.image.read().tobytes()).hexdigest()) for e in examples]
    assert run.stdout.split() == [word for line in here for word in line]


def test_asking_for_more_images_changes_none():
    assert list(phantom(images=20).examples()) == list(phantom(images=50).examples())[:20]


@pytest.mark.parametrize("domain", NAMES)
def test_arrays_are_what_the_contract_says(domain):
    for example in phantom(domain, images=12, size=50).examples():
        image = example.image.read()
        assert image.shape == (50, 50)
        assert image.dtype == np.uint8
        assert np.ptp(image.astype(int)) > 80
        assert example.split is None
        assert example.mask_scale == 1.0
        assert set(example.masks) == set(STRUCTURES)
        for structure in STRUCTURES:
            assert set(np.unique(example.masks[structure][0].read())) == {0, 255}


@pytest.mark.parametrize("domain", NAMES)
def test_lungs_are_two_disjoint_regions_on_their_sides(domain):
    for example in phantom(domain, images=40, size=64).examples():
        left, right = mask(example, "left_lung"), mask(example, "right_lung")
        assert not (left & right).any()
        np.testing.assert_array_equal(left | right, mask(example))
        assert left.mean() > 0.02
        assert right.mean() > 0.02
        assert np.nonzero(right)[1].mean() < np.nonzero(left)[1].mean()


@pytest.mark.parametrize("domain", NAMES)
def test_lungs_lie_inside_the_image(domain):
    cut = 0
    for example in phantom(domain, images=100, size=64).examples():
        lungs = mask(example)
        cut += lungs[0].any() or lungs[-1].any() or lungs[:, 0].any() or lungs[:, -1].any()
        assert lungs.mean() < 0.6
    assert cut <= 25


def test_lungs_are_darker_than_what_surrounds_them():
    from scipy.ndimage import binary_dilation

    for example in phantom("jsrt", images=20, size=64).examples():
        image, lungs = example.image.read().astype(float), mask(example)
        ring = binary_dilation(lungs, iterations=4) & ~binary_dilation(lungs, iterations=1)
        assert image[lungs].mean() < image[ring].mean() - 20


@pytest.mark.parametrize("domain", NAMES)
def test_the_same_radiograph_at_any_size(domain):
    small, large = phantom(domain, images=15, size=64).examples(), phantom(domain, images=15, size=128).examples()
    for at64, at128 in zip(small, large, strict=True):
        assert at64.id == at128.id
        assert at64.labels == at128.labels
        assert dice(mask(at64), mask(at128).reshape(64, 2, 64, 2).mean((1, 3)) > 0.5) > 0.95
        image, halved = at64.image.read().astype(float), at128.image.read().reshape(64, 2, 64, 2).mean((1, 3))
        assert np.corrcoef(image.ravel(), halved.ravel())[0, 1] > 0.93


def test_domains_differ():
    mean, contrast, area, noise = ({} for _ in range(4))
    for domain in NAMES:
        examples = phantom(domain, images=60, size=64).examples()
        images = np.stack([example.image.read() for example in examples]).astype(float)
        lungs = np.stack([mask(example) for example in examples])
        mean[domain] = images.mean()
        contrast[domain] = images.std((1, 2)).mean()
        area[domain] = lungs.mean()
        fine = np.diff(np.diff(images, n=2, axis=1), n=2, axis=2)
        noise[domain] = np.median(np.abs(fine[lungs[:, 1:-1, 1:-1]]))
    assert mean["chex"] > mean["jsrt"] > mean["nihx"] + 10 > mean["mcu"] + 20
    assert contrast["jsrt"] > contrast["nihx"] + 8
    assert area["jsrt"] > area["chex"] + 0.03
    assert area["chex"] > area["mcu"]
    assert noise["nihx"] > 1.2 * noise["jsrt"]


@pytest.mark.parametrize("domain", NAMES)
def test_pneumonia_lies_in_the_lungs_and_brightens_them(domain):
    for example in phantom(domain, images=30, size=64).examples():
        healthy, ill = (
            RadiographImage(example.image.radiograph, diseased=d).read().astype(float) for d in (False, True)
        )
        change, lungs = np.abs(ill - healthy), mask(example)
        assert change.sum() > 0
        assert change[lungs].sum() > 0.95 * change.sum()
        assert (ill - healthy).mean() > 0


def test_classes_follow_the_probability():
    for chance in (0.0, 0.3, 0.5, 1.0):
        labels = Counter(label for e in phantom(images=1000, pneumonia=chance).examples() for label in e.labels)
        assert labels["pneumonia"] / 1000 == pytest.approx(chance, abs=0.05)
        assert labels.total() == 1000


def test_brightness_does_not_reveal_the_class():
    examples = phantom(images=300, size=48).examples()
    brightness = np.array([example.image.read().mean() for example in examples])
    ill = np.array(["pneumonia" in example.labels for example in examples])
    auroc = (brightness[ill][:, None] > brightness[~ill][None]).mean()
    assert 0.4 < auroc < 0.65


def test_some_patients_come_twice_with_one_anatomy():
    examples = phantom(images=400, follow_up=0.25).examples()
    radiographs = Counter(example.patient for example in examples)
    assert set(radiographs.values()) == {1, 2}
    assert sum(count == 2 for count in radiographs.values()) == pytest.approx(50, abs=20)
    for first, second in itertools.pairwise(examples):
        same = first.patient == second.patient
        assert same == (first.image.radiograph.anatomy() == second.image.radiograph.anatomy())
        if same:
            assert dice(mask(first), mask(second)) < 1
    assert set(Counter(e.patient for e in phantom(images=50, follow_up=0.0).examples()).values()) == {1}


def test_examples_survive_pickling():
    examples = list(phantom(images=4, size=32).examples())
    again = pickle.loads(pickle.dumps(examples))
    assert again == examples
    np.testing.assert_array_equal(again[1].image.read(), examples[1].image.read())


def test_fingerprints_are_equal_for_equal_content_only():
    def prints(**options) -> list[str]:
        examples = phantom(**({"images": 6, "size": 32} | options)).examples()
        return [p.fingerprint() for e in examples for p in (e.image, *(e.masks[s][0] for s in STRUCTURES))]

    reference = prints()
    assert prints() == reference
    assert len(set(reference)) == len(reference)
    for options in ({"seed": 1}, {"size": 33}, {"domain": "jsrt"}):
        assert not set(prints(**options)) & set(reference)
    assert prints(pneumonia=1.0)[1::4] == reference[1::4], "masks do not depend on the disease"


def test_ids_and_names_tell_radiographs_apart():
    examples = phantom(images=30).examples()
    assert len({example.id for example in examples}) == 30
    names = {p.name for e in examples for p in (e.image, *(e.masks[s][0] for s in STRUCTURES))}
    assert len(names) == 30 * 4


@pytest.mark.parametrize("domain", NAMES)
def test_a_harder_set_shows_the_same_patients_classes_and_masks(domain):
    easy, hard = (phantom(domain, images=6, size=48, difficulty=one).examples() for one in (0.0, 1.0))
    usual = phantom(domain, images=6, size=48).examples()
    for one, two, same in zip(easy, hard, usual, strict=True):
        assert one.image.fingerprint() == same.image.fingerprint() != two.image.fingerprint()
        assert np.array_equal(one.image.read(), same.image.read())
        assert (one.id, one.patient, one.labels) == (two.id, two.patient, two.labels)
        assert np.array_equal(mask(one), mask(two))
        assert np.abs(one.image.read().astype(int) - two.image.read()).mean() > 3


def test_distractors_lie_outside_the_lungs():
    for number in range(8):
        radiograph = Radiograph("chex", number, 0, 0, 64)
        u, v = radiograph.body_coordinates()
        found = distractors(np.random.default_rng(number), radiograph.anatomy(), u, v, 1.0)
        inside = radiograph.mask("lung") > 0
        assert np.abs(found[inside]).max() == 0
        assert np.abs(found[~inside]).max() > 0.1


def test_pneumonia_is_fainter_in_a_harder_set():
    def shown(difficulty):
        radiograph = Radiograph("chex", 3, 0, 0, 64, difficulty)
        ill, well = (radiograph._attenuation(diseased=one) for one in (True, False))
        return (ill - well)[radiograph.mask("lung") > 0].sum()

    assert 0 < shown(1.0) < shown(0.5) < shown(0.0)
