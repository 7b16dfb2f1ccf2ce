"""kornia_weak and kornia_strong: the contract of an augmentation, each operation against an independent reference."""

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kornia import enhance
from kornia.geometry.bbox import bbox_generator
from kornia.geometry.transform import crop_by_indices, get_affine_matrix2d, warp_affine
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

import ssmtl_kornia
from ssmtl import RandomStream
from ssmtl.registry.options import build, check_options
from ssmtl_kornia import geometry, operations, strong, weak
from ssmtl_kornia.operations import INTENSITY, Operation, step
from ssmtl_kornia.strong import KorniaStrong
from ssmtl_kornia.weak import KorniaWeak

OPERATIONS: tuple[Operation, ...] = get_args(Operation)
GEOMETRIC = tuple(geometry.AT_LEVEL_ONE)
EVERY = {
    "weak": KorniaWeak(),
    "strong": KorniaStrong(),
    "strong, many": KorniaStrong(operations=5),
    "strong, by probability": KorniaStrong(probability=0.5),
}
some = settings(max_examples=20, deadline=None, derandomize=True)
shapes = st.tuples(st.integers(1, 6), st.sampled_from([1, 2, 3, 5]), st.integers(17, 40), st.integers(17, 40))
seeds = st.integers(0, 2**31)


def made_up_images(rows: int, channels: int, height: int, width: int, seed: int = 0) -> Tensor:
    """8-bit noise on a slope, with a flat black and a flat white part, as float."""
    random = np.random.default_rng(seed)
    slope = np.linspace(30, 200, width)[None, None, None, :]
    levels = np.clip(slope + random.normal(0, 40, (rows, channels, height, width)), 0, 255)
    levels[..., :4, :6] = 0
    levels[..., -4:, -6:] = 255
    return torch.from_numpy(levels.astype(np.uint8)).float() / 255


def blobs(rows: int, structures: int, height: int, width: int, seed: int = 0) -> Tensor:
    """Smooth random masks."""
    noise = np.random.default_rng(seed).normal(size=(rows, structures, height, width))
    return torch.from_numpy(ndimage.gaussian_filter(noise, (0, 0, 4, 4)) > 0).float()


def stream_of(rows: int, stage: int = 0) -> RandomStream:
    return RandomStream.of(range(rows), 0, "task", stage, "unlabeled/strong")


# The contract.


@pytest.mark.parametrize("name", EVERY)
@given(shape=shapes, structures=st.sampled_from([None, 1, 3]), seed=seeds)
@some
def test_shapes_ranges_and_inputs_hold(name: str, shape: Any, structures: int | None, seed: int):
    images = made_up_images(*shape, seed)
    masks = None if structures is None else blobs(shape[0], structures, *shape[2:], seed)
    before = images.clone(), None if masks is None else masks.clone()
    made, moved = EVERY[name](images, masks, stream_of(shape[0], seed))
    assert made.shape == images.shape
    assert made.dtype == torch.float32
    assert made.min() >= 0
    assert made.max() <= 1
    assert torch.equal(images, before[0])
    assert made.data_ptr() != images.data_ptr()
    if masks is None:
        assert moved is None
    else:
        assert moved.shape == masks.shape
        assert moved.dtype == torch.float32
        assert ((moved == 0) | (moved == 1)).all()
        assert torch.equal(masks, before[1])


@pytest.mark.parametrize("name", EVERY)
@given(shape=shapes, seed=seeds, data=st.data())
@some
def test_a_row_does_not_depend_on_the_others(name: str, shape: Any, seed: int, data: Any):
    """To the last bit: a tiny difference before `posterize` would be a whole grey level after it."""
    rows = 12
    images, masks = made_up_images(rows, *shape[1:], seed), blobs(rows, 1, *shape[2:], seed)
    stream = stream_of(rows, seed)
    chosen = torch.tensor(data.draw(st.lists(st.integers(0, rows - 1), min_size=1, max_size=rows)))
    whole, part = EVERY[name](images, masks, stream), EVERY[name](images[chosen], masks[chosen], stream[chosen])
    assert torch.equal(whole[0][chosen], part[0])
    assert torch.equal(whole[1][chosen], part[1])


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_an_operation_does_not_mix_rows_of_large_images(name: Operation, channels: int):
    """Large enough that torch splits the work of one image over threads."""
    images, levels = made_up_images(5, channels, 256, 256), torch.linspace(-1, 1, 5)
    whole, _ = step(images, None, [name] * 5, levels)
    alone = [step(images[i : i + 1], None, [name], levels[i : i + 1])[0] for i in range(5)]
    assert torch.equal(whole, torch.cat(alone))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(("rows", "side"), [(70, 64), (40, 256)])
def test_parts_of_a_batch_change_no_bit(name: str, rows: int, side: int, monkeypatch: pytest.MonkeyPatch):
    """In parts as they come, row by row, and all at once."""
    images, masks = made_up_images(rows, 1, side, side), blobs(rows, 2, side, side)
    parts = EVERY[name](images, masks, stream_of(rows))
    for values in (1, 2**40):
        monkeypatch.setattr(weak, "FEW", values)
        monkeypatch.setattr(operations, "FEW", values)
        monkeypatch.setattr(strong, "MANY", values)
        again = EVERY[name](images, masks, stream_of(rows))
        assert all(torch.equal(one, other) for one, other in zip(parts, again, strict=True))


@pytest.mark.parametrize("name", EVERY)
def test_the_next_step_differs_and_the_same_step_repeats(name: str):
    images = made_up_images(8, 1, 32, 32)
    first, again, later = (EVERY[name](images, None, stream_of(8, stage))[0] for stage in (0, 0, 1))
    assert torch.equal(first, again)
    assert not any(torch.equal(one, other) for one, other in zip(first, later, strict=True))


@pytest.mark.parametrize("name", EVERY)
def test_global_random_numbers_and_gradients_are_left_alone(name: str):
    state = torch.get_rng_state()
    made, _ = EVERY[name](made_up_images(4, 1, 32, 32).requires_grad_(), None, stream_of(4))
    assert not made.requires_grad
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", EVERY)
def test_no_rows(name: str):
    made, moved = EVERY[name](torch.zeros(0, 1, 32, 32), torch.zeros(0, 2, 32, 32), stream_of(0))
    assert made.shape == (0, 1, 32, 32)
    assert moved.shape == (0, 2, 32, 32)


@given(seed=seeds, size=st.tuples(st.integers(24, 48), st.integers(24, 48)))
@some
def test_a_mask_moves_with_its_image(seed: int, size: tuple[int, int]):
    """The image is the mask. Where all bilinear neighbours agree, the nearest one must agree too."""
    masks = blobs(6, 1, *size, seed)
    strong = KorniaStrong(operations=1, only=(*GEOMETRIC, "identity"))
    images, moved = strong(masks, masks, stream_of(6, seed))
    sure = (images < 1e-4) | (images > 1 - 1e-4)
    assert sure.float().mean() > 0.5
    assert torch.equal(images[sure].round(), moved[sure])


def test_weak_moves_a_mask_exactly_with_its_image():
    masks = blobs(16, 2, 32, 24)
    images, moved = KorniaWeak()(masks, masks, stream_of(16))
    assert torch.equal(images, moved)


# Flip and crop.


def test_weak_is_a_flip_and_a_crop_of_the_reflected_image():
    """Every sample equals, bit for bit, one of the crops of its padded or mirrored image; all shifts occur."""
    images, pad = made_up_images(200, 1, 8, 16), (1, 2)
    made, _ = KorniaWeak()(images, None, stream_of(200))
    found = []
    for image, result in zip(images.numpy(), made.numpy(), strict=True):
        for mirrored in (False, True):
            wide = np.pad(image[0, :, ::-1] if mirrored else image[0], [(pad[0],) * 2, (pad[1],) * 2], mode="reflect")
            cuts = {(y, x): wide[y : y + 8, x : x + 16] for y in range(3) for x in range(5)}
            found += [(mirrored, *place) for place, cut in cuts.items() if np.array_equal(cut, result[0])]
    assert len(found) == 200
    assert len(set(found)) == 2 * 3 * 5
    assert 70 < sum(mirrored for mirrored, *_ in found) < 130


def test_without_padding_and_flip_weak_is_the_identity():
    images = made_up_images(4, 3, 20, 30)
    made, _ = KorniaWeak(horizontal_flip=False, pad=0.0)(images, None, stream_of(4))
    assert torch.equal(made, images)
    assert made.data_ptr() != images.data_ptr()


@pytest.mark.parametrize("augment", [KorniaWeak, KorniaStrong])
def test_horizontal_flip_false_never_mirrors(augment: Callable[..., Any]):
    """A bright right side stays on the right, except when flips are on."""
    images = torch.zeros(200, 1, 32, 32)
    images[..., 20:28] = 1
    pool = {} if augment is KorniaWeak else {"only": GEOMETRIC, "magnitude": 0.3, "operations": 1}

    def on_the_right(flip: bool) -> float:
        made, _ = augment(horizontal_flip=flip, **pool)(images, None, stream_of(200))
        return (made[..., 16:].sum((1, 2, 3)) > made[..., :16].sum((1, 2, 3))).float().mean().item()

    assert on_the_right(False) == 1
    assert 0.35 < on_the_right(True) < 0.65


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("size", [(64, 64), (256, 256), (17, 40)])
def test_weak_is_kornias_flip_and_crop_to_the_last_bit(size: tuple[int, int], mirror: bool):
    images, stream = made_up_images(9, 2, *size), stream_of(9)
    above, beside = (round(0.2 * side) for side in size)
    mirrored = (stream.uniform("flip") < 0.5)[..., None, None] & mirror
    padded = F.pad(torch.where(mirrored, images.flip(-1), images), (beside, beside, above, above), mode="reflect")
    left, top = (stream.uniform("crop", 2) * torch.tensor([2 * beside + 1, 2 * above + 1])).floor().T
    boxes = bbox_generator(left, top, torch.full_like(left, size[1]), torch.full_like(top, size[0]))
    made, _ = KorniaWeak(horizontal_flip=mirror, pad=0.2)(images, None, stream)
    assert torch.equal(made, crop_by_indices(padded, boxes, size=size))


# Sampling.


def plain(**options: Any) -> KorniaStrong:
    return KorniaStrong(pad=0.0, horizontal_flip=False, **options)


def test_each_sample_has_its_own_uniformly_random_operation():
    strong = plain(operations=1)
    (names,) = strong._steps(stream_of(2600))
    counts = {name: names.count(name) for name in OPERATIONS}
    assert sum(counts.values()) == 2600
    assert min(counts.values()) > 140
    assert max(counts.values()) < 260
    one = made_up_images(1, 1, 32, 32).expand(40, -1, -1, -1)
    assert len({image.numpy().tobytes() for image in strong(one, None, stream_of(40))[0]}) > 25


def test_probability_applies_each_operation_independently():
    steps = plain(probability=0.3)._steps(stream_of(2000))
    applied = torch.tensor([[name == known for name in row] for known, row in zip(OPERATIONS, steps, strict=True)])
    rates = applied[[name != "identity" for name in OPERATIONS]].float()
    assert ((rates.mean(1) - 0.3).abs() < 0.05).all()
    assert torch.corrcoef(rates).fill_diagonal_(0).abs().max() < 0.1


@pytest.mark.parametrize(("probability", "changed"), [(0.0, False), (1.0, True)])
def test_probability_zero_and_one(probability: float, changed: bool):
    images = made_up_images(3, 1, 32, 32)
    made, _ = plain(probability=probability)(images, None, stream_of(3))
    assert torch.equal(made, images) is not changed


@given(magnitude=st.floats(0, 1), seed=seeds)
@some
def test_magnitude_bounds_the_strength(magnitude: float, seed: int):
    """Translation shows it: a shift of at most 0.3 * magnitude of the width."""
    images = torch.zeros(50, 1, 20, 40)
    images[..., 20] = 1
    made, _ = plain(operations=1, only=("translate_x",), magnitude=magnitude)(images, None, stream_of(50, seed))
    columns = torch.arange(40.0)
    places = (made[:, 0].mean(1) * columns).sum(1) / made[:, 0].mean(1).sum(1)
    assert (places - 20).abs().max() <= 12 * magnitude + 1e-3
    if magnitude > 0.1:
        assert (places - 20).max() > 6 * magnitude
        assert (places - 20).min() < -6 * magnitude


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in ("autocontrast", "equalize")])
def test_magnitude_zero_changes_nothing(name: Operation):
    """Up to the float32 coordinates of the warp: 1e-4 of a pixel. Autocontrast and equalize have no strength."""
    images = made_up_images(4, 3, 33, 47)
    made, _ = plain(operations=1, only=(name,), magnitude=0.0)(images, None, stream_of(4))
    torch.testing.assert_close(made, images, atol=1e-4 if name in GEOMETRIC else 1e-6, rtol=0)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "identity"])
def test_full_magnitude_changes_every_sample(name: Operation):
    images = made_up_images(8, 1, 40, 40) * 0.8
    made, _ = step(images, None, [name] * 8, torch.full((8,), 0.9))
    assert ((made - images).abs().amax((1, 2, 3)) > 0.02).all()


# Each operation against a reference.


def pil_sharpness(image: Image.Image, strength: float) -> Image.Image:
    return ImageEnhance.Sharpness(image).enhance(1 - 0.95 * strength)


PIL: dict[str, tuple[Callable[[Image.Image, float], Image.Image], float]] = {
    # tolerance in grey levels: PIL rounds its result to one level, and its intermediate images too
    "autocontrast": (lambda image, _: ImageOps.autocontrast(image), 1.01),
    "brightness": (lambda image, strength: ImageEnhance.Brightness(image).enhance(1 - 0.95 * strength), 1.01),
    "contrast": (lambda image, strength: ImageEnhance.Contrast(image).enhance(1 - 0.95 * strength), 2.01),
    "equalize": (lambda image, _: ImageOps.equalize(image), 0.01),
    "identity": (lambda image, _: image, 0.01),
    "posterize": (lambda image, strength: ImageOps.posterize(image, 8 - int(5 * strength)), 0.01),
    "sharpness": (pil_sharpness, 1.51),
    "solarize": (lambda image, strength: ImageOps.solarize(image, 256 * (1 - strength)), 0.01),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", PIL)
def test_intensity_agrees_with_pil(name: str, channels: int):
    levels = torch.tensor([-0.97, -0.31, 0.03, 0.17, 0.43, 0.61, 0.83, 0.999])
    images = made_up_images(8, channels, 45, 60) * 0.8
    images = (images * 255).floor() / 255
    made, _ = step(images, None, [name] * 8, levels)
    reference, tolerance = PIL[name]
    for image, result, level in zip(images, made, levels.tolist(), strict=True):
        array = (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        expected = reference(Image.fromarray(array.squeeze() if channels == 1 else array), abs(level))
        expected_array = np.asarray(expected, dtype=np.float32).reshape(array.shape)
        assert np.abs(result.permute(1, 2, 0).numpy() * 255 - expected_array).max() <= tolerance


def forward_map(name: str, level: float, height: int, width: int) -> np.ndarray:
    """Independently of kornia: the affine map (2 x 3) of pixels (row, column), counted from the centre."""
    turn = np.deg2rad(30 * level)
    maps = {
        "rotate": [[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0]],
        "shear_x": [[1, 0, 0], [-0.3 * level, 1, 0]],
        "shear_y": [[1, -0.3 * level, 0], [0, 1, 0]],
        "translate_x": [[1, 0, 0], [0, 1, 0.3 * level * width]],
        "translate_y": [[1, 0, 0.3 * level * height], [0, 1, 0]],
    }
    return np.array(maps[name])


@pytest.mark.parametrize("size", [(32, 32), (41, 56)])
@pytest.mark.parametrize("name", GEOMETRIC)
def test_geometry_agrees_with_scipy(name: Operation, size: tuple[int, int]):
    """Bilinear, with zeros outside. 5e-4: kornia's coordinates are float32 and the noise is steep; scipy's float64."""
    levels = torch.tensor([-1.0, -0.55, -0.1, 0.2, 0.77, 1.0])
    images = made_up_images(6, 2, *size)
    made, _ = step(images, None, [name] * 6, levels)
    centre = (np.array(size) - 1) / 2
    for image, result, level in zip(images.numpy(), made.numpy(), levels.tolist(), strict=True):
        forward = forward_map(name, level, *size)
        inverse = np.linalg.inv(forward[:, :2])
        offset = centre - inverse @ (centre + forward[:, 2])
        for channel, got in zip(image, result, strict=True):
            want = ndimage.affine_transform(channel, inverse, offset, order=1, mode="grid-constant", cval=0)
            assert np.abs(got - want).max() < 5e-4


def test_every_operation_has_a_reference():
    assert set(PIL) | set(GEOMETRIC) == set(OPERATIONS)
    assert set(INTENSITY) | set(GEOMETRIC) | {"identity"} == set(OPERATIONS)


def test_rotation_turns_clockwise_as_pil_does_with_the_sign_changed():
    image = np.asarray(Image.fromarray(np.uint8(ndimage.gaussian_filter(np.eye(40) * 255.0, 3) * 5)))
    made, _ = step(torch.from_numpy(image / 255).float()[None, None], None, ["rotate"], torch.tensor([0.8]))
    turned = np.asarray(Image.fromarray(image).rotate(-24, Image.Resampling.BILINEAR))
    assert np.abs(made[0, 0].numpy() * 255 - turned)[10:-10, 10:-10].max() <= 1.01


def grey_levels(images: Tensor) -> Tensor:
    return (images * 255).round() / 255


KORNIA: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "autocontrast": lambda images, _: enhance.normalize_min_max(images).clamp(0, 1),
    "brightness": lambda images, strength: enhance.adjust_brightness_accumulative(images, 1 - 0.95 * strength),
    "equalize": lambda images, _: enhance.equalize(grey_levels(images)),
    "posterize": lambda images, strength: enhance.posterize(
        grey_levels(images), 8 - (5 * strength).long().clamp(max=4)
    ),
    "solarize": lambda images, strength: enhance.solarize(images, (1 - strength) * (256 / 255)),
}


@pytest.mark.parametrize("side", [8, 64, 256])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", KORNIA)
def test_intensity_is_kornias_to_the_last_bit(name: Operation, channels: int, side: int):
    """Of 8-bit images, and of those that other operations leave; ours are for speed and for exact rows."""
    images, levels = made_up_images(7, channels, side, side), torch.linspace(-1, 1, 7)
    for before in (images, images * 0.83):
        made, _ = step(before, None, [name] * 7, levels)
        assert torch.equal(made, KORNIA[name](before, levels.abs()))


@pytest.mark.parametrize("side", [64, 256])
@pytest.mark.parametrize("name", GEOMETRIC)
def test_geometry_is_kornias(name: Operation, side: int):
    """Up to the rounding of its coordinates; masks are the same, but for points that lie between two pixels."""
    images, masks, levels = made_up_images(6, 1, side, side), blobs(6, 2, side, side), torch.linspace(-1, 1, 6)
    amounts = torch.tensor([geometry.AT_LEVEL_ONE[name]]) * levels[:, None]
    degrees, shear_x, shear_y, shift_x, shift_y = amounts.unbind(dim=1)
    shift, centre = torch.stack([shift_x, shift_y], 1) * side, torch.full((6, 2), (side - 1) / 2)
    maps = get_affine_matrix2d(shift, centre, torch.ones(6, 2), degrees, shear_x.atan(), shear_y.atan())[:, :2]
    made, moved = step(images, masks, [name] * 6, levels)
    torch.testing.assert_close(made, warp_affine(images, maps, (side, side)), atol=1e-4, rtol=0)
    assert (moved != warp_affine(masks, maps, (side, side), mode="nearest")).float().mean() < 1e-4


def test_sharpness_is_kornias():
    """Our own implementation is for speed and for exact rows."""
    images, levels = made_up_images(6, 3, 30, 40), torch.linspace(0, 1, 6)
    made, _ = step(images, None, ["sharpness"] * 6, levels)
    torch.testing.assert_close(made, enhance.sharpness(images, 1 - 0.95 * levels), atol=1e-6, rtol=0)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_contrast_blends_with_the_mean_grey_level(channels: int):
    """In NumPy, without PIL's rounding; grey is the luma of three channels and the mean of any other number."""
    images, levels = made_up_images(6, channels, 30, 40), torch.linspace(0, 1, 6)
    made, _ = step(images, None, ["contrast"] * 6, levels)
    array, factor = images.double().numpy(), 1 - 0.95 * levels.double().numpy()[:, None, None, None]
    luma = np.array([0.299, 0.587, 0.114] if channels == 3 else [1 / channels] * channels)
    mean = np.einsum("rchw,c->r", array, luma)[:, None, None, None] / (30 * 40)
    assert np.abs(made.numpy() - np.clip(factor * array + (1 - factor) * mean, 0, 1)).max() < 1e-6


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_a_flat_image_stays_flat_under_autocontrast(level: float):
    images = torch.full((2, 1, 20, 20), level)
    assert torch.equal(step(images, None, ["autocontrast"] * 2, torch.zeros(2))[0], images)


def test_rounding_noise_loses_no_grey_level():
    images = (torch.arange(256) / 255).expand(1, 1, 4, 256)
    for name in ("posterize", "equalize"):
        made, noisy = (step(x, None, [name], torch.tensor([0.9]))[0] for x in (images, (images - 1e-6).clamp(min=0)))
        assert torch.equal(made, noisy)


@pytest.mark.parametrize("name", INTENSITY)
def test_intensity_leaves_masks_alone(name: Operation):
    masks = blobs(3, 2, 32, 32)
    assert torch.equal(step(made_up_images(3, 1, 32, 32), masks, [name] * 3, torch.ones(3))[1], masks)


# Options.


def test_both_ways_of_counting_are_an_error():
    with pytest.raises(ValueError, match="either 'operations' or 'probability'"):
        KorniaStrong(operations=2, probability=0.5)


@pytest.mark.parametrize("option", ["only", "without"])
def test_an_unknown_operation_names_the_known_ones(option: str):
    with pytest.raises(
        ValueError, match=r"unknown operations 'invert'; the known ones are autocontrast, .*translate_y"
    ):
        KorniaStrong(**{option: ("invert", "rotate")})


def test_an_empty_pool_is_an_error():
    with pytest.raises(ValueError, match="no operation"):
        KorniaStrong(only=("rotate",), without=("rotate",))


def test_the_pool_can_be_chosen():
    assert KorniaStrong().pool == OPERATIONS
    assert KorniaStrong(only=("shear_y", "rotate")).pool == ("rotate", "shear_y")
    assert KorniaStrong(without=("solarize", "posterize")).pool == tuple(
        name for name in OPERATIONS if name not in ("solarize", "posterize")
    )


@pytest.mark.parametrize(
    ("name", "options", "valid"),
    [
        ("kornia_weak", {}, True),
        ("kornia_weak", {"horizontal_flip": False, "pad": 0.25}, True),
        ("kornia_weak", {"pad": 0.6}, False),
        ("kornia_strong", {"operations": 3, "magnitude": 1, "without": ["equalize", "solarize"]}, True),
        ("kornia_strong", {"probability": 0.5, "only": ["rotate"]}, True),
        ("kornia_strong", {"operations": 0}, False),
        ("kornia_strong", {"magnitude": 1.5}, False),
        ("kornia_strong", {"only": ["invert"]}, False),
    ],
)
def test_recipe_options(name: str, options: dict[str, Any], valid: bool):
    make = ssmtl_kornia.ssmtl_augmentations()[name]
    assert (check_options(make, name, options, "augment") == []) is valid
    if valid:
        build(make, name, options)(made_up_images(2, 1, 32, 32), None, stream_of(2))
