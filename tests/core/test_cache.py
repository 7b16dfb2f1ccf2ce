"""The decoded-image cache: decoded once, keyed by content, safe to build twice at the same time."""

import importlib
import json
import multiprocessing
import os
import stat
import threading

import numpy as np
import pytest
from made_examples import MadeUpImage, example
from PIL import Image

from ssmtl.contracts.source import Example
from ssmtl.data import entry, in_order
from ssmtl.data.building import building_in, clear_abandoned
from ssmtl.data.cache import cache_folder, decode
from ssmtl.data.images import ImageFile
from ssmtl.errors import DataError


@pytest.fixture(autouse=True)
def _no_reads():
    MadeUpImage.reads.clear()


def entries(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_second_time_nothing_is_decoded(tmp_path):
    examples = [example(number, grey=number, masks=("lung",)) for number in range(5)]
    first = decode(examples, 16, 1, ("lung",), folder=tmp_path)
    assert MadeUpImage.reads.total() == 10
    second = decode(examples, 16, 1, ("lung",), folder=tmp_path)
    assert MadeUpImage.reads.total() == 10
    assert np.array_equal(first.images, second.images)
    assert first.images.shape == (5, 1, 16, 16)
    assert first.images[3].max() == first.images[3].min() == 3
    assert first.masks.shape == (5, 1, 16, 16)
    assert first.masks.all()
    assert first.fingerprint == second.fingerprint
    assert entries(tmp_path) == entries(tmp_path)[:1], "one entry, and no half-built one beside it"


def test_the_decoded_form_is_part_of_the_key(tmp_path):
    examples = [example(0, masks=("lung", "heart"))]
    decode(examples, 16, 1, folder=tmp_path)
    decode(examples, 24, 1, folder=tmp_path)
    decode(examples, 16, 3, folder=tmp_path)
    decode(examples, 16, 1, ("lung",), folder=tmp_path)
    decode(examples, 16, 1, ("heart", "lung"), folder=tmp_path)
    assert len(entries(tmp_path)) == 5


def test_changed_content_makes_a_new_entry(tmp_path):
    first = decode([example(0, grey=10)], 16, 1, folder=tmp_path)
    second = decode([example(0, grey=20)], 16, 1, folder=tmp_path)
    assert first.fingerprint != second.fingerprint
    assert second.images.max() == 20
    assert len(entries(tmp_path)) == 2


def test_a_file_that_is_replaced_is_read_again(tmp_path):
    path = tmp_path / "a.png"
    rows = [Example("a", "p", ImageFile(path))]
    Image.new("L", (9, 9), 50).save(path)
    assert decode(rows, 16, 1, folder=tmp_path / "cache").images.max() == 50
    Image.new("L", (9, 9), 70).save(path)
    assert decode(rows, 16, 1, folder=tmp_path / "cache").images.max() == 70


def test_an_image_that_does_not_decode_stops_and_leaves_nothing(tmp_path):
    examples = [example(0), example(1, broken=True), example(2)]
    with pytest.raises(DataError, match="i1 cannot be decoded: truncated"):
        decode(examples, 16, 1, folder=tmp_path)
    assert not entries(tmp_path)


def test_or_is_skipped_and_reported(tmp_path):
    examples = [example(0), example(1, broken=True), example(2)]
    for _ in range(2):
        found = decode(examples, 16, 1, skip=True, folder=tmp_path)
        assert list(found.skipped) == ["i1"]
        assert "truncated" in found.skipped["i1"]
        assert not found.images[1].any()
        assert found.images[2].all()


def test_a_truncated_file_and_a_missing_one(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save(tmp_path / "good.png")
    content = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    rows = [Example(name, name, ImageFile(tmp_path / f"{name}.png")) for name in ("good", "cut", "gone")]
    for broken in (rows[:2], rows[::2]):
        with pytest.raises(DataError, match=f"{broken[1].id}.png"):
            decode(broken, 16, 1, folder=tmp_path / "cache")
    found = decode(rows, 16, 1, skip=True, folder=tmp_path / "cache")
    assert set(found.skipped) == {"cut", "gone"}


def test_a_missing_mask_is_empty(tmp_path):
    found = decode([example(0, masks=("lung",)), example(1)], 16, 1, ("lung",), folder=tmp_path)
    assert found.masks[0].all()
    assert not found.masks[1].any()


def test_two_threads_build_one_entry(tmp_path):
    examples = [example(number, grey=number) for number in range(60)]
    start, results = threading.Barrier(2), []

    def build():
        start.wait()
        results.append(decode(examples, 16, 1, folder=tmp_path))

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    assert np.array_equal(results[0].images, results[1].images)
    assert len(entries(tmp_path)) == 1


def build_in_process(folder, queue):
    found = decode([example(number, grey=number) for number in range(40)], 16, 1, folder=folder)
    queue.put(int(found.images.astype(np.int64).sum()))


def test_two_processes_build_one_entry(tmp_path):
    context = multiprocessing.get_context("fork")  # the fastest to start; the code itself never forks
    queue = context.Queue()
    workers = [context.Process(target=build_in_process, args=(tmp_path, queue)) for _ in range(2)]
    for worker in workers:
        worker.start()
    sums = [queue.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert sums == [sum(range(40)) * 256] * 2
    assert len(entries(tmp_path)) == 1


def test_an_entry_that_was_interrupted_is_built_again(tmp_path):
    examples = [example(0, grey=9)]
    decode(examples, 16, 1, folder=tmp_path)
    (tmp_path / entries(tmp_path)[0] / "done.json").unlink()
    assert decode(examples, 16, 1, folder=tmp_path).images.max() == 9


def test_an_entry_in_the_place_of_another_is_built_again(tmp_path):
    made = [[example(number, grey=grey) for number in range(2)] for grey in (3, 9)]
    for examples in made:
        decode(examples, 16, 1, folder=tmp_path)
    one, other = (tmp_path / name for name in entries(tmp_path))
    one.rename(tmp_path / "aside")
    other.rename(one)
    (tmp_path / "aside").rename(other)
    assert [decode(examples, 16, 1, folder=tmp_path).images.max() for examples in made] == [3, 9]


def test_an_entry_that_was_made_to_skip_an_image_is_built_again(tmp_path):
    examples = [example(number, grey=9) for number in range(2)]
    decode(examples, 16, 1, folder=tmp_path)
    path = tmp_path / entries(tmp_path)[0] / "done.json"
    record = json.loads(path.read_text())
    record["content"]["skipped"][examples[0].id] = "it cannot be decoded"
    path.write_text(json.dumps(record))
    assert decode(examples, 16, 1, folder=tmp_path).skipped == {}


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("SSMTL_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("SSMTL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "ssmtl"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o755), (0o077, 0o700)])
def test_a_colleague_may_read_it_if_the_umask_allows(umask, mode, tmp_path):
    before = os.umask(umask)
    try:
        decode([example(0)], 16, 1, folder=tmp_path)
    finally:
        os.umask(before)
    (entry,) = tmp_path.iterdir()
    assert stat.S_IMODE(entry.stat().st_mode) == mode


@pytest.mark.parametrize("moment", ["mkdir", "open", "flock", "rename"])
def test_a_build_is_never_taken_for_an_abandoned_one(moment, tmp_path, monkeypatch):
    """Another process clears up at the worst moment: around the system calls by which a build comes into being."""
    module = importlib.import_module("fcntl" if moment == "flock" else "os")
    call, busy = getattr(module, moment), []

    def called(*arguments, **options):
        if busy:
            return call(*arguments, **options)
        busy.append(True)
        clear_abandoned(tmp_path)
        result = call(*arguments, **options)
        clear_abandoned(tmp_path)
        busy.clear()
        return result

    monkeypatch.setattr(module, moment, called)
    assert decode([example(0, grey=9)], 16, 1, folder=tmp_path).images.max() == 9
    assert len(entries(tmp_path)) == 1


def test_what_killed_processes_left_is_removed(tmp_path):
    for name in (".building-1", ".new-1", ".new-2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".lock").touch()
    os.utime(tmp_path / ".new-1", (0, 0))
    with building_in(tmp_path) as building:
        clear_abandoned(tmp_path)
        assert entries(tmp_path) == [building.name, ".new-2"], "one is being built, one is only now being locked"
    assert entries(tmp_path) == [".new-2"]


def test_an_entry_with_a_named_pipe_in_it_is_built_again(tmp_path):
    examples = [example(0, grey=9)]
    decode(examples, 16, 1, folder=tmp_path)
    for name in ("done.json", "images.npy"):
        (tmp_path / entries(tmp_path)[0] / name).unlink()
        os.mkfifo(tmp_path / entries(tmp_path)[0] / name)
        assert decode(examples, 16, 1, folder=tmp_path).images.max() == 9


@pytest.mark.parametrize(("threads", "together"), [(1, 1), (3, 2), (2, 100)])
def test_neither_threads_nor_groups_change_a_byte(threads, together, tmp_path, monkeypatch):
    examples = [example(number, grey=7 * number, masks=("lung",) if number % 2 else ()) for number in range(7)]
    decode(examples, 16, 1, ("lung",), folder=tmp_path / "a")
    monkeypatch.setattr(in_order, "thread_count", lambda: threads)
    monkeypatch.setattr(entry, "TOGETHER", together)
    decoded = decode(examples, 16, 1, ("lung",), folder=tmp_path / "b")
    for one, other in zip(sorted(tmp_path.glob("a/*/*")), sorted(tmp_path.glob("b/*/*")), strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert [int(image.max()) for image in decoded.images] == [7 * number for number in range(7)]
    assert [int(mask.max()) for mask in decoded.masks] == [number % 2 for number in range(7)]


def test_few_images_are_under_way_at_a_time(monkeypatch):
    """Or those that wait to be written would fill the memory."""
    monkeypatch.setattr(in_order, "thread_count", lambda: 2)
    begun = []

    def items():
        for number in range(100):
            begun.append(number)
            yield number

    for number, result in enumerate(in_order.in_order(lambda item: item * 2, items())):
        assert result == 2 * number
        assert len(begun) <= number + 5


def test_the_first_image_that_does_not_decode_is_named_whichever_fails_first(tmp_path, monkeypatch):
    monkeypatch.setattr(in_order, "thread_count", lambda: 4)
    monkeypatch.setattr(entry, "TOGETHER", 1)
    for number in range(4):
        (tmp_path / f"{number}.png").write_bytes(b"no image" * (number + 1))
    broken = [Example(str(number), "p", ImageFile(tmp_path / f"{number}.png")) for number in range(4)]
    for _ in range(5):
        with pytest.raises(DataError, match=r"0\.png is not an image"):
            decode(broken, 16, 1, folder=tmp_path / "cache")
