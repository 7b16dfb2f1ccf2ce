"""Where a command may write the file that it is asked for."""

import os

import pytest

from ssmtl.errors import RunError
from ssmtl.output_file import check_output


def test_a_new_file_and_one_of_the_same_kind(tmp_path):
    (tmp_path / "old.JSON").write_text("{}")
    for name in ("new", "new.json", "old.JSON"):
        check_output(tmp_path / name, "--out", ".json")
    assert [path.name for path in tmp_path.iterdir()] == ["old.JSON"]
    assert (tmp_path / "old.JSON").read_text() == "{}"


def test_a_table_of_images_is_not_replaced_by_results(tmp_path):
    table = tmp_path / "manifest.csv"
    table.write_text("image")
    with pytest.raises(RunError, match=r"--out: .*manifest.csv is already there and no \.json file"):
        check_output(table, "--out", ".json")


@pytest.mark.skipif(os.name != "posix", reason="devices, and files of the system")
@pytest.mark.parametrize("place", ["/dev/null", "/proc/a.json", "nowhere/a.json", "."])
def test_what_cannot_be_written_is_said_before_the_work(place, tmp_path, monkeypatch):
    """Also to root, who may write anywhere by the permissions."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match=r"--out: .* cannot be written; expected a file in a folder"):
        check_output(tmp_path / place, "--out", ".json")


def test_folders_that_the_command_makes_need_not_be_there(tmp_path):
    check_output(tmp_path / "new/deep/a.onnx", "--out", makes_folders=True)
    assert not any(tmp_path.iterdir()), "nothing is made before the work is done"
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("gone")
    for name in ("file/a.onnx", "file/deep/a.onnx", "link/a.onnx"):
        with pytest.raises(RunError, match=r"--out: .* cannot be written; expected a file in a folder that can be"):
            check_output(tmp_path / name, "--out", makes_folders=True)
