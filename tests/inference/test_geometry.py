"""From the network's square back to the image, and there again."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from ssmtl.data.fit import Fit


def small(mask, size):
    """As a reference mask is made small in training."""
    picture = Image.fromarray(mask.astype(np.float32))
    return np.asarray(picture.resize((size, size), Image.Resampling.BOX)) > 0.5


@given(st.integers(8, 40), st.integers(1, 4), st.integers(1, 4), st.data())
def test_a_mask_goes_there_and_back(size, tall, wide, data):
    mask = np.zeros((size, size), bool)
    for _ in range(data.draw(st.integers(1, 3))):
        top, left = (data.draw(st.integers(0, size - 4)) for _ in range(2))
        mask[top : top + 4, left : left + 4] = True
    shape = size * tall, size * wide
    large = Fit(size).back(mask.astype(np.float32), *shape) > 0.5
    assert large.shape == shape
    corners = ndimage.binary_erosion(mask) | ~ndimage.binary_dilation(mask)
    back = small(large, size)
    assert (back[corners] == mask[corners]).all()
    assert (back != mask).mean() < 0.02


@given(st.integers(4, 24), st.integers(1, 5), st.integers(1, 5), st.integers(0, 10**6))
def test_enlarging_is_bilinear_between_pixel_centres(size, tall, wide, seed):
    values = np.random.default_rng(seed).random((size, size), np.float32)
    shape = size * tall + tall // 2, size * wide + 1
    y, x = ((np.arange(length) + 0.5) * size / length - 0.5 for length in shape)
    expected = ndimage.map_coordinates(values, np.meshgrid(y, x, indexing="ij"), order=1, mode="nearest")
    np.testing.assert_allclose(Fit(size).back(values, *shape), expected, atol=2e-6)


@settings(max_examples=30)
@given(st.integers(40, 200), st.integers(40, 200), st.floats(0.35, 0.65), st.floats(0.35, 0.65))
def test_a_disk_stays_where_it_was(height, width, row, column):
    size = 64
    y, x = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    disk = (y[:, None] - row) ** 2 + (x[None] - column) ** 2 < 0.09
    square = np.asarray(Image.fromarray(disk.astype(np.float32)).resize((size, size), Image.Resampling.BILINEAR))
    back = Fit(size).back(square, height, width) > 0.5
    centre, before = np.array(ndimage.center_of_mass(back)), np.array(ndimage.center_of_mass(disk))
    assert np.abs(centre - before).max() < 0.5
    assert 2 * (back & disk).sum() / (back.sum() + disk.sum()) > 0.95
