"""The sources for your own files: `manifest` and `folders`."""

import made_up
import pytest

from ssmtl import DataError, Folders
from ssmtl_sources.manifest import Manifest
from ssmtl_sources.plain_folders import PlainFolders


def table(root, *lines, name="manifest.csv"):
    for image in ("a.png", "b.png", "c.png"):
        made_up.grey_image(root / "scans" / image)
    for mask in ("a1.png", "a2.png"):
        made_up.blob(root / "masks" / mask)
    (root / name).write_text("\n".join([*lines, ""]), encoding="utf-8")
    return root


def manifest(root, **options):
    return Manifest(Folders(), root=str(root), **options).examples()


def plain(root, **options):
    return PlainFolders(Folders(), root=str(root), **options).examples()


def test_manifest_of_everything(tmp_path):
    table(
        tmp_path,
        "image,class,lung,patient,split",
        "scans/a.png,normal,masks/a1.png; masks/a2.png,p1,train",
        "",
        'scans/b.png,"covid|effusion",,p1,',
        "scans/c.png,,masks/a1.png,,test",
    )
    first, second, third = manifest(tmp_path, label="class", mask="lung")
    assert [first.labels, second.labels, third.labels] == [{"normal"}, {"covid", "effusion"}, None]
    assert [mask.path.name for mask in first.masks["lung"]] == ["a1.png", "a2.png"]
    assert second.masks is None
    assert [first.patient, second.patient, third.patient] == ["p1", "p1", "scans/c.png"]
    assert [first.split, second.split, third.split] == ["train", None, "test"]
    assert first.id == "scans/a.png"


def test_manifest_of_images_alone_is_unlabelled(tmp_path):
    table(tmp_path, "\ufeffimage", "scans/a.png", "scans/b.png", name="list.csv")
    found = manifest(tmp_path, file="list.csv")
    assert [(example.labels, example.masks, example.split) for example in found] == [(None, None, None)] * 2


def test_manifest_of_several_columns(tmp_path):
    table(
        tmp_path,
        "file,effusion,nodule,left,right,who",
        "scans/a.png,1,0,masks/a1.png,masks/a2.png,x",
        "scans/b.png,0.0,0,masks/a1.png,,x",
        "scans/c.png,1.0,,,,y",
    )
    found = manifest(
        tmp_path,
        image="file",
        labels=["effusion", "nodule"],
        masks={"left_lung": "left", "right_lung": "right"},
        patient="who",
    )
    assert [example.labels for example in found] == [{"effusion"}, frozenset(), {"effusion"}]
    assert [example.unknown for example in found] == [frozenset(), frozenset(), {"nodule"}]
    assert [sorted(example.masks or {}) for example in found] == [["left_lung", "right_lung"], ["left_lung"], []]
    assert [example.patient for example in found] == ["x", "x", "y"]


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        (["imgae,label", "scans/a.png,x"], {}, r"no column 'image'; did you mean 'imgae'\? It has: imgae, label"),
        (["image,lable", "scans/a.png,x"], {"label": "label"}, r"no column 'label'; did you mean 'lable'"),
        (["image", "scans/a.png"], {"patient": "who"}, r"no column 'who'; it has: image$"),
        (
            ["image;patient", "scans/a.png;p1"],
            {},
            r"manifest.csv is separated by semicolons; expected commas \(its header: image, patient\)",
        ),
        (["image\tlabel", "scans/a.png\tone, two"], {}, r"is separated by tabs; expected commas"),
        (["image", "scans/a.png", "scans/z.png"], {}, r"manifest.csv, line 3, column 'image': no file 'scans/z.png'"),
        (["image,m", "scans/a.png,q.png"], {"mask": "m"}, r"manifest.csv, line 2, column 'm': no file 'q.png'"),
        (["image,m", "scans/a.png,masks/a1.png;"], {"mask": "m"}, r"line 2, column 'm': the path is missing"),
        (
            ["image,split", "scans/a.png,dev"],
            {},
            r"line 2, column 'split': 'dev'; expected train, val, test or nothing",
        ),
        (
            ["image", "scans/a.png", "scans/b.png", "scans/a.png"],
            {},
            r"line 4, column 'image': .* is already on line 2",
        ),
        (
            ["image", "scans/a.png", "masks/../scans/a.png"],
            {},
            r"line 3, column 'image': .* is already on line 2",
        ),
        (["image,label", ",x"], {}, r"line 2, column 'image': the path is missing"),
        (["image,f", "scans/a.png,yes"], {"labels": ["f"]}, r"line 2, column 'f': 'yes'; expected 0, 1 or nothing"),
        (["image,f", "scans/a.png"], {}, r"line 2 has 1 cells; its header has 2"),
        (["image,image", "scans/a.png,b"], {}, r"two columns 'image'"),
        (["image"], {}, r"has no rows"),
        ([], {}, r"is empty"),
    ],
)
def test_manifest_errors_say_where(tmp_path, lines, options, message):
    table(tmp_path, *lines)
    with pytest.raises(DataError, match=message):
        manifest(tmp_path, **options)


def test_a_manifest_with_two_links_to_one_file(tmp_path):
    table(tmp_path, "image", "scans/a.png", "scans/link.png")
    (tmp_path / "scans" / "link.png").symlink_to("a.png")
    with pytest.raises(DataError, match=r"line 3, column 'image': 'scans/link.png' is already on line 2, as 'scans/a"):
        manifest(tmp_path)


def test_patients_that_pandas_wrote_as_numbers_with_a_point(tmp_path):
    table(tmp_path, "image,patient,named", "scans/a.png,3.0,P1", "scans/b.png,3,1.0", "scans/c.png,,1")
    assert [example.patient for example in manifest(tmp_path)] == ["3", "3", "scans/c.png"]
    assert [example.patient for example in manifest(tmp_path, patient="named")] == ["P1", "1.0", "1"]
    table(tmp_path, "image,patient", "scans/a.png,3.0", "scans/b.png,3.1")
    assert [example.patient for example in manifest(tmp_path)] == ["3.0", "3.1"], "not whole numbers"


def test_manifest_that_is_missing_binary_or_ambiguous(tmp_path):
    with pytest.raises(DataError, match=r"manifest.csv cannot be read"):
        manifest(tmp_path)
    (tmp_path / "manifest.csv").write_bytes(b"image\n\xff\xfe\n")
    with pytest.raises(DataError, match=r"is not UTF-8"):
        manifest(tmp_path)
    with pytest.raises(DataError, match=r"both 'label' and 'labels'"):
        Manifest(Folders(), root="x", label="a", labels=["b"])
    with pytest.raises(DataError, match=r"both 'mask' and 'masks'"):
        Manifest(Folders(), root="x", mask="a", masks={"b": "b"})


def test_folders_of_classes_with_splits(tmp_path):
    for name in ("train/normal/p1_a", "train/normal/p1_b", "train/sick/p2_a", "test/sick/p3_a", "unlabeled/p4_a"):
        made_up.grey_image(tmp_path / f"{name}.png")
    (tmp_path / "train" / "normal" / "notes.txt").write_text("passed over")
    found = plain(tmp_path, patient="^(p[0-9])_")
    assert [(example.id, example.labels, example.split, example.patient) for example in found] == [
        ("train/normal/p1_a.png", {"normal"}, "train", "p1"),
        ("train/normal/p1_b.png", {"normal"}, "train", "p1"),
        ("train/sick/p2_a.png", {"sick"}, "train", "p2"),
        ("test/sick/p3_a.png", {"sick"}, "test", "p3"),
        ("unlabeled/p4_a.png", None, "train", "p4"),
    ]
    assert {example.patient for example in plain(tmp_path)} == {example.id for example in found}


def test_folders_of_masks(tmp_path):
    for name in ("a", "b"):
        made_up.grey_image(tmp_path / "images" / f"{name}.jpg")
    made_up.grey_image(tmp_path / "unlabeled" / "c.png")
    made_up.blob(tmp_path / "masks" / "a.png")
    made_up.blob(tmp_path / "masks" / "heart" / "b.png")
    found = plain(tmp_path, structure="lung")
    assert [(example.id, set(example.masks or {}), example.split) for example in found] == [
        ("images/a.jpg", {"lung"}, None),
        ("images/b.jpg", {"heart"}, None),
        ("unlabeled/c.png", set(), None),
    ]
    assert {example.labels for example in found} == {None}


def test_folders_errors(tmp_path):
    with pytest.raises(DataError, match="holds no images; expected class folders, or images/ and masks/"):
        plain(tmp_path)
    (tmp_path / "sick").mkdir()
    with pytest.raises(DataError, match=r"class folder .*sick holds no image"):
        plain(tmp_path)
    made_up.grey_image(tmp_path / "sick" / "a.png")
    with pytest.raises(DataError, match=r"a.png: patient '\^\(p\)' does not match 'a'"):
        plain(tmp_path, patient="^(p)")
    made_up.grey_image(tmp_path / "train" / "sick" / "a.png")
    with pytest.raises(DataError, match="has 'sick' beside train; expected it inside them"):
        plain(tmp_path)
    masks = tmp_path / "second"
    made_up.grey_image(masks / "images" / "a.png")
    made_up.blob(masks / "masks" / "typo.png")
    with pytest.raises(DataError, match=r"mask .*typo.png has no image; expected one named 'typo'"):
        plain(masks)
    (masks / "normal").mkdir()
    with pytest.raises(DataError, match=r"has 'normal' beside images/"):
        plain(masks)
    with pytest.raises(DataError, match="is not a regular expression"):
        PlainFolders(Folders(), root="x", patient="(")
    with pytest.raises(DataError, match="has no group"):
        PlainFolders(Folders(), root="x", patient="p")
