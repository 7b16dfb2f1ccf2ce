"""What `ssmtl check` says about the data: numbers per source, copies, whom sources share, who is in each part."""

import re
import shutil

import yaml
from command_line import call, own_images, readme_sources, settings

from ssmtl.data.file_hashes import FILE_HASHES
from ssmtl.evaluation.per_image import read_patients

SMALL = (
    "backbone.widths=[4,4,8,8,8]",
    "image.size=32",
    "tasks.diagnosis.labeled=4",
    "tasks.lungs.labeled=4",
    "tasks.diagnosis.evaluate_on={in_domain: chex}",
    "tasks.lungs.evaluate_on={in_domain: jsrt}",
)


def checked(folder, *more):
    command = ("check", "multimix", "--sources", folder / "my_sources.yaml", "--data-root", folder)
    return call(*command, *settings(*SMALL), *more)


def row(shown, *first):
    """The numbers of the line that starts with these words."""
    line = next(line for line in shown.splitlines() if line.split()[: len(first)] == list(first))
    return [int(word) for word in line.split()[len(first) :] if word.isdigit()]


def test_numbers_per_source_and_part(tmp_path):
    own_images(tmp_path)
    readme_sources(tmp_path)
    code, shown, err = checked(tmp_path)
    assert code == 0, err
    sources = {name: row(shown, name) for name in ("chex", "jsrt")}
    assert sources["chex"][0] + sources["jsrt"][0] == 40  # disjoint_from: each image is a patient, and goes to one
    assert sources["chex"][:2] == [sources["chex"][0]] * 2
    assert row(shown, "diagnosis", "labelled", "chex") == [4, 4, 2, 2]
    parts = re.findall(r"^(?:diagnosis|lungs) +(unlabelled|validation|test, in_domain) +\w+ +(\d+) +(\d+)", shown, re.M)
    assert len(parts) == 6
    assert all(images == patients != "0" for _, images, patients in parts)
    assert "nor has what its sources list; only a run decodes images and masks" in shown
    assert "in common" not in shown
    assert "copies with other" not in shown


def test_copies_that_contradict_and_sources_that_share(tmp_path):
    folder = own_images(tmp_path)
    table = (folder / "manifest.csv").read_text(encoding="utf-8").splitlines()
    first = next(line for line in table[4:] if ",normal," in line)
    image = first.split(",")[0]
    for name in ("copy", "second", "third"):
        shutil.copy(folder / image, folder / "images" / f"{name}.png")
    table += ["images/copy.png,pneumonia,,other", "images/second.png,,,Other", "images/third.png,,,p"]
    (folder / "manifest.csv").write_text("\n".join(table) + "\n", encoding="utf-8")
    entry = {"use": "manifest", "root": folder.name, "patient": "patient"}
    sources = {"chex": {**entry, "label": "diagnosis"}, "jsrt": {**entry, "mask": "lung"}}
    (tmp_path / "my_sources.yaml").write_text(yaml.safe_dump(sources), encoding="utf-8")
    code, shown, err = checked(tmp_path)
    assert code == 0, err
    images, patients, _, _, copies = row(shown, "chex")
    assert (images, patients, copies) == (43, 40, 3)  # the copies show the person of the first
    shown = " ".join(shown.split())
    assert "source chex: 1 image has copies with other labels" in shown
    assert "source chex: patients 'Other' and 'other': one person or two?" in shown
    assert "sources chex and jsrt have 40 images and 40 patients in common" in shown
    assert re.search(r"task diagnosis: \d+ images are left out: their patients are in validation or test parts", shown)


def test_images_in_no_part_are_counted_alike_by_check_run_and_report(tmp_path):
    """Each patient has three images, of which not all are labelled."""
    folder = own_images(tmp_path, count=60)
    lines = [line.split(",") for line in (folder / "manifest.csv").read_text(encoding="utf-8").splitlines()]
    for number, line in enumerate(lines[1:]):
        line[3] = f"q{number // 3}"
    (folder / "manifest.csv").write_text("\n".join(map(",".join, lines)) + "\n", encoding="utf-8")
    entry = {"use": "manifest", "root": folder.name, "patient": "patient", "label": "diagnosis"}
    (tmp_path / "my_sources.yaml").write_text(yaml.safe_dump({"chex": entry}), encoding="utf-8")
    code, shown, err = checked_alone(tmp_path, "check")
    assert code == 0, err
    parts = {name: row(shown, "diagnosis", *name.split(), "chex")[0] for name in ("unlabelled", "validation")}
    parts["test"] = int(re.search(r"test, in_domain +chex +(\d+)", shown)[1])
    lost = 60 - sum(parts.values())
    assert lost > 0
    said = f"task diagnosis: {lost} images are left out: their patients are in validation or test parts"
    assert said in " ".join(shown.split())
    code, shown, err = checked_alone(tmp_path, "run", "--out", tmp_path / "run")
    assert code == 0, err
    assert f"{lost} left out: their patients are in validation or test parts" in " ".join(shown.split())
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert f"{lost} left out: their patients are in validation or test parts" in page


def test_the_patients_of_check_and_of_the_report_are_persons(tmp_path):
    """Each image is there twice, under two patients' names."""
    folder = own_images(tmp_path, count=60)
    header, *lines = (folder / "manifest.csv").read_text(encoding="utf-8").splitlines()
    for line in list(lines):
        image, label, mask, patient = line.split(",")
        copy = image.replace(".png", "_again.png")
        shutil.copy(folder / image, folder / copy)
        lines.append(",".join((copy, label, mask, f"again {patient}")))
    (folder / "manifest.csv").write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    entry = {"use": "manifest", "root": folder.name, "patient": "patient", "label": "diagnosis"}
    (tmp_path / "my_sources.yaml").write_text(yaml.safe_dump({"chex": entry}), encoding="utf-8")
    shown = checked_alone(tmp_path, "check")[1]
    images, persons = map(int, re.search(r"test, in_domain +chex +(\d+) +(\d+)", shown).groups())
    assert images == 2 * persons > 0
    assert checked_alone(tmp_path, "run", "--out", tmp_path / "run")[0] == 0
    patients = read_patients(tmp_path / "run" / "per_image.csv")["diagnosis", "in_domain"]
    assert (len(patients), len(set(patients.values()))) == (images, persons)


def checked_alone(folder, command, *more):
    set_to = settings(*(one for one in SMALL if "lungs" not in one and "widths" not in one), "train.steps=2")
    options = ("--sources", folder / "my_sources.yaml", "--data-root", folder)
    return call(command, "enc_ssl", *set_to, *options, *more)


def test_data_with_an_error_are_refused_and_missing_data_are_said(tmp_path):
    folder = own_images(tmp_path)
    readme_sources(tmp_path)
    (folder / "images" / "0005.png").unlink()
    code, _, err = checked(tmp_path)
    assert code == 2
    assert "0005.png" in err
    code, shown, _ = checked(tmp_path, "--no-data")
    assert code == 0
    assert "the data were not checked" in shown
    shutil.rmtree(folder)
    code, shown, _ = checked(tmp_path)
    assert code == 0
    assert "source chex: nothing at" in shown
    assert "the data were not checked" in shown


def test_rehash_names_a_file_whose_known_hash_is_wrong(tmp_path):
    folder = own_images(tmp_path)
    readme_sources(tmp_path)
    assert checked(tmp_path, "--rehash")[0] == 0
    path = str(folder / "images" / "0002.png")
    known = FILE_HASHES._known[path]
    FILE_HASHES._known[path] = "0" * 32, *known[1:]
    code, _, err = checked(tmp_path, "--rehash")
    assert code == 2
    assert path in err
    assert FILE_HASHES._known[path] == known
    assert checked(tmp_path, "--rehash")[0] == 0
