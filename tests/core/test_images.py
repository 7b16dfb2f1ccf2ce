"""Decoding of every format, masks, and the errors for files that cannot be used."""

import pickle
import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ssmtl.data.images import ImageFile, grey_uint8, resize, to_grey
from ssmtl.data.masks import mask_uint8, read_mask
from ssmtl.errors import DataError

GREY = (np.add.outer(np.arange(24) * 6, np.arange(20) * 5)).astype(np.uint8)  # 24 high, 20 wide, 0 to 233


@dataclass(frozen=True)
class InMemory:
    """Pixels in memory."""

    array: Any
    name: str = "image"

    def fingerprint(self):
        return ""

    def read(self):
        return self.array


def saved(path: Path, image: Image.Image, **options) -> ImageFile:
    image.save(path, **options)
    return ImageFile(path)


# ------------------------------------------------------------------------------------------------------- formats


@pytest.mark.parametrize("suffix", ["png", "gif", "bmp", "tif"])
def test_grey_without_loss(tmp_path, suffix):
    read = saved(tmp_path / f"a.{suffix}", Image.fromarray(GREY)).read()
    assert read.dtype == np.uint8
    np.testing.assert_allclose(to_grey(read), GREY / 255, atol=1e-6)


def test_jpeg_grey_rgb_and_cmyk(tmp_path):
    rgb = Image.fromarray(GREY).convert("RGB")
    for mode in ("L", "RGB", "CMYK"):
        read = saved(tmp_path / f"{mode}.jpg", rgb.convert(mode), quality=95).read()
        assert read.dtype == np.uint8
        assert np.abs(to_grey(read) * 255 - GREY).max() < 8


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey(tmp_path, suffix):
    wide = GREY.astype(np.uint16) * 257
    read = saved(tmp_path / f"a.{suffix}", Image.fromarray(wide)).read()
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, wide)


def test_16_bit_tiff_of_the_other_byte_order(tmp_path):
    wide = GREY.astype(np.uint16) * 257
    # A big-endian TIFF, written by hand: Pillow writes the byte order of the machine.
    entries = [(256, 3, 20), (257, 3, 24), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 3, 24)]
    entries += [(279, 4, wide.nbytes)]
    body = wide.astype(">u2").tobytes()
    directory = struct.pack(">H", len(entries))
    for tag, kind, value in entries:
        directory += struct.pack(">HHI", tag, kind, 1) + (
            struct.pack(">HH", value, 0) if kind == 3 else struct.pack(">I", value)
        )
    path = tmp_path / "a.tif"
    path.write_bytes(b"MM\x00\x2a" + struct.pack(">I", 8 + len(body)) + body + directory + b"\0\0\0\0")
    read = ImageFile(path).read()
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, wide)


def test_float_tiff(tmp_path):
    unit = GREY.astype(np.float32) / 255
    read = saved(tmp_path / "a.tif", Image.fromarray(unit)).read()
    np.testing.assert_array_equal(read, unit)
    for wrong in (unit * 2, unit - 0.5, np.full_like(unit, np.nan)):
        with pytest.raises(DataError, match=r"b.tif cannot be decoded: floats from .*; expected \[0, 1\]"):
            saved(tmp_path / "b.tif", Image.fromarray(wrong)).read()


def test_32_bit_integers_have_no_range(tmp_path):
    with pytest.raises(DataError, match=r"a.tif cannot be decoded: signed or 32-bit integers"):
        saved(tmp_path / "a.tif", Image.fromarray(GREY.astype(np.int32))).read()


def test_1_bit_and_palette(tmp_path):
    half = GREY > 100
    read = saved(tmp_path / "a.png", Image.fromarray(half)).read()
    assert set(np.unique(read)) == {0, 255}
    palette = Image.fromarray(half.astype(np.uint8), "P")
    palette.putpalette([0, 0, 0, 128, 0, 0])
    index = saved(tmp_path / "b.png", palette)
    assert index.read().shape == (24, 20, 3)
    assert index.read()[..., 0].max() == 128
    np.testing.assert_array_equal(read_mask(index), half)
    np.testing.assert_array_equal(read_mask(ImageFile(tmp_path / "a.png")), half)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_flattened_on_black(tmp_path, mode):
    image = Image.new("L", (20, 24), 255).convert(mode)
    image.putalpha(Image.fromarray(GREY))
    read = saved(tmp_path / "a.png", image).read()
    assert np.abs(to_grey(read) * 255 - GREY).max() <= 1


def test_transparent_palette_entry_is_black(tmp_path):
    palette = Image.fromarray((GREY > 100).astype(np.uint8), "P")
    palette.putpalette([255, 255, 255, 255, 255, 255])
    read = to_grey(saved(tmp_path / "a.png", palette, transparency=0).read())
    np.testing.assert_array_equal(read, GREY > 100)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_orientation_is_applied(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown rotated by 90 degrees, clockwise
    options = {"quality": 95} if suffix == "jpg" else {}
    read = saved(tmp_path / f"a.{suffix}", Image.fromarray(GREY), exif=exif, **options).read()
    assert read.shape == (20, 24)
    assert np.abs(read.astype(int) - np.rot90(GREY, -1)).max() < 8


@pytest.mark.parametrize("suffix", ["gif", "tif"])
def test_of_several_frames_the_first(tmp_path, suffix):
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    read = saved(tmp_path / f"a.{suffix}", frames[0], save_all=True, append_images=frames[1:]).read()
    assert np.abs(to_grey(read) * 255 - GREY).max() < 2


def test_fingerprint_and_pickle(tmp_path):
    one = saved(tmp_path / "a.png", Image.fromarray(GREY))
    same = saved(tmp_path / "b.png", Image.fromarray(GREY))
    other = saved(tmp_path / "c.png", Image.fromarray(255 - GREY))
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()
    assert pickle.loads(pickle.dumps(one)) == one
    assert one.name == str(tmp_path / "a.png")


# ---------------------------------------------------------------------------------------------------------- DICOM


def dicom(path: Path, stored: Any, **tags) -> ImageFile:
    pydicom = pytest.importorskip("pydicom", reason="the extra [dicom] is not installed")
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = 8 * stored.dtype.itemsize
    dataset.BitsStored, dataset.HighBit = dataset.BitsAllocated, dataset.BitsAllocated - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.PixelData = stored.tobytes()
    for tag, value in tags.items():
        setattr(dataset, tag, value)
    dataset.save_as(path, enforce_file_format=True)
    return ImageFile(path)


def test_dicom_without_window_is_min_max(tmp_path):
    stored = GREY.astype(np.int16) * 10 - 700
    read = dicom(tmp_path / "a.dcm", stored).read()
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, GREY / GREY.max(), atol=1e-6)
    inverted = dicom(tmp_path / "named_otherwise", stored, PhotometricInterpretation="MONOCHROME1").read()
    np.testing.assert_allclose(inverted, 1 - GREY / GREY.max(), atol=1e-6)
    assert dicom(tmp_path / "flat.dcm", np.full((4, 4), 7, np.uint16)).read().max() == 0


def test_dicom_rescale_then_window(tmp_path):
    stored = np.array([[0, 500, 1000, 1500, 2000]], np.uint16)
    # values are -1000 .. 1000 in steps of 500; the window is centred on 0.5 and 1001 wide: -500 .. 500 (C.11.2.1.2)
    window = {"RescaleSlope": 1, "RescaleIntercept": -1000, "WindowCenter": [0.5, 9], "WindowWidth": [1001, 1]}
    read = dicom(tmp_path / "a.dcm", stored, **window).read()
    np.testing.assert_allclose(read, [[0, 0, 0.5, 1, 1]], atol=1e-6)
    dark = dicom(tmp_path / "b.dcm", stored, **window, PhotometricInterpretation="MONOCHROME1").read()
    np.testing.assert_allclose(dark, [[1, 1, 0.5, 0, 0]], atol=1e-6)
    exact = dicom(tmp_path / "c.dcm", stored, WindowCenter=1000, WindowWidth=2000, VOILUTFunction="LINEAR_EXACT").read()
    np.testing.assert_allclose(exact, [[0, 0.25, 0.5, 0.75, 1]], atol=1e-6)
    sigmoid = dicom(tmp_path / "d.dcm", stored, WindowCenter=1000, WindowWidth=2000, VOILUTFunction="SIGMOID").read()
    np.testing.assert_allclose(sigmoid[0, [1, 2]], [1 / (1 + np.e), 0.5], atol=1e-6)


def test_dicom_window_agrees_with_pydicom(tmp_path):
    processing = pytest.importorskip("pydicom.pixels.processing", reason="the extra [dicom] is not installed")
    import pydicom

    stored = GREY.astype(np.uint16) * 10
    file = dicom(tmp_path / "a.dcm", stored, WindowCenter=1100, WindowWidth=900)
    theirs = processing.apply_windowing(stored, pydicom.dcmread(file.path)) / 65535
    np.testing.assert_allclose(file.read(), theirs, atol=1e-4)


def test_dicom_voi_table(tmp_path):
    pydicom = pytest.importorskip("pydicom", reason="the extra [dicom] is not installed")
    item = pydicom.Dataset()
    item.LUTDescriptor = [4, 0, 8]
    item.LUTData = [0, 255, 51, 102]
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    read = dicom(tmp_path / "a.dcm", np.array([[0, 1, 2, 3, 9]], np.uint16), VOILUTSequence=[item]).read()
    np.testing.assert_allclose(read, [[0, 1, 0.2, 0.4, 0.4]], atol=1e-6)


def test_dicom_of_several_frames_and_colour(tmp_path):
    two = np.stack([GREY, 255 - GREY])
    first = dicom(tmp_path / "a.dcm", two, NumberOfFrames=2, Rows=24, Columns=20).read()
    np.testing.assert_allclose(first, GREY / GREY.max(), atol=1e-6)
    colour = np.stack([GREY, GREY // 2, 255 - GREY], -1)
    tags = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    read = dicom(tmp_path / "b.dcm", colour, Rows=24, Columns=20, **tags).read()
    np.testing.assert_array_equal(read, colour)


def test_dicom_needs_its_extra(tmp_path, monkeypatch):
    import sys

    file = dicom(tmp_path / "a.dcm", GREY)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(DataError, match=r"a.dcm is a DICOM file. To read it: pip install 'ssmtl\[dicom\]'"):
        file.read()


def test_damaged_dicom(tmp_path):
    file = dicom(tmp_path / "a.dcm", GREY)
    content = file.path.read_bytes()
    for count in (len(content) - 50, 200, 133, 20):
        file.path.write_bytes(content[:count])
        with pytest.raises(DataError, match=r"a\.dcm cannot be decoded: "):
            file.read()


# --------------------------------------------------------------------------------------------------------- damage


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tif"])
def test_every_truncation_is_a_data_error_or_an_image(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 255, (24, 20), np.uint8)
    file = saved(tmp_path / f"a.{suffix}", Image.fromarray(noise))
    content = file.path.read_bytes()
    refused = 0
    for count in range(1, len(content), max(1, len(content) // 60)):
        file.path.write_bytes(content[:count])
        try:
            assert file.read().shape[:2] == (24, 20)
        except DataError as error:
            assert str(file.path) in str(error)  # noqa: PT017
            refused += 1
    assert refused > 40


@pytest.mark.filterwarnings("ignore")
@given(st.binary(min_size=1, max_size=300), st.sampled_from(["", "png", "jpg", "tif", "dicom"]))
def test_any_bytes_are_a_data_error_or_an_image(tmp_path_factory, content, start):
    heads = {
        "": b"",
        "png": b"\x89PNG\r\n\x1a\n",
        "jpg": b"\xff\xd8\xff\xe0",
        "tif": b"II*\0",
        "dicom": b"\0" * 128 + b"DICM",
    }
    path = tmp_path_factory.getbasetemp() / "bytes"
    path.write_bytes(heads[start] + content)
    try:
        ImageFile(path).read()
    except DataError as error:
        assert str(path) in str(error)  # noqa: PT017


def test_no_bytes_text_and_no_file(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"a\.png is empty \(0 bytes\)"):
        ImageFile(path).read()
    path.write_text("image,label\n")
    with pytest.raises(DataError, match=r"a\.png is not an image of a known format \(PNG, JPEG,"):
        ImageFile(path).read()
    path.unlink()
    with pytest.raises(DataError, match=r"a\.png cannot be read: No such file"):
        ImageFile(path).read()
    with pytest.raises(DataError, match=r"cannot be read: "):
        ImageFile(path).fingerprint()
    with pytest.raises(DataError, match=r"cannot be read: Is a directory"):
        ImageFile(tmp_path).read()


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tif"])
def test_a_file_cut_in_half_is_named_and_never_half_an_image(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 255, (240, 200), np.uint8)
    file = saved(tmp_path / f"a.{suffix}", Image.fromarray(noise))
    content = file.path.read_bytes()
    file.path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=rf"a\.{suffix} cannot be decoded: \S+"):
        file.read()


def test_decompression_bombs_are_refused(tmp_path):
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    path = tmp_path / "bomb.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )
    with pytest.raises(DataError, match=r"bomb\.png cannot be decoded: .*decompression bomb"):
        ImageFile(path).read()


# ---------------------------------------------------------------------------------------- grey, resizing and masks


def test_luma_is_rec_601():
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    np.testing.assert_allclose(to_grey(colours), [[0.299, 0.587, 0.114, 1]], atol=1e-6)


def test_grey_by_range_of_type_and_what_is_refused():
    assert to_grey(np.full((2, 2), 2**16 - 1, np.uint16)).max() == 1
    assert to_grey(np.full((2, 2, 1), 2**32 - 1, np.uint32)).shape == (2, 2)
    assert to_grey(np.ones((2, 2), np.bool_)).max() == 1
    for wrong in (
        np.zeros((2, 2), np.int16),
        np.zeros((2, 2, 4), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((0, 2), np.uint8),
    ):
        with pytest.raises(DataError, match="thing has"):
            to_grey(wrong, "thing")
    with pytest.raises(DataError, match=r"thing has floats from 0 to 255; expected \[0, 1\]"):
        to_grey(np.array([[0.0, 255.0]]), "thing")


def test_shrinking_averages_and_keeps_the_mean():
    checks = np.indices((128, 128)).sum(0) % 2 * np.ones((128, 128), np.float32)
    small = resize(checks.astype(np.float32), 16)
    assert small.shape == (16, 16)
    assert small.dtype == np.float32
    assert np.abs(small - 0.5).max() < 0.02  # without antialiasing it would be all 0 or all 1


def test_grey_uint8_keeps_size_and_colours():
    grey, size = grey_uint8(InMemory(GREY), 16, 1)
    assert (grey.shape, grey.dtype, size) == ((1, 16, 16), np.uint8, (24, 20, 1))
    red = np.zeros((8, 6, 3), np.uint8)
    red[..., 0] = 200
    colour, size = grey_uint8(InMemory(red), 16, 3)
    assert size == (8, 6, 1)
    assert [plane.max() for plane in colour] == [200, 0, 0]
    three, _ = grey_uint8(InMemory(GREY), 16, 3)
    assert (three == grey).all()
    assert (grey_uint8(InMemory(np.full((8, 8), 255, np.uint8)), 8, 1)[0] == 255).all()


def test_mask_policy():
    inside = GREY > 100
    for full, empty in ((1, 0), (128, 0), (255, 0)):
        np.testing.assert_array_equal(read_mask(InMemory(np.where(inside, full, empty).astype(np.uint8))), inside)
    assert not read_mask(InMemory(np.zeros((4, 4), np.uint8))).any()
    assert read_mask(InMemory(np.ones((4, 4), np.uint8))).all()


def test_masks_are_united_shrunk_by_area_and_checked():
    top, right = np.zeros((24, 20), np.uint8), np.zeros((24, 20), np.uint8)
    top[:12], right[:, 10:] = 255, 1
    union = mask_uint8((InMemory(top), InMemory(right)), 4, (24, 20))
    np.testing.assert_array_equal(union, [[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]])
    assert union.dtype == np.uint8
    assert mask_uint8((InMemory(top),), 1, (24, 20)).item() == 0  # exactly half is not more than half
    assert mask_uint8((InMemory(top),), 4, (48, 40), 0.5).sum() == 8
    with pytest.raises(DataError, match=r"^mask m is 20x24, its image i is 40x48$"):
        mask_uint8((InMemory(top, "m"),), 4, (48, 40), 1.0, "i")
    with pytest.raises(DataError, match=r"^mask m is 20x24, its image is 20x24 \(expected .* times 0.5: 10x12\)$"):
        mask_uint8((InMemory(top, "m"),), 4, (24, 20), 0.5)
    with pytest.raises(DataError, match="no mask to unite for i"):
        mask_uint8((), 4, (24, 20), 1.0, "i")


def test_a_jpeg_mask_reads_as_its_original(tmp_path):
    inside = np.zeros((64, 64), np.uint8)
    inside[16:48, 16:48] = 255
    buffer = BytesIO()
    Image.fromarray(inside).save(buffer, "JPEG", quality=75)
    path = tmp_path / "mask.jpg"
    path.write_bytes(buffer.getvalue())
    np.testing.assert_array_equal(read_mask(ImageFile(path)), inside > 0)


def test_the_grey_of_colours_is_their_luma_to_the_last_bit():
    colours = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    red, green, blue = (np.float32(colours[..., channel]) / np.float32(255) for channel in range(3))
    luma = np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue
    np.testing.assert_array_equal(to_grey(colours), np.minimum(luma, np.float32(1)))


def test_a_float_out_of_range_is_told_with_the_whole_images_range():
    array = np.zeros((600, 400), np.float32)
    array[0, 0], array[-1, -1] = -1, 2
    with pytest.raises(DataError, match=r"big has floats from -1 to 2; expected \[0, 1\]"):
        grey_uint8(InMemory(array, "big"), 64, 1)
