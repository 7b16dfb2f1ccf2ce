"""Images as they occur in practice: read correctly, or refused with their name."""

import os
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from ssmtl.contracts.source import Example
from ssmtl.data.cache import decode
from ssmtl.data.decoding_memory import DECODING, ByteBudget
from ssmtl.data.images import ImageFile
from ssmtl.errors import DataError

NOISE = np.random.default_rng(0).integers(0, 255, (40, 30), np.uint8)


def decoded(path, **options):
    example = Example(id=path.name, patient="p", image=ImageFile(path))
    return decode([example], 16, 1, folder=path.parent / "cache", **options)


def saved(path, image, **options):
    image.save(path, **options)
    return path


def refused(path, *messages):
    with pytest.raises(DataError) as error:
        decoded(path)
    for message in (path.name, *messages):
        assert message in str(error.value)
    skipped = decoded(path, skip=True)
    assert list(skipped.skipped) == [path.name]


def test_truncated(tmp_path):
    path = saved(tmp_path / "image.png", Image.fromarray(NOISE))
    path.write_bytes(path.read_bytes()[:300])
    refused(path, "cannot be decoded")


def test_truncated_jpeg(tmp_path):
    path = saved(tmp_path / "image.jpg", Image.fromarray(NOISE))
    path.write_bytes(path.read_bytes()[:400])
    refused(path, "cannot be decoded")


def test_no_bytes(tmp_path):
    path = tmp_path / "image.png"
    path.touch()
    refused(path, "is empty (0 bytes)")


def test_no_image(tmp_path):
    path = tmp_path / "image.png"
    path.write_text("<html>not found</html>")
    refused(path, "is not an image of a known format")


def test_another_suffix_than_its_format(tmp_path):
    """The content decides."""
    Image.fromarray(NOISE).save(tmp_path / "image.jpg", format="PNG")
    assert (
        decoded(tmp_path / "image.jpg").images == decoded(saved(tmp_path / "b.png", Image.fromarray(NOISE))).images
    ).all()


@pytest.mark.parametrize("mode", ["CMYK", "P", "RGBA", "LA", "1", "RGB", "I;16"])
def test_modes(mode, tmp_path):
    grey = Image.fromarray(np.where(NOISE > 127, 255, 0).astype(np.uint8))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    else:
        image = grey.convert("RGB").convert(mode) if mode not in ("LA", "1") else grey.convert(mode)
    suffix = "tif" if mode == "CMYK" else "png"
    found = decoded(saved(tmp_path / f"image.{suffix}", image)).images
    expected = decoded(saved(tmp_path / "grey.png", grey)).images
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 2


def test_exif_rotation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    path = saved(tmp_path / "image.jpg", Image.fromarray(NOISE), exif=exif, quality=100)
    assert ImageFile(path).read().shape == (30, 40)


def test_one_pixel(tmp_path):
    path = saved(tmp_path / "image.png", Image.fromarray(NOISE[:1, :1]))
    assert (decoded(path).images == NOISE[0, 0]).all()


def test_a_decompression_bomb(tmp_path):
    """20,000 × 20,000 pixels in a few kilobytes are refused before they are decoded."""
    path = saved(tmp_path / "image.png", Image.new("1", (20_000, 20_000)))
    assert path.stat().st_size < 100_000
    refused(path, "pixels")


@pytest.mark.filterwarnings("ignore")
def test_a_colour_image_counts_with_all_its_bytes(tmp_path):
    """100 million pixels: in grey, they are fewer than Pillow's limit, in colour they take too much memory."""
    path = saved(tmp_path / "image.png", Image.new("RGB", (10_000, 10_000)))
    refused(path, "it is too large: decoding it takes 4.8 GB of memory, expected at most 4.3 GB")


def dicom(path, rows, columns, *, deflated=False, stored=b"", **tags):
    pydicom = pytest.importorskip("pydicom", reason="the extra [dicom] is not installed")
    from test_images import dicom as written

    written(path, np.zeros((2, 2), np.uint16))
    dataset = pydicom.dcmread(path)
    dataset.Rows, dataset.Columns, dataset.PixelData = rows, columns, stored or dataset.PixelData
    for tag, value in tags.items():
        setattr(dataset, tag, value)
    if deflated:
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    return path


def test_a_dicom_file_that_says_it_is_enormous(tmp_path):
    refused(dicom(tmp_path / "image.dcm", 15_000, 15_000), "it is too large: decoding it takes 10.8 GB of memory")


def test_a_deflated_dicom_file_that_inflates_to_too_much(tmp_path, monkeypatch):
    """It is never inflated as a whole: counting stops at the limit, and no more than a piece is in memory."""
    path = dicom(tmp_path / "image.dcm", 10_000, 10_000, deflated=True, stored=bytes(200_000_000))
    assert path.stat().st_size < 300_000
    monkeypatch.setattr("pydicom.dcmread", None)
    refused(path, "it is too large: decoding it takes ")


def test_a_deflated_dicom_file_of_usual_size(tmp_path):
    noise = np.random.default_rng(0).integers(0, 4096, (40, 30), np.uint16)
    path = dicom(tmp_path / "image.dcm", 40, 30, deflated=True, stored=noise.tobytes())
    assert np.allclose(ImageFile(path).read(), (noise - noise.min()) / (noise.max() - noise.min()), atol=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (
            {"RescaleSlope": "nan", "RescaleIntercept": "0"},
            "rescaling gives values that are not finite (RescaleSlope nan",
        ),
        ({"RescaleSlope": "1", "RescaleIntercept": "inf"}, "not finite (RescaleSlope 1, RescaleIntercept inf)"),
        ({"WindowCenter": "nan", "WindowWidth": "10"}, "window centre nan and width 10"),
        ({"WindowCenter": "1", "WindowWidth": "nan"}, "window centre 1 and width nan"),
        ({"WindowCenter": "1", "WindowWidth": "0"}, "and a width above 0"),
    ],
)
def test_dicom_numbers_that_would_make_a_black_image(tags, message, tmp_path):
    pydicom = pytest.importorskip("pydicom", reason="the extra [dicom] is not installed")
    reading = pydicom.config.settings.reading_validation_mode, pydicom.config.settings.writing_validation_mode
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    try:
        path = dicom(tmp_path / "image.dcm", 2, 2, stored=np.arange(4, dtype=np.uint16).tobytes(), **tags)
    finally:
        pydicom.config.settings.reading_validation_mode, pydicom.config.settings.writing_validation_mode = reading
    refused(path, message)


def test_all_threads_together_stay_within_the_limit():
    budget, lock, held, most = ByteBudget(100), threading.Lock(), [0], [0]

    def work(count):
        with budget.hold(count):
            with lock:
                held[0] += count
                most[0] = max(most[0], held[0])
            time.sleep(0.002)
            with lock:
                held[0] -= count

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(work, [40, 60, 100, 1] * 25))
    assert most[0] == 100
    assert budget.free == 100
    with pytest.raises(DataError, match="too large"), budget.hold(101):
        pass


def test_an_image_holds_its_memory_until_it_is_resized(tmp_path):
    file = ImageFile(saved(tmp_path / "image.png", Image.fromarray(NOISE)))
    with file.opened():
        assert DECODING.total - DECODING.free == 24 * 40 * 30
    assert DECODING.free == DECODING.total
    (tmp_path / "image.png").write_bytes((tmp_path / "image.png").read_bytes()[:300])
    with pytest.raises(DataError):
        file.read()
    assert DECODING.free == DECODING.total, "also after an error"


def test_a_large_radiograph_is_not_a_bomb(tmp_path):
    """Images as large as those of a scanner are read."""
    path = saved(tmp_path / "image.png", Image.new("L", (10_000, 9_500), 200))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert (decoded(path).images == 200).all()


def test_animated(tmp_path):
    frames = [Image.fromarray(NOISE), Image.new("L", (30, 40))]
    path = tmp_path / "image.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert decoded(path).images.std() > 10


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 300.0])
def test_floats_out_of_range(value, tmp_path):
    values = NOISE.astype(np.float32) / 255
    values[3, 4] = value
    refused(saved(tmp_path / "image.tif", Image.fromarray(values)), "expected [0, 1]")


def test_a_loop_of_links(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "b.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "a.png")
    refused(tmp_path / "a.png", "cannot be read")


def test_a_folder_by_that_name(tmp_path):
    (tmp_path / "image.png").mkdir()
    refused(tmp_path / "image.png", "cannot be read")


@pytest.mark.parametrize(
    "name", [b"two words.png", b"a 'quote\".png", b"two\nlines.png", b"not utf-8 \xff\xfe.png", "ä漢.png".encode()]
)
def test_names(name, tmp_path):
    path = tmp_path / os.fsdecode(name)
    with path.open("wb") as file:
        Image.fromarray(NOISE).save(file, format="PNG")
    assert decoded(path).images.std() > 10
    path.write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        decoded(path)
