"""The readers of public data sets, on made-up files in the official layouts."""

import pickle

import made_up
import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter

from ssmtl import DataError, Folders
from ssmtl.data.images import grey_uint8
from ssmtl.data.masks import mask_uint8
from ssmtl_sources import ssmtl_sources
from ssmtl_sources.chest_xray import patient_of

SOURCES = ssmtl_sources()
MADE_UP = ("chest_xray", "nih_chestxray14", "covid_chestxray", "busi", "jsrt", "montgomery", "shenzhen")


def read(name, root, **options):
    return SOURCES[name](Folders(), root=str(root), **options).examples()


def test_all_names_are_offered():
    assert set(SOURCES) == {*MADE_UP, "phantom", "manifest", "folders", "digits"}


@pytest.mark.parametrize("name", MADE_UP)
def test_a_missing_root_names_the_set_and_only_when_listing(name, tmp_path):
    source = SOURCES[name](Folders(tmp_path), root="nowhere")
    with pytest.raises(DataError, match=r"nothing at .*nowhere.*Get .*"):
        source.examples()


@pytest.mark.parametrize("name", MADE_UP)
def test_an_empty_root_is_an_error_that_says_what_was_expected(name, tmp_path):
    with pytest.raises(DataError, match=r"holds"):
        read(name, tmp_path)


@pytest.mark.parametrize("name", MADE_UP)
def test_examples_are_stable_unique_picklable_and_their_masks_fit(name, tmp_path):
    options = {"raw": False} if name == "jsrt" else {}
    root = getattr(made_up, name)(tmp_path, **options)
    found = read(name, root)
    again = read(name, root)
    assert [example.id for example in found] == [example.id for example in again]
    assert len({example.id for example in found}) == len(found)
    assert pickle.loads(pickle.dumps(found)) == list(found)
    for example in found:
        _, size = grey_uint8(example.image, 16, 1)
        for masks in (example.masks or {}).values():
            assert mask_uint8(masks, 16, size, example.mask_scale, example.image.name).max() <= 1


def test_chest_xray_patients_of_names():
    assert patient_of("person1946_bacteria_4874") == "person1946"
    assert patient_of("person1_virus_6_2") == "person1"
    assert patient_of("IM-0117-0001") == "IM-0117"
    assert patient_of("IM-0117-0001-0002") == "IM-0117"
    assert patient_of("NORMAL2-IM-0529-0001") == "NORMAL2-IM-0529"
    assert patient_of("anything") == "anything"


def test_chest_xray_merges_the_official_val_unless_asked(tmp_path):
    made_up.chest_xray(tmp_path / "chest_xray")
    found = {example.id: example for example in read("chest_xray", tmp_path)}
    assert found["val/PNEUMONIA/person1946_bacteria_4874.jpeg"].split == "train"
    assert found["test/PNEUMONIA/person1_virus_6.jpeg"].patient == "test/person1"
    assert found["train/PNEUMONIA/person1_bacteria_1.jpeg"].patient == "train/person1"
    assert found["train/NORMAL/IM-0115-0001.jpeg"].labels == {"normal"}
    official = {example.id: example.split for example in read("chest_xray", tmp_path, official_val=True)}
    assert official["val/PNEUMONIA/person1946_bacteria_4874.jpeg"] == "val"


def test_chest_xray_as_a_lung_source(tmp_path):
    made_up.chest_xray(tmp_path)
    found = read("chest_xray", tmp_path, parts=["train"], only="with_masks", keep_split=False)
    assert len(found) == 5
    assert {example.split for example in found} == {None}
    assert all(set(example.masks or {}) == {"lung"} for example in found)
    with pytest.raises(DataError, match="no image with a mask in test"):
        read("chest_xray", tmp_path, parts=["test"], only="with_masks")


def test_chest_xray_names_a_missing_part(tmp_path):
    made_up.chest_xray(tmp_path, val=False)
    assert len(read("chest_xray", tmp_path)) == 8
    with pytest.raises(DataError, match=r"no folder .*val"):
        read("chest_xray", tmp_path, parts=["val"])


@pytest.mark.parametrize("numbered", [False, True])
def test_nih_findings_and_split(tmp_path, numbered):
    made_up.nih_chestxray14(tmp_path, numbered=numbered, lists=True)
    found = read("nih_chestxray14", tmp_path)
    assert [example.labels for example in found] == [
        {"Cardiomegaly"},
        {"Pneumonia", "Infiltration"},
        {"No Finding"},
        {"Pneumonia"},
    ]
    assert [example.split for example in found] == ["train", "train", "train", "test"]
    assert [example.patient for example in found] == ["1", "1", "2", "3"]
    two = read("nih_chestxray14", tmp_path, findings=["No Finding", "Pneumonia"], keep_split=False)
    assert [(example.id, example.labels, example.split) for example in two] == [
        ("00000001_001.png", {"Pneumonia"}, None),
        ("00000002_000.png", {"No Finding"}, None),
        ("00000003_000.png", {"Pneumonia"}, None),
    ]


def test_nih_errors(tmp_path):
    made_up.nih_chestxray14(tmp_path)
    with pytest.raises(DataError, match="no finding 'pneumonia'; did you mean 'Pneumonia'"):
        read("nih_chestxray14", tmp_path, findings=["pneumonia"])
    with pytest.raises(DataError, match="no image with a finding among Hernia"):
        read("nih_chestxray14", tmp_path, findings=["Hernia"])
    for path in (tmp_path / "images").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"no image of Data_Entry_2017\.csv"):
        read("nih_chestxray14", tmp_path)


def test_covid_keeps_frontal_xrays_of_the_official_table(tmp_path):
    made_up.covid_chestxray(tmp_path)
    found = read("covid_chestxray", tmp_path, masks="lungvae")
    assert [(example.id, example.labels, example.patient) for example in found] == [
        ("images/a.jpg", {"COVID-19"}, "2"),
        ("images/b.png", None, "4"),
    ]
    assert [bool(example.masks) for example in found] == [True, False]
    assert len(read("covid_chestxray", tmp_path, masks="lungvae", only="with_masks")) == 1
    with pytest.raises(DataError, match="no image has a mask at annotations/v7-masks"):
        read("covid_chestxray", tmp_path, only="with_masks")


def test_busi_unites_masks_and_groups_near_duplicates(tmp_path):
    made_up.busi(tmp_path / "Dataset_BUSI_with_GT")
    found = {example.id: example for example in read("busi", tmp_path)}
    masks = found["benign/benign (2).png"].masks["lesion"]
    assert [mask.path.name for mask in masks] == ["benign (2)_mask.png", "benign (2)_mask_1.png"]
    both = mask_uint8(masks, 32, (40, 32))
    assert both[16, 8] == both[16, 24] == 1
    assert mask_uint8(found["normal/normal (1).png"].masks["lesion"], 32, (40, 32)).sum() == 0
    assert found["benign/benign (1).png"].patient == "benign/benign (1).png"
    table = tmp_path / "Dataset_BUSI_with_GT" / "index.csv"
    table.write_text(
        "image,dup_group\nbenign/benign (1).png,7\nmalignant/malignant (1).png,7\nbenign/benign (2).png,\n"
    )
    grouped = {example.id: example.patient for example in read("busi", tmp_path)}
    assert grouped["benign/benign (1).png"] == grouped["malignant/malignant (1).png"] == "group 7"
    assert grouped["benign/benign (2).png"] == "benign/benign (2).png"
    alone = {example.id: example.patient for example in read("busi", tmp_path, group="image")}
    assert alone["benign/benign (1).png"] == "benign/benign (1).png"


def test_busi_mask_without_image(tmp_path):
    made_up.busi(tmp_path)
    (tmp_path / "benign" / "benign (1).png").unlink()
    with pytest.raises(DataError, match=r"mask .*benign \(1\)_mask.png has no image"):
        read("busi", tmp_path)


def test_jsrt_raw_files_are_inverted_and_cover_the_range(tmp_path):
    made_up.jsrt(tmp_path)
    found = read("jsrt", tmp_path)
    assert [example.patient for example in found] == ["JPCLN001", "JPCLN002", "JPCNN001"]
    assert [example.labels for example in found] == [{"nodule"}, {"nodule"}, {"non-nodule"}]
    assert {example.mask_scale for example in found} == {0.5}
    assert {example.split for example in found} == {None}
    grey = found[0].image.read()
    assert grey.dtype == np.uint16
    assert grey.shape == (2048, 2048)
    assert grey[0, 0] == 0
    assert grey[0, 1] == 65535
    assert abs(grey[5, 5] / 65535 - (1 - 1000 / 4095)) < 1e-4
    assert set(found[0].masks) == {"lung", "left_lung", "right_lung", "heart", "left_clavicle", "right_clavicle"}
    lung = mask_uint8(found[0].masks["lung"], 64, (2048, 2048), found[0].mask_scale)
    assert lung[32, 16] == lung[32, 48] == 1
    assert lung[32, 32] == 0
    stored = read("jsrt", tmp_path, invert=False)[0].image
    assert stored.read()[0, 0] == 65535
    assert stored.fingerprint() != found[0].image.fingerprint()


def test_jsrt_folds_copies_and_places(tmp_path):
    made_up.jsrt(tmp_path, raw=False)
    found = read("jsrt", tmp_path, split="train_on_fold1", masks="scratch")
    assert [example.split for example in found] == ["train", "test", "train"]
    assert [example.split for example in read("jsrt", tmp_path, split="train_on_fold2")] == ["test", "train", "test"]
    assert {example.mask_scale for example in found} == {0.5}
    with pytest.raises(DataError, match=r"elsewhere holds no folder 'left lung'"):
        read("jsrt", tmp_path, masks="elsewhere")
    bare = made_up.jsrt(tmp_path / "bare", raw=False, masks=False)
    assert {example.masks for example in read("jsrt", bare)} == {None}
    for structure in ("left lung", "heart"):
        made_up.blob(bare / "masks" / structure / "JPCLN001.png", 64, 64)
    first, second, _ = read("jsrt", bare)
    assert set(first.masks) == {"left_lung", "heart"}  # one lung is not both
    assert first.mask_scale == 1
    assert second.masks is None


def test_jsrt_raw_errors(tmp_path):
    path = made_up.jsrt_raw(tmp_path / "JPCLN001.IMG")
    content = path.read_bytes()
    path.write_bytes(content[:-2])
    with pytest.raises(DataError, match=r"JPCLN001.IMG has 8388606 bytes; expected 8388608"):
        read("jsrt", tmp_path)[0].image.read()
    path.write_bytes(np.frombuffer(content, ">u2").astype("<u2").tobytes())
    with pytest.raises(DataError, match=r"JPCLN001.IMG has values up to .*; expected at most 4095"):
        read("jsrt", tmp_path)[0].image.read()


def test_montgomery(tmp_path):
    made_up.montgomery(tmp_path)
    found = read("montgomery", tmp_path)
    assert list(found) == list(read("montgomery", tmp_path / "MontgomerySet"))
    assert [(example.patient, *example.labels) for example in found] == [
        ("0001", "normal"),
        ("0002", "normal"),
        ("0108", "tuberculosis"),
    ]
    assert [len(found[0].masks[name]) for name in ("lung", "left_lung", "right_lung")] == [2, 1, 1]
    assert "leftMask" in found[0].masks["left_lung"][0].name
    (tmp_path / "MontgomerySet" / "ManualMask" / "rightMask" / "MCUCXR_0002_0.png").unlink()
    with pytest.raises(DataError, match=r"MCUCXR_0002_0.png has a mask of one lung only; there is none in .*rightMask"):
        read("montgomery", tmp_path)


def test_shenzhen(tmp_path):
    made_up.shenzhen(tmp_path)
    found = read("shenzhen", tmp_path)
    assert list(found) == list(read("shenzhen", tmp_path / "ChinaSet_AllFiles"))
    assert [(example.patient, *example.labels, bool(example.masks)) for example in found] == [
        ("0001", "normal", True),
        ("0327", "tuberculosis", False),
    ]
    made_up.grey_image(tmp_path / "ChinaSet_AllFiles" / "CXR_png" / "scan.png")
    with pytest.raises(DataError, match=r"scan.png: expected a name like"):
        read("shenzhen", tmp_path)


def test_options_are_typed_for_pydantic():
    import inspect

    for name, factory in SOURCES.items():
        for parameter in inspect.signature(factory).parameters.values():
            if parameter.kind is parameter.KEYWORD_ONLY:
                assert parameter.annotation is not parameter.empty, (name, parameter)
                adapter = TypeAdapter(parameter.annotation)
                if parameter.default is not parameter.empty:
                    adapter.validate_python(parameter.default, strict=True)


def test_a_mask_of_another_size_names_both(tmp_path):
    made_up.montgomery(tmp_path)
    example = read("montgomery", tmp_path)[0]
    Image.new("1", (16, 20)).save(example.masks["lung"][0].path)
    _, size = grey_uint8(example.image, 8, 1)
    with pytest.raises(DataError, match=r"leftMask.*_0.png is 16x20, its image .*CXR_png.*_0.png is 32x40"):
        mask_uint8(example.masks["lung"], 8, size, example.mask_scale, example.image.name)
