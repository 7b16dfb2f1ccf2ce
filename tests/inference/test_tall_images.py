"""A run on images that are taller than wide: trained, scored, resumed, asked about images of any shape, exported."""

import csv
import json

import numpy as np
import onnxruntime
import pytest
import torch
from dicom_files import write_dicom
from PIL import Image
from trained_run import chest, train

import ssmtl
from ssmtl.model.weights import read_tensors
from ssmtl.runs.folder import RunFolder
from tests.cli.command_line import call, process, settings

HEIGHT, WIDTH = 48, 32
TALL = f"image.size=[{HEIGHT},{WIDTH}]"


@pytest.fixture(scope="module")
def tall(data, tmp_path_factory):
    return train(data, tmp_path_factory.mktemp("tall") / "run", TALL)


@pytest.fixture(scope="module")
def model(tall):
    return ssmtl.load(tall, device="cpu")


def seen(grey):
    """As the network sees a grey image of 8 bits."""
    picture = Image.fromarray(grey.astype(np.float32)).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.rint(np.asarray(picture)) / 255)[None, None]


def test_what_is_stored_is_what_the_network_says_of_the_arrays(tall, model, data):
    assert model.size == (HEIGHT, WIDTH)
    assert model.shape == (1, HEIGHT, WIDTH)
    stored = np.load(RunFolder(tall).predictions_of("lungs", "in_domain"))
    scores = []
    for place, name in enumerate(stored["ids"].tolist()):
        file = data / name
        with torch.no_grad():
            said = model.module(seen(np.asarray(Image.open(file))))["lungs"][0, 0].numpy() > 0.5
        mask = Image.open(file.with_suffix(".mask.png"))
        share = Image.fromarray((np.asarray(mask) > 0).astype(np.float32)).resize((WIDTH, HEIGHT), Image.Resampling.BOX)
        true = np.asarray(share) > 0.5
        assert said.sum() == pytest.approx(stored["foreground_predicted"][place].sum(), abs=2)
        assert true.sum() == stored["foreground_reference"][place].sum()
        scores.append(2 * (said & true).sum() / (said.sum() + true.sum()))
    dice = json.loads((tall / "results.json").read_text())["tasks"]["lungs"]["in_domain"]["dice"]
    assert dice == pytest.approx(np.mean(scores), abs=0.005)
    assert stored["sample_images"].shape[1:] == (HEIGHT, WIDTH)


@pytest.mark.parametrize("shape", [(50, 70), (96, 64), (7, 200), (HEIGHT, WIDTH)])
def test_masks_are_in_the_geometry_of_any_image(model, shape):
    grey = chest(3, shape)[0]
    found = model.predict(grey, saliency=True)[0]
    with torch.no_grad():
        small = model.module(seen(grey))["lungs"][0, 0].numpy()
    large = np.asarray(Image.fromarray(small).resize(shape[::-1], Image.Resampling.BILINEAR))
    assert found.masks["lungs"].masks["lung"].shape == shape
    assert (found.masks["lungs"].masks["lung"] != (large > 0.5)).mean() < 0.01
    assert found.labels["diagnosis"].saliency["normal"].shape == shape


def test_views_are_moved_by_a_part_of_each_side(model):
    grey = chest(3, (HEIGHT, WIDTH))[0]
    shifted = [grey]
    for down in (-1, 1):
        for right in (-1, 1):
            rows = np.clip(np.arange(HEIGHT) - down, 0, HEIGHT - 1)
            shifted.append(grey[rows][:, np.clip(np.arange(WIDTH) - right, 0, WIDTH - 1)])
    with torch.no_grad():
        mean = torch.cat([model.module(seen(one))["diagnosis"] for one in shifted]).mean(0)
    found = model.predict(grey, tta="shifts")[0].labels["diagnosis"].probabilities
    assert list(found.values()) == pytest.approx(mean.tolist(), abs=1e-5)


@pytest.mark.slow
def test_an_onnx_file_takes_tall_images(tall, model, tmp_path):
    code, _, said = call("export", tall, "--out", tmp_path / "tall.onnx", "--maps")
    assert code == 0, said
    session = onnxruntime.InferenceSession(tmp_path / "tall.onnx", providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == ["batch", 1, HEIGHT, WIDTH]
    images = torch.nn.functional.interpolate(
        torch.rand(3, 1, 6, 4, generator=torch.Generator().manual_seed(1)), (HEIGHT, WIDTH), mode="bilinear"
    )
    with torch.no_grad():
        expected = model.module(images)
    for task in ("diagnosis", "lungs"):
        (found,) = session.run([task], {"images": images.numpy()})
        np.testing.assert_allclose(found, expected[task].numpy(), atol=1e-4)
    card = (tmp_path / "tall.onnx.md").read_text()
    assert f"(batch, 1, {HEIGHT}, {WIDTH})" in card
    assert f"Images in {HEIGHT} × {WIDTH} pixels" in card


def test_runs_on_images_of_other_sizes_are_no_ensemble(tall, run, tmp_path):
    Image.fromarray(chest(1)[0]).save(tmp_path / "one.png")
    code, _, said = call("predict", tall, run, "--out", tmp_path / "out", tmp_path / "one.png")
    assert code == 2
    assert "image.size is [48, 32] and 32" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_command_trains_resumes_and_predicts(data, tmp_path):
    sources = tmp_path / "sources.yaml"
    sources.write_text(f"own: {{use: manifest, root: {data}, label: diagnosis, mask: lung, patient: patient}}\n")
    own = (TALL, "backbone.widths=[4,4,8,8,8]", "tasks.lungs.head.classes=[lung]", "train.evaluate_every=2",
           "tasks.diagnosis.source=own", "tasks.lungs.source=own", "tasks.diagnosis.evaluate_on={in_domain: own}",
           "tasks.lungs.evaluate_on={in_domain: own}", "train.device=cpu", "tasks.lungs.labeled=4",
           "tasks.diagnosis.labeled=8", "tasks.lungs.batch=4", "tasks.diagnosis.batch=4")  # fmt: skip
    for name, steps in (("whole", 4), ("parts", 2)):
        command = ("run", "multimix", "--sources", sources, *settings(*own, f"train.steps={steps}"))
        code, _, said = process(*command, "--out", tmp_path / name)
        assert code == 0, said
    code, _, said = process("run", "--resume", tmp_path / "parts", "--force", "--set", "train.steps=4")
    assert code == 0, said
    whole, parts = (read_tensors(tmp_path / name / "weights" / "last.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(tensor, parts[name]) for name, tensor in whole.items())
    scans = tmp_path / "scans"
    scans.mkdir()
    Image.fromarray(chest(1, (33, 81))[0]).save(scans / "wide.png")
    write_dicom(scans / "d.dcm", chest(2, (90, 40))[0].astype(np.uint16) * 16, PixelSpacing=[0.5, 0.25])
    code, _, said = process("predict", tmp_path / "whole", scans / "d.dcm", "--out", tmp_path / "seg", "--seg")
    assert code == 0, said
    code, _, said = process("predict", tmp_path / "whole", scans, "--out", tmp_path / "out", "--overlays", "--nifti")
    assert code == 0, said
    with (tmp_path / "out" / "predictions.csv").open() as file:
        rows = {row["image"].rsplit("/", 1)[1]: row for row in csv.DictReader(file)}
    for name, shape in (("wide.png", (81, 33)), ("d.dcm", (40, 90))):
        mask = Image.open(tmp_path / "out" / rows[name]["lungs.lung.mask"])
        assert mask.size == shape
        assert int((np.asarray(mask) > 0).sum()) == int(rows[name]["lungs.lung.pixels"])
    area = int(rows["d.dcm"]["lungs.lung.pixels"]) * 0.5 * 0.25
    assert float(rows["d.dcm"]["lungs.lung.mm2"]) == pytest.approx(area, rel=1e-5)
    code, _, said = process("export", tmp_path / "whole", "--format", "torch", "--out", tmp_path / "tall.pt2")
    assert code == 0, said
    program = torch.export.load(tmp_path / "tall.pt2").module()
    with torch.no_grad():
        found = program(torch.zeros(2, 1, HEIGHT, WIDTH))
    assert found["lungs"].shape == (2, 1, HEIGHT, WIDTH)
