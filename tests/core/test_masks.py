"""What the values of masks mean: one thing, or an error that lists them; what is unknown is not learned or scored."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made_examples import MadeUpImage
from PIL import Image
from test_images import InMemory
from test_recipe import small
from torch import nn

from ssmtl.builtins.identity import Identity
from ssmtl.builtins.soft_dice import SoftDice
from ssmtl.contracts.head import Output
from ssmtl.contracts.source import Example
from ssmtl.contracts.view import Batch, View
from ssmtl.data.cache import decode
from ssmtl.data.images import ImageFile, grey_uint8
from ssmtl.data.mask_values import UNKNOWN
from ssmtl.data.masks import mask_uint8, read_mask
from ssmtl.data.pool import examples_of
from ssmtl.data.split_file import DomainPart, TaskSplit
from ssmtl.data.task_data import task_data
from ssmtl.errors import DataError, RecipeError
from ssmtl.evaluation.predict import joined, predict
from ssmtl.recipe.load import RecipeText
from ssmtl.recipe.models import SourceEntry
from ssmtl.training.render import Shard, render

SIDE = 16
LUNG = Output("masks", ("lung",))
RED, GREEN, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 0)


def stripes(*values, dtype=np.uint8):
    """A mask of equally wide stripes of these values."""
    return np.repeat(np.array(values, dtype), SIDE // len(values), axis=0)[None].repeat(SIDE, axis=0)


def mask(array):
    return InMemory(array, "m.png")


def smooth(inside):
    """A square that was smoothed: white, black, and a few values between."""
    sharp = Image.new("L", (80, 80))
    sharp.paste(inside, (21, 21, 61, 61))
    return np.asarray(sharp.resize((77, 77), Image.Resampling.BILINEAR).resize((80, 80), Image.Resampling.BILINEAR))


# ------------------------------------------------------------------------------------------------ without `values:`


@pytest.mark.parametrize(
    ("array", "listed"),
    [
        (stripes(0, 1, 1, 255), "0, 1, 255"),
        (stripes(0, 1, 2, 3), "0, 1, 2, 3"),
        (stripes(0, 128, 255, 255), "0, 128, 255"),
        (stripes(0, 85, 170, 255), "0, 85, 170, 255"),
        (stripes(1, 2), "1, 2"),
        (stripes(128, 255), "128, 255"),
        (stripes(0, 300, 65535, 65535, dtype=np.uint16), "0, 300, 65535"),
        (stripes(BLACK, RED, GREEN, BLACK), "#000000, #00ff00, #ff0000"),
        (stripes(RED, GREEN), "#00ff00, #ff0000"),
        (np.arange(256, dtype=np.uint8).reshape(16, 16), r"0, 1, 2, .*11, … \(256 values\)"),
        (stripes(0, 7, 14, 21, 28, 35, 42, 255), "0, 7, 14, 21, 28, 35, 42, 255"),
    ],
)
def test_what_can_mean_several_things_is_an_error_with_the_values(array, listed):
    with pytest.raises(
        DataError, match=f"^mask m.png has the values {listed}; expected 0 and one other: say what they"
    ):
        read_mask(mask(array))


@pytest.mark.parametrize("array", [stripes(0, 1), stripes(0, 128), stripes(0, 65535, dtype=np.uint16)])
def test_of_two_values_the_one_above_zero_is_inside(array):
    np.testing.assert_array_equal(read_mask(mask(array)), array > 0)
    as_colour = np.stack([np.where(array > 0, 9, 0).astype(np.uint8)] * 3, -1)
    np.testing.assert_array_equal(read_mask(mask(as_colour)), array > 0)


def test_black_and_one_colour():
    np.testing.assert_array_equal(read_mask(mask(stripes(BLACK, RED))), stripes(0, 1))


def test_soft_edges_are_split_at_half():
    soft = smooth(255)
    assert len(np.unique(soft)) > 15
    np.testing.assert_array_equal(read_mask(mask(soft)), soft > 127)
    with pytest.raises(DataError, match="has the values"):
        read_mask(mask(smooth(120)))


@pytest.mark.parametrize("quality", [50, 75, 90])
def test_a_jpeg_of_a_mask(quality, tmp_path):
    sharp = np.zeros((80, 80), np.uint8)
    sharp[21:61, 13:55] = 255
    for mode in ("L", "RGB"):
        Image.fromarray(sharp).convert(mode).save(tmp_path / "m.jpg", quality=quality)
        assert (read_mask(ImageFile(tmp_path / "m.jpg")) != (sharp > 0)).mean() < 0.01


# --------------------------------------------------------------------------------------------------- with `values:`


def entry(**values):
    return SourceEntry(use="x", values=values)


def explained(array, values, structure="lung", others=()):
    """The only mask of an example of a source with these values."""
    masks = {name: (mask(array),) for name in (structure, *others)}
    example = Example("i", "p", MadeUpImage("i", side=SIDE), masks=masks)
    (found,) = examples_of("s", entry(**values), SimpleNamespace(examples=lambda: [example]))
    return found.masks[structure][0]


@pytest.mark.parametrize(
    ("array", "values", "expected"),
    [
        (stripes(0, 1, 1, 255), {"lung": [1], "ignore": [255]}, stripes(0, 1, 1, UNKNOWN)),
        (stripes(0, 1, 1, 255), {"ignore": [255]}, stripes(0, 1, 1, UNKNOWN)),
        (stripes(0, 1, 2, 3), {"lung": [1, 3], "heart": [2]}, stripes(0, 1, 0, 1)),
        (stripes(0, 1, 2, 3), {"lung": [1, 2, 3]}, stripes(0, 1, 1, 1)),
        (stripes(0, 255), {"lung": [0], "background": [255]}, stripes(1, 0)),
        (stripes(0, 1, 7, 7), {"lung": [1], "background": [0, 7]}, stripes(0, 1, 0, 0)),
        (stripes(BLACK, RED, GREEN, BLACK), {"lung": ["#ff0000"], "heart": ["#00FF00"]}, stripes(0, 1, 0, 0)),
        (stripes(BLACK, RED), {"lung": ["#00ff00"], "heart": ["#ff0000"]}, stripes(0, 0)),
    ],
)
def test_the_sources_file_says_what_values_mean(array, values, expected):
    others = [name for name in values if name not in ("lung", "ignore", "background")]
    np.testing.assert_array_equal(read_mask(explained(array, values, others=others)), expected)


@pytest.mark.parametrize(
    ("array", "values", "message"),
    [
        (stripes(0, 1, 2, 255), {"lung": [1], "ignore": [255]}, "has the values 0, 1, 2, 255, and .* nothing about 2$"),
        (stripes(0, 255), {"lung": [1]}, "has the values 0, 255, and .* nothing about 255"),
        (stripes(BLACK, RED), {"lung": [1]}, "has the values #000000, #ff0000, and .* nothing about #ff0000"),
        (stripes(0, 1, 2, 255), {"ignore": [255]}, "nothing about 1, 2$"),
        (
            stripes(0, 255),
            {"lnug": [1]},
            r"source 's': values: no image has a mask of .* 'lnug' \(did you mean 'lung'\?\)",
        ),
    ],
)
def test_a_value_that_is_not_named_is_an_error(array, values, message):
    with pytest.raises(DataError, match=message):
        read_mask(explained(array, values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lung": [1], "ignore": [1]}, "'ignore' and 'lung' have a value in common"),
        ({"lung": ["red"]}, "values.lung"),
        ({"lung": [-1]}, "values.lung"),
        ({"lung": []}, "values.lung"),
        ({"lung": 1}, "values.lung"),
    ],
)
def test_values_that_make_no_sense(values, message):
    with pytest.raises(RecipeError, match=message):
        RecipeText(small(sources__radiographs__values=values), "f").validated()


def test_what_values_mean_is_part_of_the_cached_content(tmp_path):
    array = stripes(0, 1, 2, 3)
    found = []
    for values in ({"lung": [1], "heart": [2, 3]}, {"lung": [1, 2], "heart": [3]}):
        pixels = explained(array, values, others=("heart",))
        rows = [Example("i", "p", MadeUpImage("i", side=SIDE), masks={"lung": (pixels,)})]
        found.append(decode(rows, SIDE, 1, ("lung",), folder=tmp_path))
    assert found[0].fingerprint != found[1].fingerprint
    assert found[0].masks.sum() * 2 == found[1].masks.sum()


# ---------------------------------------------------------------------------------------------------- unknown pixels


def test_a_shrunk_pixel_is_decided_by_what_is_known_of_it():
    values = {"lung": [1], "ignore": [255]}
    pixels = explained(stripes(0, 1, 255, 255, 1, 255, 255, 255), values)
    assert mask_uint8((pixels,), 8, (SIDE, SIDE))[0].tolist() == [0, 1, 255, 255, 1, 255, 255, 255]
    with pytest.raises(DataError, match=r"mask m\.png has nothing but values to ignore"):
        mask_uint8((pixels,), 2, (SIDE, SIDE))
    odd = explained(stripes(0, 1, 1, 255), values)
    assert mask_uint8((odd,), 1, (SIDE, SIDE)).item() == 1, "two thirds of what is known"


def test_in_a_union_inside_wins_over_unknown():
    first = explained(stripes(0, 1, 255, 255), {"lung": [1], "ignore": [255]})
    second = explained(stripes(0, 0, 0, 1), {"lung": [1], "ignore": [255]})
    assert mask_uint8((first, second), 4, (SIDE, SIDE))[0].tolist() == [0, 1, 255, 1]


@pytest.fixture
def data(tmp_path):
    """Four images whose masks have a left half that is known and a right half that is not."""
    array = stripes(0, 1, 255, 255)
    examples = [
        Example(f"i{n}", f"p{n}", MadeUpImage(f"i{n}", side=SIDE), masks={"lung": (mask(array),)}) for n in range(4)
    ]
    examples = examples_of("s", entry(lung=[1], ignore=[255]), SimpleNamespace(examples=lambda: examples))
    ids = [example.id for example in examples]
    split = TaskSplit(source="s", labeled=ids, unlabeled=ids, val=ids, test={"in": DomainPart(source="s", ids=ids)})
    return task_data(split, LUNG, {"s": examples}, {"s": decode(examples, SIDE, 1, ("lung",), folder=tmp_path)})


class Mirror:
    """Flips images and masks, and takes masks of 0 and 1 only."""

    def __call__(self, images, masks, stream):
        if masks is not None:
            assert set(masks.unique().tolist()) <= {0.0, 1.0}
        return images.flip(3), None if masks is None else masks.flip(3)


def test_augmentations_move_what_is_unknown(data):
    view, still = View("labeled", "mirror"), View("labeled", "identity")
    task = SimpleNamespace(
        name="t",
        output=LUNG,
        views=(view, still),
        rows=lambda _: 4,
        augment={"mirror": Mirror(), "identity": Identity()},
    )
    batch, _ = render(task, data, 0, 0, torch.device("cpu"), Shard())
    for found, expected in ((still, [0.0, 1.0, None, None]), (view, [None, None, 1.0, 0.0])):
        target = batch.targets[found]
        assert target.shape == (4, 1, SIDE, SIDE)
        columns = [None if value.isnan() else value.item() for value in target[0, 0, 0, ::4]]
        assert columns == expected


@pytest.mark.parametrize("over", ["image", "batch"])
def test_unknown_pixels_teach_nothing(over):
    strategy, view = SoftDice(LUNG, over=over), View("labeled", "weak")
    target = torch.zeros(2, 1, 4, 4)
    target[:, :, :, 1], target[:, :, :, 2:] = 1, torch.nan
    logits = torch.randn(2, 1, 4, 4, requires_grad=True)
    loss = strategy.loss(Batch({}, {view: target}, {}), {view: logits}, 0)
    loss.backward()
    assert (logits.grad[..., 2:] == 0).all()
    assert (logits.grad[..., :2] != 0).all()
    known = strategy.loss(Batch({}, {view: target[..., :2]}, {}), {view: logits[..., :2]}, 0)
    assert torch.allclose(loss, known), "as if they were not there"


def test_unknown_pixels_are_not_scored(data):
    class Everywhere(nn.Module):
        def logits(self, _, images):
            return torch.full((len(images), 1, SIDE, SIDE), 9.0)

    task = SimpleNamespace(name="t", output=LUNG)
    found = joined(predict(Everywhere(), task, data.test["in"], torch.device("cpu")))
    assert found.targets.shape == found.probabilities.shape
    assert set(found.targets.unique().tolist()) == {0.0, 1.0}
    assert (found.probabilities[..., SIDE // 2 :] == 0).all()
    assert (found.probabilities[..., : SIDE // 2] > 0.9).all()


# --------------------------------------------------------------------------------------------------- EXIF orientation


def turned(path, array, orientation):
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    Image.fromarray(array).save(path, exif=exif)
    return ImageFile(path)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
def test_an_image_and_its_mask_are_both_turned_or_it_is_an_error(orientation, suffix, tmp_path):
    array = np.zeros((SIDE, SIDE), np.uint8)
    array[2:6, 3:12] = 255
    image = turned(tmp_path / f"i.{suffix}", array, orientation)
    planes, size = grey_uint8(image, SIDE, 1)
    assert size == (SIDE, SIDE, orientation)
    both = mask_uint8((turned(tmp_path / f"m.{suffix}", array, orientation),), SIDE, size)
    np.testing.assert_array_equal(both, planes[0] > 0)
    for mask_tag, image_size in ((1, size), (orientation, grey_uint8(turned(tmp_path / "n.png", array, 1), 8, 1)[1])):
        alone = turned(tmp_path / "alone.png", array, mask_tag)
        with pytest.raises(DataError, match=rf"mask .*alone.png has the EXIF orientation {mask_tag}, its image i has "):
            mask_uint8((alone,), SIDE, image_size, 1.0, "i")


def test_a_mask_drawn_on_the_turned_image_is_known_by_its_size(tmp_path):
    array = np.zeros((12, 20), np.uint8)
    array[2:6, 3:12] = 255
    image = turned(tmp_path / "i.png", array, 6)
    planes, size = grey_uint8(image, SIDE, 1)
    assert size == (20, 12, 6)
    drawn = turned(tmp_path / "m.png", np.ascontiguousarray(np.rot90(array, -1)), 1)
    agree = mask_uint8((drawn,), SIDE, size) == (planes[0] > 127)
    assert agree.mean() > 0.9
    with pytest.raises(DataError, match="EXIF orientation 1, its image has 6"):
        mask_uint8((turned(tmp_path / "o.png", array, 1),), SIDE, size)
