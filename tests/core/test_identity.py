"""Whom an image shows, across sources, names and copies."""

from dataclasses import replace
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st
from made_examples import example

from ssmtl.data.identity import ImageIdentity, People, fingerprint_of, identities_of
from ssmtl.data.split_file import SplitFile, TaskSplit
from ssmtl.data.used_images import used_images

images = st.lists(st.tuples(st.sampled_from("stu"), st.integers(0, 6), st.integers(0, 8)), max_size=14)


def people_of(rows, namespaces):
    """:param rows: (source, patient, content)."""
    listed = {source: [] for source in "stu"}
    for number, (source, patient, content) in enumerate(rows):
        listed[source].append(ImageIdentity(f"i{number}", f"p{patient}", f"c{content}"))
    people = People(listed, namespaces)
    return [
        (source, image, people.person(source, image)) for source, identities in listed.items() for image in identities
    ]


@given(images)
def test_one_person_is_what_contents_and_patients_connect(rows):
    """Against connected components found by brute force, with patients that are named alike everywhere."""
    found = people_of(rows, dict.fromkeys("stu", "one"))
    groups = [{place} for place in range(len(found))]
    for one, other in combinations(range(len(found)), 2):
        if found[one][1].content == found[other][1].content or found[one][1].patient == found[other][1].patient:
            first, second = (next(group for group in groups if place in group) for place in (one, other))
            if first is not second:
                groups.remove(second)
                first |= second
    for one, other in combinations(range(len(found)), 2):
        together = any({one, other} <= group for group in groups)
        assert (found[one][2] == found[other][2]) == together


@given(images)
def test_names_of_two_data_sets_are_compared_only_where_the_sets_agree(rows):
    spaces = {source: source for source in "stu"}
    found = people_of(rows, spaces)
    contents = {source: {image.content for own, image, _ in found if own == source} for source in "stu"}
    for (one, first, person), (other, second, another) in combinations(found, 2):
        if one == other and first.patient == second.patient:
            assert person == another
        if not (contents["s"] & contents["t"] or contents["s"] & contents["u"] or contents["t"] & contents["u"]):
            assert (person == another) == (
                one == other and (first.patient == second.patient or first.content == second.content)
            ) or one == other


def test_two_sets_that_share_an_image_and_its_patient_name_their_patients_alike():
    listed = {
        "s": [ImageIdentity("a", "p1", "x"), ImageIdentity("b", "p2", "y")],
        "t": [ImageIdentity("c", "p1", "x"), ImageIdentity("d", "p2", "z")],
    }
    people = People(listed, {"s": "s", "t": "t"})
    assert people.person("s", listed["s"][1]) == people.person("t", listed["t"][1]), "p2 is p2"
    listed["t"][0] = ImageIdentity("c", "q9", "x")
    people = People(listed, {"s": "s", "t": "t"})
    assert people.person("s", listed["s"][0]) == people.person("t", listed["t"][0]), "one image"
    assert people.person("s", listed["s"][1]) != people.person("t", listed["t"][1]), "their names mean something else"


def test_the_fingerprint_sees_images_labels_masks_and_patients():
    plain = [example(number, "ab"[number % 2], masks=("lung",)) for number in range(4)]
    changes = [
        replace(plain[1], labels=frozenset("a")),
        replace(plain[1], labels=None),
        replace(plain[1], patient="p3"),
        replace(plain[1], masks={"heart": plain[1].masks["lung"]}),
        replace(plain[1], image=plain[2].image),
        replace(plain[1], split="test"),
        replace(plain[1], mask_scale=0.5),
    ]
    fingerprints = {fingerprint_of(identities_of([plain[0], changed, *plain[2:]])) for changed in (plain[1], *changes)}
    assert len(fingerprints) == 1 + len(changes)
    assert fingerprint_of(identities_of(plain)) in fingerprints


def test_who_was_used_is_known_by_content_and_patient_whatever_the_source_is_called():
    split = SplitFile(
        tasks={"t": TaskSplit(source="s", labeled=["a"], unlabeled=["a", "b"], val=["c"], test={})},
        namespaces={"s": "one"},
        images={"s": {"a": ["x", "p1"], "b": ["y", "p2"], "c": ["z", "p3"]}},
    )
    asked = [
        ImageIdentity("copy", "q1", "x"),
        ImageIdentity("follow-up", "p3", "new"),
        ImageIdentity("of the copy's patient", "q1", "newer"),
        ImageIdentity("other", "p9", "other"),
    ]
    assert used_images(split, {"q": asked}, {"q": "one"})["q"] == {"copy", "follow-up", "of the copy's patient"}
    assert used_images(split, {"q": asked}, {"q": "elsewhere"})["q"] == {"copy", "of the copy's patient"}


def test_what_did_not_train_tells_which_sources_name_patients_alike():
    """`asked` shares an image with c alone, and c with s, whose p1 trained."""
    split = SplitFile(
        tasks={"t": TaskSplit(source="s", labeled=["a"], unlabeled=["a"], val=[], test={})},
        namespaces={"s": "one", "c": "two"},
        images={"s": {"a": ["x", "p1"]}},
        others={"s": {"b": ["y", "p2"]}, "c": {"k": ["y", "p2"], "m": ["z", "p3"]}},
    )
    later = [ImageIdentity(f"later {number}", f"p{number}", f"new {number}") for number in range(4)]
    assert used_images(split, {"q": [ImageIdentity("m", "p3", "z"), *later]}, {"q": "three"})["q"] == {"later 1"}
    assert used_images(split, {"q": [ImageIdentity("m", "q3", "z"), *later]}, {"q": "three"})["q"] == set()
    assert used_images(split, {"q": later}, {"q": "three"})["q"] == set()
    assert used_images(split, {"q": later}, {"q": "two"})["q"] == {"later 1"}


def test_one_source_tells_whom_the_images_of_another_show():
    """`far` shares an image with `near` alone, and `near` with the run's s, whose p1 trained."""
    split = SplitFile(
        tasks={"t": TaskSplit(source="s", labeled=["a"], unlabeled=["a"], val=[], test={})},
        namespaces={"s": "one"},
        images={"s": {"a": ["x", "p1"]}},
        others={"s": {"b": ["y", "p2"]}},
    )
    near = [ImageIdentity("b", "p2", "y"), ImageIdentity("m", "p3", "z")]
    far = [ImageIdentity("m", "p3", "z"), ImageIdentity("later", "p1", "new")]
    spaces = {"near": "two", "far": "three"}
    assert used_images(split, {"near": near, "far": far}, spaces)["far"] == {"later"}
    assert used_images(split, {"far": far}, spaces)["far"] == set()
