"""`ssmtl predict` on names, files and folders that somebody made to go wrong, or forgot to fill in."""

import csv
import errno
import os

import numpy as np
import pydicom
import pytest
from dicom_files import write_dicom
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000

from ssmtl.errors import DataError
from ssmtl.inference.dicom_seg import MAY_BE_EMPTY
from ssmtl.inference.inputs import listed
from ssmtl.registry.plugins import load_plugins
from tests.cli.command_line import call


@pytest.fixture
def grey():
    return np.tile(np.arange(48, dtype=np.uint8) * 5, (40, 1))


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_no_name_is_a_formula_of_a_spreadsheet(run, grey, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("=1+1.png", "@a.png", "+b.png"):
        Image.fromarray(grey).save(name)
    (tmp_path / "=bad.png").write_bytes(b"no image")
    names = ["=1+1.png", "@a.png", "+b.png", "=bad.png"]
    code, _, said = call("predict", run, *names, "--device", "cpu", "--out", "out")
    assert code == 3, said
    assert [row["image"] for row in table(tmp_path / "out/predictions.csv")] == [f"./{one}" for one in names[:3]]
    (failed,) = table(tmp_path / "out/failed.csv")
    assert failed["image"] == "./=bad.png"
    assert failed["reason"].startswith("./=bad.png is not an image")


def test_a_segmentation_of_an_anonymised_file(run, grey, tmp_path):
    write_dicom(tmp_path / "a.dcm", grey.astype(np.uint16) * 16)
    whole = pydicom.dcmread(tmp_path / "a.dcm")
    for name in MAY_BE_EMPTY:
        delattr(whole, name)
    whole.save_as(tmp_path / "a.dcm")
    study = whole.StudyInstanceUID
    del whole.StudyInstanceUID
    whole.save_as(tmp_path / "b.dcm")
    files = [tmp_path / "a.dcm", tmp_path / "b.dcm"]
    code, _, said = call("predict", run, *files, "--device", "cpu", "--seg", "--out", tmp_path / "out")
    assert code == 3
    assert "b.dcm: no DICOM SEG can refer to it: it has no StudyInstanceUID" in said
    assert pydicom.dcmread(tmp_path / "out/seg/lungs/a.dcm").StudyInstanceUID == study


def test_a_reason_is_one_line_and_the_same_each_time(run, grey, tmp_path):
    write_dicom(tmp_path / "a.dcm", grey.astype(np.uint16) * 16)
    broken = pydicom.dcmread(tmp_path / "a.dcm")
    broken.file_meta.TransferSyntaxUID = JPEG2000
    broken.PixelData = encapsulate([b"no image"])
    broken["PixelData"].is_undefined_length = True
    broken.save_as(tmp_path / "a.dcm")
    for out in ("one", "two"):
        assert call("predict", run, tmp_path / "a.dcm", "--device", "cpu", "--out", tmp_path / out)[0] == 3
    (failed,) = table(tmp_path / "one/failed.csv")
    assert "cannot be decoded" in failed["reason"]
    assert "\n" not in failed["reason"]
    assert "0x" not in failed["reason"]
    assert (tmp_path / "one/failed.csv").read_bytes() == (tmp_path / "two/failed.csv").read_bytes()


def test_nothing_in_the_folder_of_predictions_is_an_image(run, grey, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(grey).save(tmp_path / "in/a.png")
    out = tmp_path / "in/out"
    command = ("predict", run, tmp_path / "in/**/*", "--device", "cpu", "--out", out)
    assert call(*command)[0] == 0
    code, shown, said = call(*command)
    assert code == 0, said
    assert "1 of them before" in shown
    for place in (out, out / "masks"):
        code, _, said = call("predict", run, place, "--device", "cpu", "--out", out)
        assert code == 2
        assert "where predictions are written; nothing in it is an image" in said.replace("\n", " ")


def test_what_is_refused_before_anything_is_written(run, grey, tmp_path):
    Image.fromarray(grey).save(tmp_path / "a.png")
    Image.fromarray(grey).save(tmp_path / "b.png")
    code, _, said = call("predict", run, "", "--out", tmp_path / "out")  # as an unset variable of a shell gives it
    assert code == 2
    assert "it is empty" in said.replace("\n", " ")
    assert not (tmp_path / "out").exists()
    (tmp_path / "link").symlink_to("nowhere")
    code, _, said = call("predict", run, tmp_path / "a.png", "--out", tmp_path / "link")
    assert code == 2
    assert "link is a link to nothing; expected a folder" in said
    assert call("predict", run, tmp_path / "a.png", "--device", "cpu", "--out", tmp_path / "out")[0] == 0
    code, _, said = call("predict", run, tmp_path / "b.png", "--device", "cpu", "--out", tmp_path / "out")
    assert code == 2
    assert f"{tmp_path / 'a.png'}, now {tmp_path / 'b.png'}" in said


def test_a_folder_that_may_not_be_read_is_named(run, grey, tmp_path, monkeypatch):
    """None of its images is left out unseen."""
    (tmp_path / "in/closed").mkdir(parents=True)
    Image.fromarray(grey).save(tmp_path / "in/a.png")
    real = os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataError, match=r"the folder .*closed cannot be read: Permission denied"):
        listed([tmp_path / "in"], load_plugins(), tmp_path / "out")
