"""Intensity randomisation and elastic warps against NumPy and SciPy, from the same random numbers."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ssmtl import RandomStream
from ssmtl.testing.samples import images as smooth_images
from ssmtl.testing.samples import masks as blobs
from ssmtl_augment.bias_field import bias_field
from ssmtl_augment.elastic_affine import ElasticAffine
from ssmtl_augment.gaussian import smoothed
from ssmtl_augment.intensity import IntensityRandomization
from ssmtl_kornia.operations import step
from ssmtl_kornia.rand_augment import RandAugment

OFF = {"bias": 0.0, "gamma": 1.0, "contrast": 0.0, "brightness": 0.0, "blur": 0.0, "noise": 0.0}
STILL = {"rotate": 0.0, "scale": 0.0, "shift": 0.0, "elastic": 0.0}
few = settings(max_examples=15)
seeds = st.integers(0, 2**31)


def stream_of(rows, seed=0):
    return RandomStream.of(range(rows), seed, "task", 0, "unlabeled/strong")


def amounts(stream, name, probability):
    chance, amount = stream.uniform(name, 2).double().numpy().T
    return np.where(chance < probability, 2 * amount - 1, 0)


# Intensities


def field_by_hand(stream, height, width):
    """Each pixel by itself."""
    drawn = 2 * stream.uniform("bias field", 9).double().numpy() - 1
    y, x = np.mgrid[:height, :width]
    fields = []
    for row in drawn:
        waves = [
            row[3 * down + across]
            * np.cos(np.pi * down * (2 * y + 1) / (2 * height))
            * np.cos(np.pi * across * (2 * x + 1) / (2 * width))
            for down in range(3)
            for across in range(3)
        ]
        field = sum(waves[1:])
        fields.append(field / np.abs(field).max())
    return np.stack(fields)[:, None]


def blurred_by_hand(image, sigma):
    """SciPy's, with what lies outside left out of the mean."""
    if sigma == 0:
        return image
    one = ndimage.gaussian_filter(np.ones_like(image), sigma, mode="constant", truncate=20, axes=(1, 2))
    return ndimage.gaussian_filter(image, sigma, mode="constant", truncate=20, axes=(1, 2)) / one


@given(seed=seeds, shape=st.sampled_from([(1, 24, 30), (3, 17, 17), (2, 40, 9)]), probability=st.sampled_from([0.5, 1]))
@few
def test_intensity_is_its_operations_one_after_the_other(seed, shape, probability):
    stream, images = stream_of(4, seed), torch.rand(4, *shape, generator=torch.Generator().manual_seed(seed))
    found, _ = IntensityRandomization(probability=probability, blur=2.0)(images, None, stream)
    expected = []
    draws = {
        name: amounts(stream, name, probability)
        for name in ("bias", "gamma", "contrast", "brightness", "blur", "noise amount")
    }
    normal = stream.normal("noise", math.prod(shape)).double().numpy().reshape(4, *shape)
    field = field_by_hand(stream, *shape[1:])
    for row, image in enumerate(images.double().numpy()):
        a = {name: values[row] for name, values in draws.items()}
        image = np.clip(image * np.exp(0.5 * a["bias"] * field[row]), 0, 1)
        image = image ** (2.0 ** a["gamma"])
        image = image.mean() + (image - image.mean()) * (1 + 0.3 * a["contrast"]) + 0.2 * a["brightness"]
        image = blurred_by_hand(image, abs(2 * a["blur"])) if abs(2 * a["blur"]) > 0.05 else image
        expected.append(np.clip(image + 0.05 * abs(a["noise amount"]) * normal[row], 0, 1))
    np.testing.assert_allclose(found, np.stack(expected), atol=2e-4)
    assert found.min() >= 0
    assert found.max() <= 1


def test_each_operation_can_be_switched_off_to_the_last_bit():
    images, masks = smooth_images(6, 32), blobs(6, 2, 32)
    found, same = IntensityRandomization(probability=1.0, **OFF)(images, masks, stream_of(6))
    assert torch.equal(found, images)
    assert torch.equal(same, masks)
    untouched, _ = IntensityRandomization(probability=0.0)(images, None, stream_of(6))
    torch.testing.assert_close(untouched, images)


@pytest.mark.parametrize("name", OFF)
def test_each_operation_changes_images_and_no_mask(name):
    images, masks = smooth_images(6, 32), blobs(6, 2, 32)
    masks[1, 0] = torch.nan
    default = IntensityRandomization(probability=1.0)
    found, same = IntensityRandomization(probability=1.0, **OFF | {name: getattr(default, name)})(
        images, masks, stream_of(6)
    )
    assert (found - images).abs().amax((1, 2, 3)).gt(1e-4).all()
    assert torch.equal(same.nan_to_num(7), masks.nan_to_num(7))


@given(seed=seeds)
@few
def test_a_bias_field_is_smooth_and_reaches_one(seed):
    field = bias_field(stream_of(5, seed), 32, 48)
    torch.testing.assert_close(field.abs().amax((1, 2, 3)), torch.ones(5))
    assert field.diff(dim=2).abs().max() < 0.3
    assert field.diff(dim=3).abs().max() < 0.2


def test_smoothing_keeps_a_flat_image_flat_and_no_width_changes_nothing():
    torch.testing.assert_close(
        smoothed(torch.full((2, 1, 9, 7), 0.3), torch.tensor([0.5, 8.0])), torch.full((2, 1, 9, 7), 0.3)
    )
    images = torch.rand(2, 3, 9, 7)
    assert torch.equal(smoothed(images, torch.zeros(2)), images)


# Shapes


def places_by_hand(stream, height, width, rotate, scale, shift, elastic, smoothness):
    """Rows and columns of the source of each pixel; complex numbers turn and scale."""
    a, s, across, down = (2 * stream.uniform("affine", 4).double().numpy() - 1).T
    side = min(height, width)
    noise = (2 * stream.uniform("elastic", 2 * height * width).double().numpy() - 1).reshape(-1, 2, height, width)
    longest = elastic * side * stream.uniform("elastic amount").double().numpy()[:, 0]
    y, x = np.mgrid[:height, :width]
    centre = complex((width - 1) / 2, (height - 1) / 2)
    found = []
    for row in range(len(a)):
        at = (x + 1j * y - centre) * np.exp(1j * np.deg2rad(rotate * a[row])) * (1 + scale) ** -s[row] + centre
        at = at + shift * (width * across[row] + 1j * height * down[row])
        dx, dy = blurred_by_hand(noise[row], smoothness * side)
        at = at + (dx + 1j * dy) * longest[row] / np.hypot(dx, dy).max()
        found.append(np.stack([at.imag, at.real]))
    return np.stack(found)


OPTIONS = {"rotate": 30.0, "scale": 0.3, "shift": 0.1, "elastic": 0.05, "smoothness": 0.1}


@given(seed=seeds, size=st.sampled_from([(24, 24), (20, 33), (31, 18)]))
@few
def test_elastic_affine_is_scipys_interpolation_at_the_same_places(seed, size):
    images = torch.rand(3, 2, *size, generator=torch.Generator().manual_seed(seed))
    masks = (images > 0.5).float()
    stream = stream_of(3, seed)
    found, moved = ElasticAffine(**OPTIONS)(images, masks, stream)
    places = places_by_hand(stream, *size, **OPTIONS)
    for row in range(3):
        # SciPy's 'constant' goes on to the outside gradually only with a border of zeros.
        for channel in range(2):
            padded = np.pad(images[row, channel].double().numpy(), 2)
            expected = ndimage.map_coordinates(padded, places[row] + 2, order=1, mode="constant")
            np.testing.assert_allclose(found[row, channel], expected, atol=1e-3)
            nearest = ndimage.map_coordinates(np.pad(masks[row, channel].numpy(), 2), np.rint(places[row] + 2), order=0)
            clear = np.abs(places[row] % 1 - 0.5).min(0) > 1e-3
            assert (moved[row, channel].numpy() == nearest)[clear].all()


def test_a_warp_of_no_strength_changes_nothing():
    images, masks = smooth_images(4, 33), blobs(4, 2, 33)
    found, moved = ElasticAffine(**STILL)(images, masks, stream_of(4))
    torch.testing.assert_close(found, images, atol=1e-4, rtol=1e-4)
    assert torch.equal(moved, masks)


@pytest.mark.parametrize("name", STILL)
def test_each_part_moves_pixels(name):
    images = smooth_images(4, 32)
    found, _ = ElasticAffine(**STILL | {name: getattr(ElasticAffine(), name)})(images, None, stream_of(4))
    assert (found - images).abs().amax((1, 2, 3)).gt(1e-3).all()


@given(seed=seeds)
@few
def test_a_mask_moves_with_its_image_and_stays_what_it_is(seed):
    masks = blobs(6, 1, 40, seed)
    images, moved = ElasticAffine()(masks, masks, stream_of(6, seed))
    sure = (images < 1e-4) | (images > 1 - 1e-4)
    assert torch.equal(images[sure].round(), moved[sure])
    assert ((moved == 0) | (moved == 1)).all()
    unknown = masks.masked_fill(masks == 1, torch.nan)
    _, moved_unknown = ElasticAffine()(masks, unknown, stream_of(6, seed))
    assert torch.equal(moved_unknown.isnan(), moved == 1)


@given(seed=seeds)
@few
def test_no_pixel_is_displaced_farther_than_it_may(seed):
    moves = ElasticAffine(elastic=0.1)._displacements(stream_of(5, seed), 30, 50)
    assert moves.norm(dim=-1).max() <= 3 + 1e-4
    assert moves.diff(dim=1).abs().max() < 1, "no fold"


# RandAugment


@given(seed=seeds, magnitude=st.floats(0, 10))
@few
def test_rand_augment_applies_operations_of_one_magnitude(seed, magnitude):
    """Row by row, from the stream's numbers, with `step`, which is tested by itself."""
    images, masks, stream = smooth_images(6, 24, seed=seed), blobs(6, 1, 24, seed), stream_of(6, seed)
    augment = RandAugment(operations=3, magnitude=magnitude, pad=0, horizontal_flip=False)
    found, moved = augment(images, masks, stream)
    chosen, signs = stream.uniform("operation", 3).numpy(), stream.uniform("sign", 3).numpy()
    for row in range(6):
        image, mask = images[row : row + 1], masks[row : row + 1]
        for which, sign in zip(chosen[row], signs[row], strict=True):
            name = augment.pool[math.floor(which * 13)]
            level = torch.tensor([(1 if sign >= 0.5 else -1) * magnitude / 10])
            image, mask = step(image, mask, [name], level)
        torch.testing.assert_close(found[row], image[0], atol=1e-5, rtol=1e-5)
        assert torch.equal(moved[row], mask[0])


def test_rand_augment_of_magnitude_zero_changes_nothing_that_has_a_strength():
    images = (smooth_images(20, 24) * 255).round() / 255
    still = RandAugment(magnitude=0, pad=0, horizontal_flip=False, without=("autocontrast", "equalize"))
    torch.testing.assert_close(still(images, None, stream_of(20))[0], images, atol=1e-4, rtol=0)


@pytest.mark.parametrize("make", [IntensityRandomization, ElasticAffine])
def test_no_rows(make):
    found, moved = make()(torch.zeros(0, 1, 16, 16), torch.zeros(0, 2, 16, 16), stream_of(0))
    assert found.shape == (0, 1, 16, 16)
    assert moved.shape == (0, 2, 16, 16)
