"""Only regular files are opened, without waiting; files are written beside what is there, never through it."""

import os
import socket
import stat
import time
from pathlib import Path

import pytest

from ssmtl.atomic_file import replacing, write_text
from ssmtl.regular_file import check_file, open_file, read_bytes, read_text, strangers


def irregular(folder):
    """By kind, a path that is no regular file."""
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(folder / "socket"))
    return {"a named pipe": folder / "pipe", "a socket": folder / "socket", "a device": Path("/dev/zero")}


@pytest.mark.parametrize("kind", ["a named pipe", "a socket", "a device"])
@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("read", [open_file, check_file, read_bytes, read_text])
def test_what_is_not_a_regular_file_is_refused_at_once(read, linked, kind, tmp_path):
    path = irregular(tmp_path)[kind]
    if linked:
        (tmp_path / "link").symlink_to(path)
        path = tmp_path / "link"
    began = time.monotonic()
    with pytest.raises(OSError, match=f"it is {kind}, not a regular file") as error:
        read(path)
    assert error.value.filename == str(path)
    assert time.monotonic() - began < 5


def test_regular_files_and_links_to_them_are_read(tmp_path):
    (tmp_path / "file").write_bytes("ä\r\n".encode())
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        check_file(tmp_path / name)
        assert read_bytes(tmp_path / name) == b"\xc3\xa4\r\n"
        assert read_text(tmp_path / name) == "ä\r\n"
    with pytest.raises(FileNotFoundError):
        open_file(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        open_file(tmp_path)


def test_strangers_are_links_pipes_and_sockets_at_any_depth(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "file").touch()
    assert not list(strangers(tmp_path))
    (tmp_path / "a" / "b" / "folder").symlink_to("/")
    (tmp_path / "a" / "gone").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    assert sorted(strangers(tmp_path)) == [
        f"{tmp_path}/a/b/folder is a link", f"{tmp_path}/a/gone is a link", f"{tmp_path}/pipe is a named pipe",
    ]  # fmt: skip
    (tmp_path / "outside").symlink_to(tmp_path / "a")
    assert list(strangers(tmp_path / "outside")), "a link to the folder itself is followed"


@pytest.mark.parametrize("name", ["page.html", ".page.html.part"])
def test_what_is_written_replaces_links_and_what_is_half_written(name, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).symlink_to(victim)
    write_text(tmp_path / "run" / "page.html", "page")
    assert victim.read_text() == "mine"
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["page.html"]
    assert (tmp_path / "run" / "page.html").read_text() == "page"
    os.mkfifo(tmp_path / "run" / ".page.html.part")
    write_text(tmp_path / "run" / "page.html", "again")
    assert (tmp_path / "run" / "page.html").read_text() == "again"


def test_a_failure_leaves_the_old_content_and_nothing_else(tmp_path):
    (tmp_path / "file").write_text("old")

    def interrupted():
        with replacing(tmp_path / "file") as file:
            file.write(b"ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_the_umask_says_who_may_read(umask, mode, tmp_path):
    before = os.umask(umask)
    try:
        write_text(tmp_path / "file", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_pipe_or_a_device_is_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/null")
    for name, kind in (("pipe", "a named pipe"), ("device", "a device")):
        with pytest.raises(OSError, match=f"it is {kind}, not a regular file"):
            write_text(tmp_path / name, "text")
    assert stat.S_ISFIFO((tmp_path / "pipe").lstat().st_mode)
    assert (tmp_path / "device").is_symlink()
    assert len(list(tmp_path.iterdir())) == 2
