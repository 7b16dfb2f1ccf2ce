"""Breast ultrasound as a joint problem: near-duplicates stay together, and those with two labels are nowhere."""

import csv
from functools import partial
from pathlib import Path

import made_up
import numpy as np
import pytest
from PIL import Image

import ssmtl
from ssmtl import DataError, Folders
from ssmtl.api.loaded import load_recipe
from ssmtl.errors import SsmtlWarning
from ssmtl.experiment.prepare import list_and_split, make_source
from ssmtl_sources import near_duplicates
from ssmtl_sources.busi import Busi

COUNTS = {"benign": 15, "malignant": 9, "normal": 6}
GROUPS = {
    "benign/benign (1).png": "1",
    "benign/benign (2).png": "1",
    "benign/benign (3).png": "1",
    "malignant/malignant (1).png": "2",
    "malignant/malignant (2).png": "2",
    "normal/normal (1).png": "3",
    "normal/normal (2).png": "3",
    "benign/benign (4).png": "4",  # with another label: all three are left out
    "benign/benign (5).png": "4",
    "malignant/malignant (3).png": "4",
}
SMALL = ("image.size=32", "backbone.widths=[4, 4, 4, 4, 4]")
COPY = "benign/benign (15).png"
"""Byte for byte benign/benign (14).png, and in no group."""


@pytest.fixture(scope="module")
def ultrasound(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "Dataset_BUSI_with_GT"
    for seed, name in enumerate(COUNTS):
        for number in range(1, COUNTS[name] + 1):
            made_up.grey_image(root / name / f"{name} ({number}).png", seed=100 * seed + number)
            made_up.blob(root / name / f"{name} ({number})_mask.png", left=number % 2 == 0, empty=name == "normal")
    (root / COPY).write_bytes((root / "benign/benign (14).png").read_bytes())
    lines = [f"{path.relative_to(root).as_posix()}," for path in root.rglob("*).png")]
    lines = [line + GROUPS.get(line[:-1], "") for line in lines]
    (root / "index.csv").write_text("\n".join(["image,dup_group", *lines, ""]))
    return root.parent


def split_of(folder, recipe, labeled, seed, *overrides):
    """Parts by task, and the files; as a run has them."""
    tasks = {"busi/enc": ["diagnosis"], "busi/unet": ["lesion"]}.get(recipe, ["diagnosis", "lesion"])
    sets = [f"tasks.{task}.labeled={labeled}" for task in tasks]
    loaded = load_recipe(recipe, overrides=[*SMALL, *sets, *overrides], seed=seed)
    folders = Folders(folder)
    make = partial(make_source, loaded.recipe, loaded.plugins, folders)
    return list_and_split(loaded.assembled(), make, folders)


def parts_of(splits):
    """By part, the images that any task has there."""
    parts = {"train": set(), "val": set(), "test": set()}
    for split in splits.values():
        parts["train"] |= {*split.labeled, *split.unlabeled}
        parts["val"] |= set(split.val)
        parts["test"] |= set(split.test["in_domain"].ids)
    return parts


@pytest.mark.parametrize("seed", range(2))
def test_no_group_is_in_two_parts(ultrasound, seed):
    files, splits = split_of(ultrasound, "busi/multimix", 6, seed)
    dropped = {image for image, group in GROUPS.items() if group == "4"}
    parts = parts_of(splits)
    assert set.union(*parts.values()) == {one.id for one in files.examples["busi"]}
    assert not dropped & set.union(*parts.values())
    assert len(files.examples["busi"]) == sum(COUNTS.values()) - len(dropped)
    where = [{part for part, ids in parts.items() if image in ids} for image in ("benign/benign (14).png", COPY)]
    assert where[0] == where[1], "copies are one person, whatever the table says"
    for group in "123":
        members = {image for image, own in GROUPS.items() if own == group}
        assert sum(bool(members & ids) for ids in parts.values()) == 1
    assert all(split.left_out == {"train": 0, "val": 0} for split in splits.values()), "both tasks have one split"


def test_without_groups_near_duplicates_are_strangers(ultrasound):
    """What the two options are good for: without them, some group is torn apart."""
    torn = 0
    for seed in range(4):
        options = ("sources.busi.group=image", "sources.busi.conflicting=keep")
        files, splits = split_of(ultrasound, "busi/umtl", 6, seed, *options)
        assert len(files.examples["busi"]) == sum(COUNTS.values())
        for group in "1234":
            members = {image for image, own in GROUPS.items() if own == group}
            torn += sum(bool(members & ids) for ids in parts_of(splits).values()) > 1
    assert torn


def test_conflicts_cannot_be_dropped_without_the_table(tmp_path):
    made_up.busi(tmp_path / "Dataset_BUSI_with_GT")
    with pytest.raises(DataError, match=r"drop needs .*index.csv.*ssmtl_sources.near_duplicates .* writes it"):
        split_of(tmp_path, "busi/enc", 1, 0)


def test_a_table_of_other_names_groups_nothing_silently(tmp_path):
    root = made_up.busi(tmp_path / "Dataset_BUSI_with_GT")
    (root / "index.csv").write_text("image,dup_group\nbenign (1).png,1\nbenign (2).png,1\n")
    with pytest.raises(DataError, match=r"index.csv, column 'image': names none .* such as 'benign/benign \(1\).png'"):
        Busi(Folders(tmp_path), root="Dataset_BUSI_with_GT").examples()


def table(root, *lines):
    (root / "index.csv").write_text("\n".join(["image,dup_group", *lines, ""]))


def listed(folder, **options):
    return {example.id for example in Busi(Folders(folder), root="Dataset_BUSI_with_GT", **options).examples()}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["benign/benign (1).png,1", "benign/benign (2).png,1", "benign/benign (1).png,7"],
         r"index.csv, line 4, column 'dup_group': the image 'benign/benign \(1\).png' has '7'; line 2 says '1'"),
        (["benign/benign (1).png,1", "benign/benign (1).png,"], "line 3, column 'dup_group': .* has ''; line 2"),
        (["benign/benign (1).png,1", "benign/benign (77).png,1", "normal/normal (9).png,", "x.png,2"],
         r"line 3, column 'image': there is no image '.*77\).png' \(and 1 more\); did you mean 'benign/"),
    ],
)  # fmt: skip
def test_a_table_that_would_lose_a_group_is_refused(tmp_path, lines, message):
    table(made_up.busi(tmp_path / "Dataset_BUSI_with_GT"), *lines)
    with pytest.raises(DataError, match=message):
        listed(tmp_path)
    assert len(listed(tmp_path, group="image")) == 4, "without groups the table is not read"


def test_two_images_of_one_name_are_refused(tmp_path):
    root = made_up.busi(tmp_path / "Dataset_BUSI_with_GT")
    made_up.grey_image(root / "benign/benign (1).jpg")
    with pytest.raises(DataError, match=r"\(1\).png and .*\(1\).jpg are both named 'benign \(1\)'"):
        listed(tmp_path)


@pytest.mark.parametrize("link", [False, True])
def test_copies_with_two_labels_are_dropped_whatever_the_table_says(tmp_path, link):
    root = made_up.busi(tmp_path / "Dataset_BUSI_with_GT")
    for number in (3, 4, 5):
        made_up.grey_image(root / f"benign/benign ({number}).png", seed=50 + number)
    first, copy = root / "benign/benign (3).png", root / "malignant/malignant (9).png"
    copy.symlink_to(f"../benign/{first.name}") if link else copy.write_bytes(first.read_bytes())
    same = root / "benign/benign (6).png"
    same.write_bytes((root / "benign/benign (5).png").read_bytes())
    (root / "normal/normal (9).png").symlink_to("nowhere.png")
    table(root, "benign/benign (3).png,1", "benign/benign (4).png,1")
    every = listed(tmp_path)
    with pytest.warns(SsmtlWarning, match=r"with_GT: 6 images are left out \(conflicting: drop\)"):
        kept = listed(tmp_path, conflicting="drop")
    of_the_set = {f"{name}/{name} (1).png" for name in COUNTS}  # made up alike
    assert every - kept == of_the_set | {f"benign/benign ({one}).png" for one in (3, 4)} | {
        "malignant/malignant (9).png"
    }


def noisy(path, seed, noise=0.0):
    """A picture that the seed decides, somewhat disturbed."""
    picture = np.kron(np.random.default_rng(seed).uniform(0, 200, (8, 8)), np.ones((6, 6)))
    picture += noise * np.random.default_rng(99).normal(size=picture.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).convert("RGB").save(path)


def test_the_table_can_be_made(tmp_path, capsys):
    root = tmp_path / "Dataset_BUSI_with_GT"
    pictures = {"benign/a": (0, 0), "benign/b": (0, 10), "benign/c": (1, 0), "malignant/d": (0, 5), "normal/e": (2, 0)}
    for name, (seed, noise) in pictures.items():
        noisy(root / f"{name}.png", seed, noise)
    assert near_duplicates.main([str(tmp_path)]) == 0
    assert f"{root / 'index.csv'}: 1 groups with 3 of 5 images" in capsys.readouterr().out
    with (root / "index.csv").open(newline="") as file:
        assert [tuple(row.values()) for row in csv.DictReader(file)] == [
            ("benign/a.png", "1"), ("benign/b.png", "1"), ("benign/c.png", ""),
            ("malignant/d.png", "1"), ("normal/e.png", ""),
        ]  # fmt: skip
    kept = Busi(Folders(tmp_path), root="Dataset_BUSI_with_GT", conflicting="drop").examples()
    assert [example.id for example in kept] == ["benign/c.png", "normal/e.png"]
    assert near_duplicates.main([str(root)]) == 2
    assert "index.csv is there already; remove it" in capsys.readouterr().err
    (root / "index.csv").unlink()
    (root / "normal/e.png").write_bytes(b"no image")
    assert near_duplicates.main([str(root)]) == 2
    assert "e.png" in capsys.readouterr().err
    assert not (root / "index.csv").exists()


def test_one_task_alone_is_as_in_the_joint_recipe():
    """umtl extends enc, and says again what unet says."""
    recipes = {name: load_recipe(f"busi/{name}").recipe.content() for name in ("enc", "unet", "umtl", "multimix")}
    assert recipes["umtl"]["tasks"] == recipes["enc"]["tasks"] | recipes["unet"]["tasks"]
    for name, recipe in recipes.items():
        rest = {key: value for key, value in recipe.items() if key not in ("name", "tasks")}
        assert rest == {key: value for key, value in recipes["enc"].items() if key not in ("name", "tasks")}, name
    paper = load_recipe("multimix").recipe.content()["tasks"]
    ours = recipes["multimix"]["tasks"]
    assert ours["diagnosis"]["strategies"] == paper["diagnosis"]["strategies"]
    dice, pixels, kl = ours["lesion"]["strategies"]
    assert [dice, kl] == paper["lungs"]["strategies"]
    assert (pixels["use"], pixels["weight"]) == ("cross_entropy", dice["weight"])
    assert ours["lesion"]["bridge"] == paper["lungs"]["bridge"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_real_set(data_folder, seed):
    """Groups from the table, likeness from the pixels: none crosses a part."""
    root = Path(data_folder) / "Dataset_BUSI_with_GT"
    if not root.is_dir():
        pytest.skip(f"no real data at {root}")
    files, splits = split_of(data_folder, "busi/umtl", 100, seed)
    parts = parts_of(splits)
    with (root / "index.csv").open(newline="") as file:
        rows = {row["image"]: row for row in csv.DictReader(file)}
    assert len(files.examples["busi"]) == 569
    by_group = {}
    for image, row in rows.items():
        by_group.setdefault(row["dup_group"] or image, set()).add(image)
    contradictory = [members for members in by_group.values() if len({rows[one]["label"] for one in members}) > 1]
    assert len(contradictory) == 7
    assert not set.union(*contradictory) & set.union(*parts.values())
    assert all(sum(bool(members & ids) for ids in parts.values()) <= 1 for members in by_group.values())
    names = sorted(set.union(*parts.values()))
    small = np.stack([np.asarray(Image.open(root / name).convert("L").resize((32, 32))).ravel() for name in names])
    alike = np.argwhere(np.triu(np.corrcoef(small) > 0.95, 1))
    assert len(alike) > 100
    part = {image: name for name, ids in parts.items() for image in ids}
    assert all(part[names[one]] == part[names[other]] for one, other in alike)


@pytest.mark.slow
def test_the_table_of_the_real_set_is_the_one_that_comes_with_it(data_folder):
    root = Path(data_folder) / "Dataset_BUSI_with_GT"
    if not root.is_dir():
        pytest.skip(f"no real data at {root}")
    examples = Busi(Folders(None), root=str(root)).examples()
    with (root / "index.csv").open(newline="") as file:
        groups = {row["image"]: row["dup_group"] for row in csv.DictReader(file)}

    def partition(names):
        found = {}
        for example, name in zip(examples, names, strict=True):
            found.setdefault(name or example.id, set()).add(example.id)
        return sorted(map(sorted, found.values()))

    assert partition(near_duplicates.groups_of(examples)) == partition(groups[example.id] for example in examples)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["flagship", "multimix", "pi_model", "adamatch", "cutmix_seg"])
def test_a_recipe_from_end_to_end(ultrasound, recipe, tmp_path):
    tasks = load_recipe(f"busi/{recipe}").recipe.tasks
    sets = [*SMALL, "train.steps=2", "train.evaluate_every=2", "train.device=cpu"]
    sets += [f"tasks.{task}.{key}=4" for task in tasks for key in ("labeled", "batch")]
    done = ssmtl.run(f"busi/{recipe}", overrides=sets, data_root=ultrasound, out=tmp_path / "run")
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert ("empty reference" in page) == ("lesion" in tasks)
    assert done
