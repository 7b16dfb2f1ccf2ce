"""Images that are not square keep their shape, and what lies around them is neither learned nor scored."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from made_examples import example
from PIL import Image

from ssmtl.builtins.soft_dice import SoftDice
from ssmtl.contracts.head import Output
from ssmtl.contracts.source import Example
from ssmtl.contracts.view import View
from ssmtl.data.cache import decode
from ssmtl.data.fit import Fit
from ssmtl.data.images import grey_uint8
from ssmtl.data.masks import mask_uint8
from ssmtl.data.rows import rows_of
from ssmtl.data.task_data import TaskData
from ssmtl.training.render import Shard, render

SIDES = st.integers(1, 120)
FRAMES = st.one_of(st.integers(16, 70), st.tuples(st.integers(16, 70), st.integers(16, 70)))
HOW = st.sampled_from(["stretch", "pad"])
ORGANS = Output("masks", ("lung", "heart"))


class Pixels:
    """An image in memory."""

    def __init__(self, array):
        self.array, self.name = np.asarray(array, np.uint8), "made up"

    def fingerprint(self):
        return self.array.tobytes().hex()[:2000] + str(self.array.shape)

    def read(self):
        return self.array


def blank(height, width, value=200):
    return Pixels(np.full((height, width), value))


@given(height=SIDES, width=SIDES, size=st.sampled_from([16, 33, (20, 41)]))
def test_stretching_is_pillows_resize(height, width, size):
    grey = np.random.default_rng(0).random((height, width), np.float32)
    columns_rows = (size, size) if isinstance(size, int) else (41, 20)
    plain = np.asarray(Image.fromarray(grey).resize(columns_rows, Image.Resampling.BILINEAR))
    assert np.array_equal(Fit(size).forward(grey, Image.Resampling.BILINEAR), plain)


@given(height=SIDES, width=SIDES, size=FRAMES)
def test_a_padded_image_keeps_its_shape_in_the_middle(height, width, size):
    frame = (size, size) if isinstance(size, int) else size
    rows, columns = Fit(size, "pad").window(height, width)
    sides = rows.stop - rows.start, columns.stop - columns.start
    assert any(side == whole for side, whole in zip(sides, frame, strict=True))
    scale = min(frame[0] / height, frame[1] / width)
    for part, side, own, whole in zip((rows, columns), sides, (height, width), frame, strict=True):
        assert 0 <= part.start < part.stop <= whole
        assert abs(side - max(1, own * scale)) <= 0.5 + 1e-9
        assert abs(part.start - (whole - part.stop)) <= 1
    square = Fit(size, "pad").forward(np.ones((height, width), np.float32), Image.Resampling.BILINEAR)
    assert np.allclose(square[rows, columns], 1)
    assert square.sum() == pytest.approx(sides[0] * sides[1], rel=1e-4)


@given(
    height=st.integers(4, 32),
    width=st.integers(4, 32),
    times=st.integers(1, 4),
    around=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    how=HOW,
)
def test_a_mask_goes_there_and_back(height, width, times, around, how):
    """Exactly, where a pixel of the network is a whole number of pixels of the image."""
    assume(how == "pad" or around == (0, 0))
    size = height + around[0] * (around[1] > around[0]), width + around[1] * (around[1] <= around[0])
    random = np.random.default_rng(height * 100 + width).integers(0, 2, (height, width)).astype(np.float32)
    original = random.repeat(times, 0).repeat(times, 1)
    fit = Fit(size, how)
    there = fit.forward(original, Image.Resampling.BOX)
    assert np.array_equal(fit.back(there, *original.shape, Image.Resampling.NEAREST), original)


@given(height=st.integers(20, 90), width=st.integers(20, 90), how=HOW)
def test_a_region_returns_to_its_place(height, width, how):
    original = np.zeros((height, width), np.float32)
    original[height // 4 : 3 * height // 4, width // 3 : 2 * width // 3] = 1
    fit = Fit(64, how)
    back = fit.back(fit.forward(original, Image.Resampling.BOX), height, width) > 0.5
    assert back.shape == original.shape
    assert 2 * (back & (original > 0)).sum() / (back.sum() + original.sum()) > 0.85


@given(height=SIDES, width=SIDES, size=st.tuples(st.integers(16, 70), st.integers(16, 70)), how=HOW)
def test_rows_and_columns_are_treated_alike(height, width, size, how):
    """What is turned by exchanging rows and columns comes out turned."""
    image = np.random.default_rng(height + 200 * width).random((height, width), np.float32)
    fit, turned = Fit(size, how), Fit(size[::-1], how)
    assert turned.window(width, height) == fit.window(height, width)[::-1]
    for kind in (Image.Resampling.BILINEAR, Image.Resampling.BOX):
        there = fit.forward(image, kind)
        np.testing.assert_allclose(turned.forward(image.T, kind).T, there, atol=1e-5)
        np.testing.assert_allclose(turned.back(there.T, width, height).T, fit.back(there, height, width), atol=1e-5)


def test_masks_are_unknown_around_the_image():
    mask = mask_uint8([blank(20, 10, 255)], 16, (20, 10), fit="pad")
    assert (mask[:, 4:12] == 1).all()
    assert (np.delete(mask, range(4, 12), axis=1) == 255).all()
    image, original = grey_uint8(blank(20, 10), 16, 1, "pad")
    assert tuple(original)[:2] == (20, 10)
    assert (image[0, :, 4:12] == 200).all()
    assert image.sum() == 200 * 16 * 8


EXAMPLES = (
    Example("a", "p", blank(20, 10), masks={"lung": (blank(20, 10, 255),), "heart": (blank(20, 10, 0),)}),
    Example("b", "q", blank(10, 20), masks={"lung": (blank(10, 20, 255),)}),
)


@pytest.fixture
def rows(tmp_path):
    decoded = decode(EXAMPLES, 16, 1, ("lung", "heart"), fit="pad", folder=tmp_path)
    again = decode(EXAMPLES, 16, 1, ("lung", "heart"), fit="pad", folder=tmp_path)
    assert np.array_equal(decoded.masks, again.masks)
    return rows_of("s", ["a", "b"], ORGANS, EXAMPLES, decoded)


def test_rows_know_where_the_image_is(rows):
    inside = rows.inside(slice(0, 2))
    assert inside.sum((1, 2, 3)).tolist() == [128, 128]
    target = rows.target(slice(0, 2))
    assert (target[:, :1][inside == 0] == 255).all()
    assert (target[1, 1] == 255).all()
    assert (target[0, 1][inside[0, 0] == 1] == 0).all()


def test_padding_and_stretching_are_cached_apart(tmp_path):
    flat = [example(0, "a"), example(1, "a")]
    for how in ("stretch", "pad"):
        decode(flat, 16, 1, fit=how, folder=tmp_path)
    assert len([one for one in tmp_path.iterdir() if one.is_dir()]) == 2
    assert decode(flat, 16, 1, folder=tmp_path).masks is None


class Brighter:
    """Everything white, turned by 90 degrees."""

    def __call__(self, images, masks, _stream):
        turned = None if masks is None else masks.rot90(1, (2, 3))
        return torch.ones_like(images), turned


class FakeTask:
    name, output = "organs", ORGANS
    views = (View("labeled", "strong"), View("unlabeled", "strong"))
    augment = {"strong": Brighter()}

    def rows(self, _pool):
        return 2


@pytest.mark.parametrize("output", [ORGANS, Output("multiclass", ("x", "y"))])
def test_augmentation_does_not_turn_what_lies_around_into_image(tmp_path, output):
    decoded = decode(EXAMPLES, 16, 1, ("lung", "heart"), fit="pad", folder=tmp_path)
    labelled = [Example(one.id, one.patient, one.image, frozenset("x"), one.masks) for one in EXAMPLES]
    rows = rows_of("s", ["a", "b"], output, labelled, decoded)
    task = FakeTask()
    task.output = output
    batch, _ = render(task, TaskData(rows, rows, rows, {}), 0, 0, torch.device("cpu"), Shard())
    for view in task.views:
        for place, image in zip(batch.samples[view].tolist(), batch.images[view], strict=True):
            inside = rows.inside(np.array([place]))[0].rot90(1, (1, 2)).float()
            assert torch.equal(image, inside)
    if output is ORGANS:
        target = batch.targets[task.views[0]]
        assert target.shape[1] == 2
        around = batch.images[task.views[0]] == 0
        assert target[:, :1][around].isnan().all()
        logits = torch.zeros_like(target, requires_grad=True)
        SoftDice(ORGANS, augment="strong").loss(batch, {task.views[0]: logits}, 0.0).backward()
        assert (logits.grad[around.expand_as(target)] == 0).all()
