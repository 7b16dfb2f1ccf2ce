"""Sources that show an evaluation the people who trained: by another name, from another folder, as copies."""

import shutil
from random import Random
from typing import Any

from tamper_data import Change, parts
from worlds import Row, World, write_table

NAMES = ("labels", "masks", "other", "hospital")


def _entry(world: World, **changes: object) -> dict[str, Any]:
    return {**world.sources["labels"], **changes}


def _called(rng: Random, entry: dict[str, Any], root: str, alike: bool = True) -> Change:
    """A source of one of the run's own names or a new one. A refusal may name it, its root or an image in it."""
    name = rng.choice(NAMES)
    if rng.random() < 0.5:
        entry["on_error"] = "skip"
    return Change((f"'{name}'", f"/{root}/"), {name: {**entry, "root": root}}, alike)


def another_name(world: World, rng: Random) -> Change:
    """The same folder."""
    return _called(rng, _entry(world), rng.choice(world.roots))


def another_folder(world: World, rng: Random) -> Change:
    """A copy of the data set elsewhere."""
    shutil.copytree(world.place / (root := rng.choice(world.roots)), world.place / "copy")
    if rng.random() < 0.3:
        shutil.rmtree(world.place / root)  # the training data is not needed
    return _called(rng, _entry(world), "copy")


def no_patients(world: World, rng: Random) -> Change:
    """Each image is said to be a patient of its own, in place or in a copy."""
    root = rng.choice(world.roots)
    if rng.random() < 0.5:
        shutil.copytree(world.place / root, world.place / "copy")
        root = "copy"
    return _called(rng, _entry(world, patient="image"), root, alike=False)


def _written(world: World, root: str, rows: list[Row]) -> None:
    """A new data set from rows of an old one, under the names in the column 'new'."""
    folder = world.place / "copy"
    folder.mkdir()
    shutil.copytree(world.place / root / "masks", folder / "masks")
    for row in rows:
        target = folder / row["new"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(world.place / root / row["image"], target)
    write_table(folder, [{**{key: row[key] for key in row if key != "new"}, "image": row["new"]} for row in rows])


def new_names(world: World, rng: Random) -> Change:
    """Copies in which images and patients have other names."""
    root = rng.choice(world.roots)
    rows = [{**row, "new": f"scan {place}.png", "patient": f"q{row['patient']}", "split": ""}
            for place, row in enumerate(world.rows(root))]  # fmt: skip
    rng.shuffle(rows)
    _written(world, root, rows)
    return _called(rng, _entry(world, split=None), "copy", alike=False)


def some_of_them(world: World, rng: Random) -> Change:
    """Copies of a random few, under other names; each is said to be a patient of its own."""
    root = rng.choice(world.roots)
    rows = [{**row, "new": f"{place}/scan.png", "patient": f"q{place}", "split": ""}
            for place, row in enumerate(rng.sample(world.rows(root), rng.randrange(5, 50)))]  # fmt: skip
    _written(world, root, rows)
    return _called(rng, _entry(world, split=None), "copy", alike=False)


def one_many_times(world: World, rng: Random) -> Change:
    """Twenty copies of one image that trained, among images that did not."""
    source = rng.choice(["labels", "masks"])
    root, (used, rest) = world.sources[source]["root"], parts(world, source)
    one = rng.choice(used)
    rows = [{**one, "new": f"again {number}.png", "patient": f"q{number}", "split": ""} for number in range(20)]
    rows += [{**row, "new": row["image"], "split": ""} for row in rest]
    _written(world, root, rows)
    return _called(rng, _entry(world, split=None), "copy", alike=False)


def detours(world: World, rng: Random) -> Change:
    """Paths such as masks/../7.png."""
    root = rng.choice(world.roots)
    rows = world.rows(root)
    for row in rows:
        row["image"] = rng.choice(["masks/../", "./", "masks/./../", ""]) + row["image"]
    write_table(world.place / root, rows)
    return _called(rng, _entry(world), rng.choice([root, f"{root}/../{root}", f"./{root}/masks/.."]))


def detours_twice(world: World, rng: Random) -> Change:
    """An image that trained is listed twice, the second time by a detour and as another patient's."""
    root = rng.choice(world.roots)
    rows = world.rows(root)
    one = rng.choice(rows)
    rows.append({**one, "image": f"masks/../{one['image']}", "patient": "q"})
    write_table(world.place / root, rows)
    return _called(rng, _entry(world), root)


def links(world: World, rng: Random) -> Change:
    """A folder of links to the images, with other names and patients."""
    root = rng.choice(world.roots)
    folder = world.place / "copy"
    folder.mkdir()
    shutil.copytree(world.place / root / "masks", folder / "masks")
    rows = world.rows(root)
    for place, row in enumerate(rows):
        (folder / f"link {place}.png").symlink_to(world.place / root / row["image"])
        row.update(image=f"link {place}.png", patient=f"q{place}", split="")
    write_table(folder, rows)
    return _called(rng, _entry(world, outside=True, split=None), "copy", alike=False)


def a_linked_folder(world: World, rng: Random) -> Change:
    """The root is a link to the data set."""
    (world.place / "copy").symlink_to(world.place / (root := rng.choice(world.roots)))
    return _called(rng, _entry(world), rng.choice(["copy", f"{root}/../copy"]))


def all_are_tests(world: World, rng: Random) -> Change:
    """The table's own split says that every image is a test image."""
    root = rng.choice(world.roots)
    rows = world.rows(root)
    for row in rows:
        row["split"] = "test"
    write_table(world.place / root, rows)
    return _called(rng, _entry(world, split="split"), root)


def follow_ups(world: World, rng: Random) -> Change:
    """New images of patients who trained, in the same data set, there or in a copy."""
    source = rng.choice(["labels", "masks"])
    root, (used, _) = world.sources[source]["root"], parts(world, source)
    if rng.random() < 0.5:
        shutil.copytree(world.place / root, world.place / "copy")
        root = "copy"
    rows = world.rows(root)
    for number, row in enumerate(rng.sample(used, 5)):
        content = (world.place / root / row["image"]).read_bytes()
        name = f"follow-up {number}.png"
        (world.place / root / name).write_bytes(content + bytes([number]))  # another file, the same pixels
        rows.append({**row, "image": name})
    write_table(world.place / root, rows)
    return _called(rng, _entry(world), root)
