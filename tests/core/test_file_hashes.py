"""Hashes of files that later processes know without reading the files."""

import multiprocessing
import os
import time

import pytest

from ssmtl.data import hash_store
from ssmtl.data.file_hashes import FileHashes
from ssmtl.data.file_state import SETTLED, FileState
from ssmtl.data.hash_store import add_hashes, read_hashes, store_of


@pytest.fixture
def image(tmp_path, monkeypatch):
    """A file that counts as settled at once, and a cache of its own."""
    monkeypatch.setenv("SSMTL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("ssmtl.data.file_state.SETTLED", 0)
    path = tmp_path / "images" / "one.png"
    path.parent.mkdir()
    path.write_bytes(b"first")
    time.sleep(0.02)
    return path


def process(path, hashes=None):
    """The hash that a new process gives, and whether it read the file."""
    reads = []

    def read():
        reads.append(path)
        return path.read_bytes()

    hashes = hashes or FileHashes()
    with hashes.stored([str(path.parent)]):
        found = hashes.of(str(path), read)
    return found, bool(reads)


def only_store(path):
    return store_of(str(path.parent), path.parents[1] / "cache")


def test_a_later_process_does_not_read_an_unchanged_file(image):
    first, read = process(image)
    assert read
    assert process(image) == (first, False)
    image.rename(image.with_name("two.png"))
    image.with_name("two.png").rename(image)  # its time of change is another one
    assert process(image) == (first, True)


@pytest.mark.parametrize("content", [b"other", b"longer than before"])
def test_a_changed_file_is_read_although_its_time_is_set_back(image, content):
    first, _ = process(image)
    before = image.stat()
    image.write_bytes(content)
    os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert image.stat().st_mtime_ns == before.st_mtime_ns
    second, read = process(image)
    assert read
    assert second != first


def test_a_link_to_another_file_is_read(image):
    link, other = image.with_name("link.png"), image.with_name("other.png")
    other.write_bytes(b"other")
    link.symlink_to(image)
    first, _ = process(link)
    link.unlink()
    link.symlink_to(other)
    assert process(link)[0] != first


def test_a_file_that_changed_just_now_is_not_remembered(image, monkeypatch):
    monkeypatch.setattr("ssmtl.data.file_state.SETTLED", SETTLED)
    process(image)
    assert process(image)[1]
    state = FileState.of(str(image))
    assert not state.settled(state.changed + SETTLED)
    assert state.settled(state.changed + SETTLED + 1)


def test_a_file_that_changes_while_it_is_read_is_not_remembered(image):
    def read():
        image.write_bytes(b"second")
        return b"first"

    hashes = FileHashes()
    with hashes.stored([str(image.parent)]):
        hashes.of(str(image), read)
    assert process(image)[1]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "no hashes"])
def test_a_damaged_store_is_not_used(image, damage):
    first, _ = process(image)
    store = only_store(image)
    content = store.read_bytes()
    place = content.index(first.encode())
    flipped = content[:place] + (b"0" if content[place : place + 1] != b"0" else b"1") + content[place + 1 :]
    store.write_bytes({"cut": content[:-9], "flipped": flipped, "empty": b"", "no hashes": b"\n[1]"}[damage])
    assert read_hashes(store) == {}
    assert process(image) == (first, True)
    assert process(image) == (first, False)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX rights")
def test_a_store_that_others_may_write_to_is_not_used(image):
    first, _ = process(image)
    only_store(image).parent.chmod(0o777)
    assert only_store(image) is None
    assert process(image) == (first, True)


def test_no_place_for_a_store_is_no_error(image, monkeypatch):
    monkeypatch.setenv("SSMTL_CACHE", str(image / "cache"))
    assert process(image) == process(image)


def add_one(store, number):
    add_hashes(store, {f"/{number}": [f"{number:032x}", *FileState(1, 2, 3, number)]})


def test_processes_that_write_at_once_lose_nothing(tmp_path):
    store = store_of("/images", tmp_path)
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=add_one, args=(store, number)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(read_hashes(store)) == [f"/{number}" for number in range(4)]


def test_a_store_and_their_number_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(hash_store, "FILES", 2)
    monkeypatch.setattr(hash_store, "STORES", 2)
    store = store_of("/images", tmp_path)
    for number in range(3):
        add_one(store, number)
    assert list(read_hashes(store)) == ["/2"]
    for number in range(3):
        add_one(store_of(f"/{number}", tmp_path), number)
    assert len(list(store.parent.glob("*.json"))) == 2


def test_hashing_anew_names_a_file_whose_hash_is_wrong(image):
    first, _ = process(image)
    add_hashes(only_store(image), {str(image): ["0" * 32, *FileState.of(str(image))]})
    assert process(image) == ("0" * 32, False)
    hashes = FileHashes()
    with hashes.anew() as differing:
        assert process(image, hashes) == (first, True)
    assert differing == {str(image)}
    assert process(image) == (first, False)
