"""Mask files in which different values could become one are refused; few bits, and TIFF whose 0 is white, are exact."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from ssmtl.data.images import ImageFile
from ssmtl.data.mask_values import UNKNOWN, meaning_of
from ssmtl.data.masks import ExplainedMask, read_mask
from ssmtl.errors import DataError

SIDE = 8
SQUARE = np.zeros((SIDE, SIDE), np.uint8)
SQUARE[2:6, 2:6] = 1
FOUR = SQUARE.copy()
FOUR[3, 3:5], FOUR[4, 4] = 2, 3
GREY, RGB = 0, 2  # colour types of PNG


def png(path, rows, bits, colour, *, transparent=None):
    """A PNG by hand: Pillow writes neither few bits nor colours of 16."""

    def chunk(name, content):
        whole = name + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = struct.pack(">IIBBBBB", SIDE, SIDE, bits, colour, 0, 0, 0)
    extra = chunk(b"tRNS", struct.pack(">H", transparent)) if transparent is not None else b""
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", body) + chunk(b"IEND", b""))
    return ImageFile(path)


def packed(array, bits):
    """Rows of PNG, several pixels in a byte."""
    every = (array[..., None] >> np.arange(bits)[::-1] & 1).reshape(SIDE, -1)
    return [row.tobytes() for row in np.packbits(every, axis=1)]


def wide(array):
    return [row.astype(">u2").tobytes() for row in array]


def rgba(colour):
    image = np.zeros((SIDE, SIDE, 4), np.uint8)
    image[..., :3], image[..., 3] = colour, SQUARE * 255
    return Image.fromarray(image)


def palette(*colours):
    image = Image.fromarray(SQUARE, "P")
    image.putpalette([channel for colour in colours for channel in colour])
    return image


TRANSPARENT = {
    "black.png": (rgba(0), {}),
    "white.png": (rgba(255), {}),
    "la.png": (Image.fromarray(np.stack([SQUARE * 0, SQUARE * 255], -1)), {}),
    "grey.png": (Image.fromarray(SQUARE * 255), {"transparency": 255}),
    "palette.png": (palette((0, 0, 0), (255, 255, 255)), {"transparency": 1}),
    "palette.gif": (palette((0, 0, 0), (255, 0, 0)), {"transparency": 1}),
}


@pytest.mark.parametrize("name", TRANSPARENT)
def test_a_mask_with_transparent_pixels_is_refused(name, tmp_path):
    image, options = TRANSPARENT[name]
    image.save(tmp_path / name, **options)
    for pixels in (ImageFile(tmp_path / name), ExplainedMask(ImageFile(tmp_path / name), meaning_of({}, "lung"))):
        with pytest.raises(DataError, match=rf"^mask .*{name} has transparent pixels, .*; save it without transparenc"):
            read_mask(pixels)


def test_a_transparent_value_of_16_bits_is_refused(tmp_path):
    with pytest.raises(DataError, match="has transparent pixels"):
        read_mask(png(tmp_path / "m.png", wide(SQUARE), 16, GREY, transparent=1))
    unused = png(tmp_path / "m.png", wide(SQUARE), 16, GREY, transparent=7)
    np.testing.assert_array_equal(read_mask(unused), SQUARE)


def test_an_opaque_alpha_channel_says_nothing(tmp_path):
    solid = Image.fromarray(SQUARE * 255).convert("RGBA")
    solid.save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(ImageFile(tmp_path / "m.png")), SQUARE)


@pytest.mark.parametrize("value", [1, 255, 65535])
def test_colours_of_16_bits_are_refused(value, tmp_path):
    colours = np.repeat(SQUARE.astype(np.uint16)[..., None] * value, 3, axis=2)
    with pytest.raises(DataError, match=r"mask .*m\.png has colours of 16 bits.*; save it as grey values, or"):
        read_mask(png(tmp_path / "m.png", wide(colours), 16, RGB))
    np.testing.assert_array_equal(read_mask(png(tmp_path / "g.png", wide(colours[..., 0]), 16, GREY)), SQUARE)


def test_values_that_a_palette_shows_alike_are_refused(tmp_path):
    palette((9, 0, 0), (9, 0, 0), (1, 1, 1)).save(tmp_path / "m.png")
    with pytest.raises(DataError, match=r"mask .*m\.png has values that its palette shows in the same colour"):
        read_mask(ImageFile(tmp_path / "m.png"))
    palette((0, 0, 0), (9, 0, 0), (9, 0, 0)).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(ImageFile(tmp_path / "m.png")), SQUARE)  # the third is not used


@pytest.mark.parametrize(("bits", "values"), [(1, SQUARE), (2, FOUR), (4, FOUR), (4, FOUR * 5)])
def test_values_of_few_bits_mean_what_is_stored(bits, values, tmp_path):
    file = png(tmp_path / "m.png", packed(values, bits), bits, GREY)
    step, most = 255 // (2**bits - 1), int(values.max())
    np.testing.assert_array_equal(file.read(), values * step, "as an image, they fill the range")
    others = sorted(set(values.ravel().tolist()) - {most})
    meaning = meaning_of({"lung": [most], "background": others[:1], "ignore": others[1:]}, "lung")
    known = np.isin(values, [most, 0])
    np.testing.assert_array_equal(read_mask(ExplainedMask(file, meaning)), np.where(known, values == most, UNKNOWN))
    if len(others) > 1:
        with pytest.raises(DataError, match=f"has the values 0, {others[1]}, .*, {most}; expected 0 and one other"):
            read_mask(file)


def test_soft_edges_of_4_bits(tmp_path):
    soft = np.zeros((SIDE, SIDE), np.uint8)
    soft[:, 4:] = 15
    soft[3] = [2, 3, 4, 5, 10, 11, 12, 13]
    found = read_mask(png(tmp_path / "m.png", packed(soft, 4), 4, GREY))
    np.testing.assert_array_equal(found, soft > 7)


def tiff(path, array, white_is_zero):
    """An uncompressed TIFF by hand: Pillow inverts some of what it writes."""
    bits, floats = 8 * array.dtype.itemsize, array.dtype.kind == "f"
    tags = {256: SIDE, 257: SIDE, 258: bits, 259: 1, 262: 0 if white_is_zero else 1, 273: 8, 277: 1, 278: SIDE}
    tags |= {279: array.nbytes, 339: 3 if floats else 1}
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    start = struct.pack("<I", 8 + array.nbytes)
    path.write_bytes(b"II*\0" + start + array.tobytes() + struct.pack("<H", len(tags)) + directory + b"\0\0\0\0")
    return ImageFile(path)


@pytest.mark.parametrize(("dtype", "full"), [("<u1", 255), ("<u2", 65535), ("<f4", 1)])
def test_a_tiff_whose_0_is_white_is_inverted(dtype, full, tmp_path):
    stored = (SQUARE * 0.25 * full).astype(dtype)
    np.testing.assert_array_equal(tiff(tmp_path / "a.tif", stored, white_is_zero=False).read(), stored)
    shown = tiff(tmp_path / "b.tif", stored, white_is_zero=True).read()
    assert shown.dtype == stored.dtype
    np.testing.assert_array_equal(shown, full - stored)
    mask = tiff(tmp_path / "m.tif", (SQUARE * np.float64(full)).astype(dtype), white_is_zero=True)
    np.testing.assert_array_equal(read_mask(mask), 1 - SQUARE)
