"""`ssmtl predict`: what it writes, what it refuses, and that an interruption changes no byte."""

import csv
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet

import ssmtl
from ssmtl.contracts.head import Output
from ssmtl.errors import RunError
from ssmtl.experiment.assemble import assemble
from ssmtl.inference import inputs
from ssmtl.inference.files import Wanted
from ssmtl.inference.folder import PredictJob, predict_into
from ssmtl.inference.inputs import listed, stems
from ssmtl.inference.load import check_alike
from ssmtl.inference.options import Options
from ssmtl.inference.prediction import LabelPrediction, Prediction
from ssmtl.inference.table import cells_of, columns_of, fits
from ssmtl.recipe.load import read
from ssmtl.registry.plugins import load_plugins
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.signals import StoppedError
from tests.cli.command_line import call, process

ALL = ("--overlays", "--saliency", "--seg", "--nifti")


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def contents(folder):
    """By relative path, the bytes of every file."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def pixels(path):
    return np.asarray(Image.open(path))


@pytest.fixture
def predicted(run, scans, tmp_path):
    """The folder of predictions of the mixed files, and the command."""
    command = ["predict", run, scans, "--device", "cpu", *ALL]
    code, shown, said = call(*command, "--out", tmp_path / "out")
    assert code == 3, said
    return tmp_path / "out", command, shown, said


def test_mixed_files_are_predicted_and_bad_ones_listed(predicted, scans, model):
    out, _, shown, said = predicted
    assert "predicted 6 images" in shown
    assert "2 images failed, listed in" in said
    failed = {row["image"]: row["reason"] for row in rows(out / "failed.csv")}
    assert set(failed) == {str(scans / "bad.png"), str(scans / "frames.tif")}
    assert "it has 2 frames, expected one" in failed[str(scans / "frames.tif")]
    found = rows(out / "predictions.csv")
    names = ("IM0001", "a/x.png", "b/x.jpg", "b/x.png", "c.tif", "d.dcm")
    assert {row["image"] for row in found} == {str(scans / name) for name in names}
    masks = [row["lungs.lung.mask"] for row in found]
    assert len(set(masks)) == 6
    for row in found:
        one = model.predict(row["image"])[0]
        mask = pixels(out / row["lungs.lung.mask"])
        np.testing.assert_array_equal(mask, one.masks["lungs"].masks["lung"] * 255)
        assert mask.shape == (int(row["height"]), int(row["width"])) == one.size
        assert int(row["lungs.lung.pixels"]) == (mask > 0).sum()
        assert row["diagnosis"] == one.labels["diagnosis"].decision
        for name, value in one.labels["diagnosis"].probabilities.items():
            assert row[f"diagnosis.{name}"] == f"{value:.6g}"


def test_masks_lie_on_the_image_as_it_is_shown(predicted, scans):
    out, *_ = predicted
    turned = next(row for row in rows(out / "predictions.csv") if row["image"].endswith("x.jpg"))
    assert pixels(out / turned["lungs.lung.mask"]).shape == (64, 40)
    assert Image.open(scans / "b/x.jpg").size == (64, 40)  # as it is stored: width, height


def test_areas_are_in_square_millimetres_where_the_spacing_is_known(predicted):
    out, *_ = predicted
    by_name = {Path(row["image"]).name: row for row in rows(out / "predictions.csv")}
    for name, area, spacing in (("IM0001", 0.125, "0.5x0.25 mm (object)"), ("d.dcm", 0.04, "0.2x0.2 mm (detector)")):
        row = by_name[name]
        assert row["spacing"] == spacing
        assert float(row["lungs.lung.mm2"]) == pytest.approx(int(row["lungs.lung.pixels"]) * area, rel=1e-5)
    assert by_name["c.tif"]["lungs.lung.mm2"] == by_name["c.tif"]["spacing"] == ""


def test_segmentations_and_volumes_hold_the_same_masks(predicted, scans):
    out, *_ = predicted
    assert sorted(path.name for path in (out / "seg/lungs").iterdir()) == ["IM0001.dcm", "d.dcm"]
    mask = pixels(out / "masks/lungs/IM0001.lung.png") > 0
    segmentation = pydicom.dcmread(out / "seg/lungs/IM0001.dcm")
    source = pydicom.dcmread(scans / "IM0001")
    np.testing.assert_array_equal(segmentation.pixel_array > 0, mask)
    assert segmentation.StudyInstanceUID == source.StudyInstanceUID
    reference = segmentation.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0]
    assert reference.ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert segmentation.SegmentSequence[0].SegmentLabel == "lung"
    volume = nibabel.load(out / "nifti/lungs/IM0001.lung.nii.gz")
    np.testing.assert_array_equal(np.asarray(volume.dataobj)[..., 0].T > 0, mask)
    assert volume.header.get_zooms()[:2] == (0.25, 0.5)
    assert nibabel.aff2axcodes(volume.affine)[:2] == ("L", "P")


def test_an_overlay_shows_the_boundary_and_no_other_file_is_left(predicted):
    out, *_ = predicted
    picture = pixels(out / "overlays/a/x.png")
    assert picture.shape == (366, 512, 3)
    assert len(list((out / "overlays").rglob("*.png"))) == 6
    assert not list(out.rglob("*.part"))


@pytest.mark.parametrize("batch", [1, 3])
def test_a_batch_size_and_an_interruption_change_no_byte(predicted, tmp_path, batch):
    out, command, *_ = predicted
    before = contents(out)
    lines = (out / "progress.jsonl").read_bytes().splitlines(keepends=True)
    (out / "progress.jsonl").write_bytes(b"".join(lines[:3]) + lines[3][:20])  # killed while it wrote the fourth
    (out / "predictions.csv").unlink()
    (out / "failed.csv").unlink()
    for path in list((out / "masks").rglob("*.png"))[-2:]:
        path.unlink()
    (out / "masks/lungs/.x.part").write_bytes(b"half")
    code, shown, _ = call(*command, "--batch-size", batch, "--out", out)
    assert code == 3
    assert "of them before" in shown
    after = contents(out)
    rewritten = {"progress.jsonl"}
    assert {name: after[name] for name in after.keys() - rewritten} == {
        name: before[name] for name in before.keys() - rewritten
    }
    code, _, _ = call(*command, "--batch-size", batch, "--out", tmp_path / "anew")
    assert contents(tmp_path / "anew") == before


def test_a_signal_stops_and_the_same_command_goes_on(run, scans, tmp_path):
    model, out = ssmtl.load(run, device="cpu"), tmp_path / "out"
    images = listed([scans], load_plugins(), out)
    job = PredictJob(model, images, out, Options(), Wanted(), batch_size=1)

    def stop_after(count):
        def advance():
            nonlocal count
            count -= 1
            if not count:
                os.kill(os.getpid(), signal.SIGTERM)

        return lambda _what, _steps: advance

    with pytest.raises(StoppedError, match="stopped with 5 images left; the same command goes on"):
        predict_into(job, stop_after(3))
    assert not (out / "predictions.csv").exists()
    done = predict_into(job)
    assert (done.predicted, len(done.failed)) == (6, 2)
    assert done.before >= 1
    whole = predict_into(PredictJob(model, images, tmp_path / "whole", Options(), Wanted()))
    assert whole.table.read_bytes() == done.table.read_bytes()


def test_a_folder_that_others_changed(run, scans, tmp_path):
    out = tmp_path / "out"
    command = ["predict", run, scans / "b", "--device", "cpu", "--out", out]
    assert call(*command)[0] == 0
    before = contents(out)
    first, second = (out / "progress.jsonl").read_text().splitlines()
    for line in (first.replace('"width": ', '"wide": '), first.replace('"height": ', '"height": "1'), "{}", "[1]"):
        (out / "progress.jsonl").write_text(f"{line}\n{second}\n")
        assert call(*command)[0] == 0
        after = contents(out)
        assert all(after[name] == before[name] for name in before if name != "progress.jsonl")
    (out / "masks/elsewhere").symlink_to(tmp_path)
    assert "elsewhere is a link" in refused(*command[1:])


def test_a_file_that_changed_is_predicted_anew(run, scans, tmp_path):
    command = ["predict", run, scans / "a", scans / "b", "--device", "cpu", "--out", tmp_path / "out"]
    assert call(*command)[0] == 0
    before = rows(tmp_path / "out/predictions.csv")
    shutil.copyfile(scans / "c.tif", scans / "a/x.png")
    code, shown, _ = call(*command)
    assert code == 0
    assert "(2 of them before)" in shown
    after = rows(tmp_path / "out/predictions.csv")
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True, True]


def test_parquet_holds_what_the_table_holds(run, scans, tmp_path):
    common = ["predict", run, scans / "a", scans / "IM0001", "--device", "cpu", "--quiet"]
    assert call(*common, "--out", tmp_path / "csv")[0] == 0
    assert call(*common, "--out", tmp_path / "parquet", "--format", "parquet")[0] == 0
    table = parquet.read_table(tmp_path / "parquet/predictions.parquet").to_pylist()
    plain = rows(tmp_path / "csv/predictions.csv")
    for row, texts in zip(table, plain, strict=True):
        shown = {key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()}
        assert {key: "" if value is None else str(value) for key, value in shown.items()} == texts


def test_a_task_may_be_called_like_a_column():
    columns = columns_of({"image": Output("multiclass", ("a", "b")), "spacing": Output("multilabel", ("c",))}, False)
    first, last = ["image", "height", "width"], ["spacing"]
    assert list(columns) == [*first, "task image", "image.a", "image.b", "task spacing", "spacing.c", *last]
    one = LabelPrediction({"a": 0.5, "b": 0.5}, "a")
    other = LabelPrediction({"c": 0.9}, "c")
    cells = cells_of(Prediction("x.png", (2, 3), None, {"image": one, "spacing": other}, {}), {})
    assert fits(columns, cells)
    assert (cells["image"], cells["task image"], cells["spacing"]) == ("x.png", "a", None)


def test_tables_and_patterns(run, data, scans, tmp_path):
    out = tmp_path / "out"
    lines = (data / "manifest.csv").read_text().splitlines()
    (data / "two.csv").write_text("\n".join(lines[:3]) + "\n")
    code, _, said = call("predict", run, data / "two.csv", scans / "*/x.*", "--device", "cpu", "--out", out)
    assert code == 0, said
    found = [Path(row["image"]).relative_to(tmp_path.parent.parent) for row in rows(out / "predictions.csv")]
    assert len(found) == 5
    assert [path.name for path in found] == ["000.png", "001.png", "x.png", "x.jpg", "x.png"]
    (data / "two.csv").write_text("picture\nimages/000.png\n")
    code, _, said = call("predict", run, data / "two.csv", "--out", tmp_path / "none")
    assert code == 2
    assert "has no column 'image'" in said


def test_a_run_without_its_data_on_another_machine(run, data, scans, tmp_path):
    shutil.copytree(run, tmp_path / "moved")
    data.rename(data.with_name("gone"))
    try:
        code, shown, said = process("predict", "moved", "scans/a", "--device", "cpu", "--out", "out", cwd=tmp_path)
    finally:
        data.with_name("gone").rename(data)
    assert (code, said) == (0, "")
    assert "predicted 1 image: out/predictions.csv" in shown
    assert [row["image"] for row in rows(tmp_path / "out/predictions.csv")] == ["scans/a/x.png"]


def test_several_runs_are_an_ensemble(run, other_run, scans, tmp_path):
    code, shown, _ = call("predict", run, other_run, scans / "a", "--device", "cpu", "--out", tmp_path / "out")
    assert code == 0
    assert "ensemble of 2 runs" in shown
    row = rows(tmp_path / "out/predictions.csv")[0]
    assert float(row["diagnosis.normal.disagreement"]) > 0
    assert 0 <= float(row["lungs.lung.disagreement"]) <= 1


def test_folders_leave_out_runs_and_earlier_predictions(run, scans, tmp_path):
    shutil.copytree(run, scans / "a/run")
    assert call("predict", run, scans / "b", "--out", scans / "b/out", "--device", "cpu")[0] == 0
    found = listed([scans / "b", scans / "a"], load_plugins(), scans / "b/out")
    assert [one.name for one in found] == ["b/x.jpg", "b/x.png", "a/x.png"]
    with pytest.warns(UserWarning, match="holds earlier predictions"):
        listed([scans / "b"], load_plugins(), tmp_path / "elsewhere")


def test_an_image_that_is_named_twice_is_predicted_once(scans, tmp_path):
    found = listed([scans / "a", scans / "a/x.png", scans / "b/../a"], load_plugins(), tmp_path)
    assert [one.name for one in found] == ["x.png"]


@given(st.lists(st.from_regex(r"([ab]/)?[abAB](\.(png|jpg)){0,3}", fullmatch=True), unique=True, min_size=1))
def test_no_two_images_have_the_same_files(names):
    found = stems(names)
    assert list(found) == names
    assert len(set(found.values())) == len(names)
    alone = stems(names[:1])[names[0]]
    assert found[names[0]] in (alone, names[0])


def test_names_that_are_no_text_or_too_long(run, scans, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    odd = os.fsdecode(b"caf\xe9.png")
    shutil.copyfile(scans / "a/x.png", folder / odd)
    shutil.copyfile(scans / "a/x.png", folder / ("x" * 250 + ".png"))
    for kind in ("csv", "parquet"):
        out = tmp_path / kind
        code, _, said = call("predict", run, folder, "--out", out, "--device", "cpu", "--format", kind)
        assert code == 3, said
        assert "its name is too long" in rows(out / "failed.csv")[0]["reason"]
        assert (out / "masks/lungs" / odd.replace(".png", ".lung.png")).is_file()
    assert "caf\\udce9.png" in rows(tmp_path / "csv/predictions.csv")[0]["image"]
    assert "caf\\udce9.png" in parquet.read_table(tmp_path / "parquet/predictions.parquet").to_pylist()[0]["image"]


def test_the_suffixes_are_those_of_the_sources():
    from ssmtl_sources.listing import IMAGE_SUFFIXES

    assert inputs.SUFFIXES == IMAGE_SUFFIXES


def refused(*command):
    code, shown, said = call("predict", *command, "--device", "cpu")
    assert code == 2, (shown, said)
    assert said.startswith("Error: ") or "Usage" in said
    assert len(said.splitlines()) == 1 or "Usage" in said
    return said


def test_what_is_refused(run, other_run, scans, tmp_path):
    out = tmp_path / "out"
    assert call("predict", run, scans / "a", "--out", out, "--device", "cpu")[0] == 0
    images, new = scans / "a", tmp_path / "new"
    broken, weightless, changed, unfinished = (tmp_path / name for name in ("broken", "bare", "changed", "unfinished"))
    for place in (broken, weightless, changed, unfinished):
        shutil.copytree(run, place)
    (broken / "recipe.yaml").write_text("name: [")
    (weightless / "weights/best.safetensors").unlink()
    content = bytearray((changed / "weights/best.safetensors").read_bytes())
    content[-1] ^= 1
    (changed / "weights/best.safetensors").write_bytes(content)
    (unfinished / "results.json").unlink()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    for command, words in (
        ((other_run, images, "--out", out), "holds predictions of another model (first, now second)"),
        ((run, images, "--out", out, "--tta", "shifts"), "other options (tta none, now shifts)"),
        ((run, images, scans / "b", "--out", out), "holds predictions of other images (1, now 3)"),
        ((run, images, "--out", tmp_path / "full"), "is not empty, and holds no predictions"),
        ((run, images, "--out", images / "x.png"), "is a file; expected a folder"),
        ((run, images, "--out", run / "predictions"), "is the run's own predictions"),
        ((images, run, "--out", new), "is no run (it has no recipe.yaml); expected RUN [RUN ...] IMAGES"),
        ((tmp_path / "none", images, "--out", new), "none is no run (there is no such folder)"),
        ((run, images, other_run, "--out", new), "is a run and comes after an image"),
        ((run, "--out", new), "no images were given"),
        ((run, tmp_path / "empty", "--out", new), "holds no images"),
        ((run, tmp_path / "none.png", "--out", new), "nothing at"),
        ((run, scans / "*.bmp", "--out", new), "no file matches"),
        ((broken, images, "--out", new), "broken/recipe.yaml"),
        ((weightless, images, "--out", new), "best.safetensors cannot be read"),
        ((changed, images, "--out", new), "is not as the run wrote it"),
        ((unfinished, images, "--out", new), "holds no finished run (no results.json)"),
        ((run, images, "--out", new, "--dropout", 1), "dropout: 1 passes"),
    ):
        assert words in refused(*command), words
        assert not new.exists()
    code, _, said = call("predict", run, images, "--out", new, "--device", "tpu9")
    assert code == 2
    assert "device 'tpu9'" in said
    assert (tmp_path / "full/letter.txt").read_text() == "mine"
    assert sorted(os.listdir(tmp_path / "full")) == ["letter.txt"]


def test_runs_of_other_tasks_or_images_are_no_ensemble():
    plugins = load_plugins()
    overrides = ((), ("image.size=48",), ("tasks.lungs.head.classes=[lung, heart]",))
    one, wide, more = (
        assemble(read("multimix", plugins["recipe"], overrides=list(sets)).validated(), plugins) for sets in overrides
    )
    less = replace(one, tasks=one.tasks[:1])
    for other, words in (
        (wide, "image.size is 64 and 48"),
        (more, "the classes of the task 'lungs' are lung (masks) and lung, heart (masks)"),
        (less, "their tasks are diagnosis, lungs and diagnosis"),
    ):
        with pytest.raises(RunError) as error:
            check_alike(RunFolder(Path("a")), one, RunFolder(Path("b")), other)
        assert str(error.value) == f"a and b cannot be an ensemble: {words}"
    check_alike(RunFolder(Path("a")), one, RunFolder(Path("b")), one)


def test_without_an_extra_one_error_names_it(run, scans, tmp_path, monkeypatch):
    import sys

    for library, option in (("pyarrow", ("--format", "parquet")), ("nibabel", ("--nifti",)), ("highdicom", ("--seg",))):
        monkeypatch.setitem(sys.modules, library, None)
        assert f"needs {library}: pip install 'ssmtl[" in refused(run, scans, "--out", tmp_path / "out", *option)
        assert not (tmp_path / "out").exists()
