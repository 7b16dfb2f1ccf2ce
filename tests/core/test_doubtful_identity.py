"""Identity where spellings differ, masks are gone, copies contradict each other, or sources are made disjoint."""

import unicodedata
from dataclasses import replace
from types import SimpleNamespace

import pytest
from made_examples import MadeUpImage, example

from ssmtl.contracts.folders import Folders
from ssmtl.contracts.head import Output
from ssmtl.contracts.source import Example
from ssmtl.data.doubts import doubts_of
from ssmtl.data.given_split import read_split
from ssmtl.data.identity import ImageIdentity, People, identities_of
from ssmtl.data.images import ImageFile
from ssmtl.data.pool import SourceFiles, examples_of, list_sources
from ssmtl.data.split import split_tasks
from ssmtl.data.split_file import SplitFile, TaskSplit, write_split_file
from ssmtl.data.used_images import used_images
from ssmtl.errors import DataError, RunError
from ssmtl.experiment.namespaces import namespace_of, with_moved
from ssmtl.recipe.models import SourceEntry, TaskSpec


def entry(**options):
    return SourceEntry(use="x", **options)


class Made:
    def __init__(self, rows):
        self.rows = rows

    def examples(self):
        return self.rows


class Gone:
    """A broken link."""

    name = "gone"

    def fingerprint(self):
        raise DataError("gone cannot be read")


def test_empty_files_are_not_copies_of_an_image(tmp_path):
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for file in files:
        file.touch()
    images = [Example(file.stem, file.stem, ImageFile(file), labels=frozenset({"x"})) for file in files]
    with pytest.raises(DataError, match=r"a\.png is empty \(0 bytes\)"):
        identities_of(images)
    empty = identities_of(images, skip=True)
    people = People({"s": empty}, {"s": "s"})
    assert people.person("s", empty[0]) != people.person("s", empty[1])


def test_roots_that_lead_to_one_folder_name_patients_alike(tmp_path, monkeypatch):
    (tmp_path / "set").mkdir()
    (tmp_path / "link").symlink_to("set")
    monkeypatch.chdir(tmp_path)
    roots = [
        (None, "set"), (None, "set/../set"), (None, "link"), (None, str(tmp_path / "set")), (tmp_path, "./set"),
        (tmp_path / "link" / "..", "set"),
    ]  # fmt: skip
    monkeypatch.delenv("SSMTL_DATA", raising=False)
    words = {namespace_of("s", entry(root=root), Folders(base)) for base, root in roots}
    assert len(words) == 1
    assert namespace_of("s", entry(root="other"), Folders(tmp_path)) not in words


def test_a_root_that_cannot_be_a_path_is_named():
    with pytest.raises(DataError, match="source 's': root: "):
        namespace_of("s", entry(root="a\0b"), Folders())


def test_an_image_with_a_mask_that_cannot_be_read_is_still_itself():
    plain = example(0, masks=("lung",))
    broken = replace(plain, masks={**plain.masks, "heart": (Gone(),)})
    (known,), (found,) = identities_of([plain]), identities_of([broken], skip=True)
    assert found.content == known.content
    assert dict(found.masks) == {**dict(known.masks), "heart": ("unreadable",)}
    (unread,) = identities_of([replace(plain, image=Gone())], skip=True)
    assert (unread.content, unread.masks) == ("", known.masks)
    with pytest.raises(DataError, match="gone cannot be read"):
        identities_of([broken])


def test_a_split_that_does_not_say_how_patients_are_told_apart_is_refused():
    task = TaskSplit(source="s", labeled=["a"], unlabeled=["a"], val=[], test={})
    split = SplitFile(tasks={"t": task}, images={"s": {"a": ["x", "p1"]}})
    with pytest.raises(RunError, match=r"split.json: namespaces.s: is missing"):
        used_images(split, {"q": [ImageIdentity("b", "p1", "y")]}, {"q": "one"})["q"]


def test_accents_and_blanks_make_no_other_person(tmp_path):
    composed, apart = (unicodedata.normalize(form, "Müller") for form in ("NFC", "NFD"))
    rows = [replace(example(number), patient=name) for number, name in enumerate((composed, apart, f" {apart}\t"))]
    assert {found.patient for found in examples_of("s", entry(), Made(rows))} == {composed}
    rows = [replace(example(number), id=f"{apart}{number}") for number in range(40)]
    rows = [replace(row, labels=frozenset("ab"[number % 2])) for number, row in enumerate(rows)]
    data = SourceFiles({"s": examples_of("s", entry(), Made(rows))}, {"s": entry()})
    spec = TaskSpec.model_validate(
        {"source": "s", "head": {"use": "h"}, "strategies": [{"use": "s"}], "labeled": 10, "evaluate_on": {"in": "s"}}
    )
    tasks, path = {"t": (spec, Output("multiclass", ("a", "b")))}, tmp_path / "split.json"
    found = split_tasks(tasks, data, 0, select=True)
    decomposed = TaskSplit.model_validate(
        {**found["t"].model_dump(), "labeled": [unicodedata.normalize("NFD", one) for one in found["t"].labeled]}
    )
    write_split_file(path, {"t": decomposed}, 0, {})
    assert read_split(path, tasks, data) == found


def named(*patients, source="s"):
    rows = [replace(example(number), patient=patient) for number, patient in enumerate(patients)]
    return SourceFiles({source: tuple(rows)}, {source: entry()})


@pytest.mark.parametrize("pair", [("P3", "p3"), ("p3", "p3\u200b"), ("p 3", "p\u00a03"), ("p3", "p03"), ("ﬁ1", "fi1")])
def test_patients_that_look_alike_are_doubtful(pair):
    (doubt,) = doubts_of(named("q", *pair, *pair))
    assert doubt.startswith("source s: patients '")
    assert "one person or two?" in doubt
    quoted = doubt.split("'")[1::2]
    assert len(set(quoted)) == 2
    assert all(name.isprintable() for name in quoted)
    assert len(doubts_of(named("x1", "X1", "y1", "Y1"))) == 1, "one sentence for a source"


@pytest.mark.parametrize("pair", [("p3", "p30"), ("p3", "p3"), ("a", "b")])
def test_others_are_not(pair):
    assert doubts_of(named(*pair)) == []
    own = [replace(example(0), id="A.png", patient="A.png"), replace(example(1), id="a.png", patient="a.png")]
    assert doubts_of(SourceFiles({"s": tuple(own)}, {"s": entry()})) == [], "nobody named their patients"


def test_sources_that_nearly_agree_on_their_patients_are_doubtful():
    """One stray copy, and no name is compared any more."""
    one = [replace(example(number), patient=f"p{number}") for number in range(6)]
    stray = replace(one[0], id="stray", patient="p9")
    entries = {"s": entry(), "t": entry()}
    (doubt,) = doubts_of(SourceFiles({"s": tuple(one), "t": (*one[:3], stray)}, entries))
    assert doubt.startswith("sources s and t share 3 images and agree on the patient of 2 of them")
    for others, spaces in (((*one[:3],), {}), ((*one[:3], stray), {"s": "word", "t": "word"})):
        assert doubts_of(SourceFiles({"s": tuple(one), "t": others}, entries, spaces)) == []
    others = tuple(replace(row, patient=f"q{row.patient}") for row in one)
    assert doubts_of(SourceFiles({"s": tuple(one), "t": others}, entries)) == [], "other names altogether"


def listed(sets, entries, wanted, disjoint=(), spaces=None):
    return list_sources(entries, wanted, lambda name: Made(sets[name]), [*disjoint], 0, spaces)


def test_sources_are_divided_by_persons_not_by_names():
    """The same images, whose patients have other names: nobody is in both."""
    one = [replace(example(number), patient=f"p{number // 2}") for number in range(40)]
    sets = {"s": one, "t": [replace(row, id=f"c {row.id}", patient=f"q{row.patient}") for row in one]}
    files = listed(sets, {"s": entry(), "t": entry(disjoint_from="s", share=0.3)}, {"s", "t"})
    contents = {name: {image.content for image in images} for name, images in files.identities.items()}
    assert not contents["s"] & contents["t"]
    assert [len(contents[name]) for name in "st"] == [28, 12]


def test_tasks_are_divided_by_persons_not_by_names():
    """Each image is there twice, under two patients' names."""
    rows = [
        Example(f"{copy}{number}", f"{copy}{number}", example(number).image, frozenset("ab"[number % 2]),
                example(number, masks=("lung",)).masks)
        for number in range(60) for copy in "pq"
    ]  # fmt: skip
    files = SourceFiles({"s": tuple(rows)}, {"s": entry()})
    common = {"source": "s", "head": {"use": "h"}, "strategies": [{"use": "s"}], "labeled": 4}
    tasks = {
        "t": (TaskSpec.model_validate(common), Output("multiclass", ("a", "b"))),
        "u": (TaskSpec.model_validate({**common, "disjoint_from": "t"}), Output("masks", ("lung",))),
    }
    found = split_tasks(tasks, files, 0, select=True)
    content = {image.id: image.content for image in files.identities["s"]}
    seen = {task: {content[one] for one in (*part.unlabeled, *part.val)} for task, part in found.items()}
    assert all(seen.values())
    assert not seen["t"] & seen["u"]


def test_a_source_holds_the_same_images_in_every_recipe():
    """Of a chain of sources, and beside one that shows that two patients of others are one."""
    chain = {name: [replace(example(number, grey=grey), patient=f"p{number // 2}") for number in range(40)]
             for name, grey in (("a", 1), ("b", 2), ("c", 3))}  # fmt: skip
    chain["x"] = [replace(chain[name][2 * place], id=f"{name}{place}", patient=f"x{place // 5}")
                  for name in "ab" for place in range(20)]  # fmt: skip
    entries = {"b": entry(disjoint_from="c"), "a": entry(disjoint_from="b"), "c": entry(), "x": entry()}
    spaces = dict.fromkeys("abc", "one")
    whole = listed(chain, entries, set("abc"), spaces=spaces).examples
    assert len({len(rows) for rows in (whole["c"], chain["c"])}) == 2, "c has lost some"
    for wanted in ("a", "b", "c", "ac", "abx", "cx"):
        found = listed(chain, entries, set(wanted), spaces=spaces).examples
        assert {name: found[name] for name in wanted if name != "x"} == {
            name: whole[name] for name in wanted if name != "x"
        }


def test_who_is_one_person_is_not_forgotten_with_the_images_that_showed_it():
    """s has an image in common with t and one with u, and loses both: still t and u show one person."""
    rows = [example(number) for number in range(3)]
    sets = {"s": (replace(rows[0], patient="p"), replace(rows[1], patient="p"), replace(rows[2], patient="r")),
            "t": (replace(rows[0], patient="q"),), "u": (replace(rows[1], patient="w"),)}  # fmt: skip
    files = listed(sets, {"s": entry(disjoint_from="t", share=0.01), "t": entry(), "u": entry()}, set("stu"))
    assert [row.patient for row in files.examples["s"]] == ["r"]
    assert files.persons("t")["i0"] == files.persons("u")["i1"]


def test_a_mask_of_several_images_is_doubtful():
    own = [example(number, masks=("lung",)) for number in range(4)]
    assert doubts_of(SourceFiles({"s": tuple(own)}, {"s": entry()})) == []
    down = tuple(replace(one, masks=own[0].masks) for one in own)
    (doubt,) = doubts_of(SourceFiles({"s": down}, {"s": entry()}))
    assert "'i0 lung' is the mask of 4 different images" in doubt
    empty = MadeUpImage("empty", 0)
    filled = [*(replace(one, masks={"lung": (empty,)}) for one in own[:2]), own[2], replace(own[3], masks=own[2].masks)]
    (doubt,) = doubts_of(SourceFiles({"s": tuple(filled)}, {"s": entry()}))
    assert "'i2 lung' is the mask of 2 different images; give" in doubt, "an empty mask may be of many"


def test_of_moved_data_both_places_are_known(tmp_path, monkeypatch):
    """Also where two entries once led to one folder, and one of them still does; a root that leads nowhere is none."""
    monkeypatch.delenv("SSMTL_DATA", raising=False)
    here, there = tmp_path / "here", tmp_path / "there"
    sources = {"s": entry(root="set"), "z": entry(root=str(here / "set")), "gone": entry(root="a\0b")}
    space = namespace_of("s", sources["s"], Folders(here))
    assert space == namespace_of("z", sources["z"], Folders(here))
    split = SplitFile(
        tasks={"t": TaskSplit(source="s", labeled=["a"], unlabeled=["a"], val=[], test={})},
        images={"s": {"a": ["x", "p1"]}},
        namespaces={"s": space, "z": space, "gone": "root gone"},
    )
    later = {"q": [ImageIdentity("b", "p1", "y")]}
    for base in (here, there):
        known = with_moved(split, SimpleNamespace(sources=sources), Folders(base))
        for root in ("set", str(here / "set")):
            asked = {"q": namespace_of("q", entry(root=root), Folders(base))}
            assert used_images(known, later, asked)["q"] == {"b"}
        assert used_images(known, later, {"q": "named others"})["q"] == set()
