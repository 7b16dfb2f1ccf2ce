"""Two runs on the same images, trained once for all tests of this folder."""

import numpy as np
import pytest
from dicom_files import write_dicom
from PIL import Image
from trained_run import LEARNING, SETTINGS, chest, sources, train, write_brighter, write_images

import ssmtl
from ssmtl.recipe import yaml_file
from ssmtl.registry.plugins import load_plugins


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("data") / "own")


@pytest.fixture(scope="session")
def run(data, tmp_path_factory):
    return train(data, tmp_path_factory.mktemp("runs") / "first")


@pytest.fixture(scope="session")
def other_run(data, tmp_path_factory):
    """From Python."""
    recipe = yaml_file.read_mapping(load_plugins()["recipe"]["multimix"].make)
    out = tmp_path_factory.mktemp("runs") / "second"
    return ssmtl.run(recipe, sources=sources(data), overrides=SETTINGS, seed=1, out=out).path


@pytest.fixture(scope="session")
def model(run):
    return ssmtl.load(run, device="cpu")


@pytest.fixture(scope="session")
def both(run, other_run):
    return ssmtl.load([run, other_run], device="cpu")


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    return write_brighter(tmp_path_factory.mktemp("brighter") / "own")


@pytest.fixture(scope="session")
def learned(images, tmp_path_factory):
    return train(images, tmp_path_factory.mktemp("runs") / "learned", *LEARNING)


@pytest.fixture
def scans(tmp_path):
    """Files of every kind, two of one name, and two that cannot be predicted."""
    folder = tmp_path / "scans"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
    grey = [chest(100 + number, shape)[0] for number, shape in enumerate(((50, 70), (33, 21), (64, 64), (40, 90)))]
    Image.fromarray(grey[0]).save(folder / "a/x.png")
    Image.fromarray(grey[1].astype(np.uint16) * 257).save(folder / "b/x.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(np.repeat(grey[2][:40, :, None], 3, 2)).save(folder / "b/x.jpg", exif=turned)
    Image.fromarray(grey[3]).save(folder / "c.tif")
    write_dicom(folder / "IM0001", grey[0].astype(np.uint16) * 16, PixelSpacing=[0.5, 0.25])
    write_dicom(folder / "d.dcm", grey[3].astype(np.uint16) * 16, ImagerPixelSpacing=[0.2, 0.2])
    Image.fromarray(grey[3]).save(folder / "frames.tif", save_all=True, append_images=[Image.fromarray(grey[3])])
    (folder / "bad.png").write_bytes(b"no image")
    (folder / "notes.txt").write_text("no image")
    return folder
