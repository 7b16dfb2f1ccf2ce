"""Histogram matching and Fourier mixing against NumPy, written out from the papers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssmtl import RandomStream, References
from ssmtl_augment.fourier_mix import FourierMix
from ssmtl_augment.histogram_match import HistogramMatch, match

few = settings(max_examples=15)
seeds = st.integers(0, 2**31)
shapes = st.sampled_from([(1, 8, 8), (3, 7, 10), (2, 12, 5)])


def stream_of(rows, seed=0):
    return RandomStream.of(range(rows), seed, "task", 0, "unlabeled/strong")


def random_images(rows, shape, seed, levels=256):
    drawn = torch.randint(0, levels, (rows, *shape), generator=torch.Generator().manual_seed(seed % 2**31))
    return drawn.float() / (levels - 1)


def bank_of(images, foreign=None):
    images = images.mul(255).round().to(torch.uint8)
    return References(images, torch.ones(len(images), dtype=torch.bool) if foreign is None else foreign)


def begun(augmentation, references):
    augmentation.begin(references)
    return augmentation


def draws(stream, references):
    """Partner, chance and amount of each row."""
    partner = np.floor(stream.uniform("partner")[:, 0].double().numpy() * len(references.images)).astype(int)
    chance, amount = stream.uniform("partner's share", 2).double().numpy().T
    return partner, chance, amount


def matched_by_hand(image, partner):
    """Each grey level by itself: the mean of the partner's levels at the ranks of its pixels."""
    result = np.zeros(image.shape)
    for channel in range(len(image)):
        wanted, rank = np.sort(partner[channel].ravel()), 0
        for level in np.unique(image[channel]):
            pixels = image[channel] == level
            result[channel][pixels] = wanted[rank : rank + pixels.sum()].mean()
            rank += pixels.sum()
    return result


@given(seed=seeds, shape=shapes, levels=st.sampled_from([2, 9, 256]), probability=st.sampled_from([0.5, 1.0]))
@few
def test_histogram_match_goes_a_share_of_the_way_to_the_partners_levels(seed, shape, levels, probability):
    images, references = random_images(4, shape, seed, levels), bank_of(random_images(3, shape, seed + 1))
    augment = begun(HistogramMatch(probability=probability, strength=0.7), references)
    found, masks = augment(images, None, stream_of(4, seed))
    assert masks is None
    for row, (partner, chance, amount) in enumerate(zip(*draws(stream_of(4, seed), references), strict=True)):
        own, other = images[row].double().numpy(), references.images[partner].double().numpy() / 255
        share = 0.7 * amount if chance < probability else 0
        expected = own + share * (matched_by_hand(own, other) - own)
        np.testing.assert_allclose(found[row].numpy(), expected, atol=1e-6)


@given(seed=seeds)
@few
def test_a_matched_image_has_its_partners_levels_and_its_own_order(seed):
    generator = torch.Generator().manual_seed(seed)
    images = torch.stack([torch.randperm(63, generator=generator) for _ in range(4)]).view(4, 1, 7, 9) / 62
    partners = random_images(4, (1, 7, 9), seed)
    found = match(images, partners)
    torch.testing.assert_close(found.flatten(1).sort().values, partners.flatten(1).sort().values)
    order = images.flatten(1).argsort()
    assert (found.flatten(1).gather(1, order).diff() >= 0).all()
    torch.testing.assert_close(match(partners, partners), partners)


def test_equal_pixels_stay_equal_and_the_mean_becomes_the_partners():
    images, partners = random_images(5, (2, 11, 6), 0, levels=4), random_images(5, (2, 11, 6), 1)
    found = match(images, partners)
    torch.testing.assert_close(found.mean((2, 3)), partners.mean((2, 3)))
    for image, before in zip(found.flatten(0, 1), images.flatten(0, 1), strict=True):
        assert len(image.unique()) == len(before.unique())


def mixed_by_hand(image, partner, beta, share):
    """Frequency by frequency, with the whole transform."""
    _, height, width = image.shape
    own, other = np.fft.fft2(image), np.fft.fft2(partner)
    spectrum = own.copy()
    for down in range(height):
        for across in range(width):
            nearest = max(min(down, height - down) / height, min(across, width - across) / width)
            if nearest <= beta:
                size = (1 - share) * np.abs(own) + share * np.abs(other)
                phase = np.angle(own[:, down, across])
                spectrum[:, down, across] = size[:, down, across] * np.exp(1j * phase)
    mixed = np.fft.ifft2(spectrum)
    assert np.abs(mixed.imag).max() < 1e-9
    return np.clip(mixed.real, 0, 1)


@given(
    seed=seeds,
    shape=shapes,
    beta=st.sampled_from([0.0, 0.17, 0.5]),
    alpha=st.sampled_from([0.6, None]),
    probability=st.sampled_from([0.5, 1.0]),
)
@few
def test_fourier_mix_changes_amplitudes_inside_the_window_and_no_phase(seed, shape, beta, alpha, probability):
    images, references = random_images(3, shape, seed), bank_of(random_images(3, shape, seed + 1))
    augment = begun(FourierMix(beta=beta, alpha=alpha, probability=probability), references)
    found, _ = augment(images, None, stream_of(3, seed))
    for row, (partner, chance, amount) in enumerate(zip(*draws(stream_of(3, seed), references), strict=True)):
        own, other = images[row].double().numpy(), references.images[partner].double().numpy() / 255
        if chance >= probability:
            assert torch.equal(found[row], images[row])
            continue
        expected = mixed_by_hand(own, other, beta, 1.0 if alpha is None else alpha * amount)
        np.testing.assert_allclose(found[row].numpy(), expected, atol=2e-5)


def test_all_amplitudes_of_the_image_itself_change_nothing():
    images = random_images(1, (1, 9, 14), 3)
    augment = begun(FourierMix(alpha=None, partners="any"), bank_of(images))
    torch.testing.assert_close(augment(images, None, stream_of(1))[0], images, atol=1e-5, rtol=0)


@pytest.mark.parametrize("make", [HistogramMatch, FourierMix])
def test_partners_are_of_other_sources_unless_any_may_be(make):
    images = random_images(6, (1, 6, 6), 0)
    black_is_foreign = bank_of(torch.stack([torch.zeros(1, 6, 6), torch.ones(1, 6, 6)]), torch.tensor([True, False]))
    options = {"strength": 1.0} if make is HistogramMatch else {"alpha": None}
    found, _ = begun(make(**options), black_is_foreign)(images, None, stream_of(6))
    either, _ = begun(make(partners="any", **options), black_is_foreign)(images, None, stream_of(6))
    assert (found <= images + 1e-6).all() or make is FourierMix
    assert found.mean() < images.mean() < either.amax((1, 2, 3)).mean()
    with pytest.raises(ValueError, match="expected partners: any"):
        make().begin(bank_of(images, torch.zeros(6, dtype=torch.bool)))


def test_what_was_not_begun_says_so():
    with pytest.raises(RuntimeError, match="begin was not called"):
        HistogramMatch()(random_images(1, (1, 4, 4), 0), None, stream_of(1))
