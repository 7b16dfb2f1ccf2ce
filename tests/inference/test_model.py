"""A loaded model: the same numbers as the run's own evaluation, however it is asked."""

import copy
import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from trained_run import SIZE, chest

import ssmtl
from ssmtl.data.images import ImageFile
from ssmtl.errors import DataError, SsmtlError
from ssmtl.inference import passes, streams
from ssmtl.inference.decoded_image import ArrayImage, Unreadable
from ssmtl.inference.options import Options
from ssmtl.inference.views import views_of
from ssmtl.runs.folder import RunFolder


def stored(run, task):
    return dict(np.load(RunFolder(run).predictions_of(task, "in_domain")))


def same(one, other):
    """Bit for bit, names aside."""
    for task, labels in one.labels.items():
        assert labels.probabilities == other.labels[task].probabilities
        assert labels.disagreement == other.labels[task].disagreement
    for task, masks in one.masks.items():
        for name, values in masks.probabilities.items():
            np.testing.assert_array_equal(values, other.masks[task].probabilities[name])
            np.testing.assert_array_equal(masks.masks[name], other.masks[task].masks[name])
        assert masks.disagreement == other.masks[task].disagreement
    return True


def test_class_probabilities_are_those_of_the_evaluation(run, data, model):
    known = stored(run, "diagnosis")
    assert len(known["ids"]) >= 4
    found = model.predict([data / name for name in known["ids"]])
    mine = [list(one.labels["diagnosis"].probabilities.values()) for one in found]
    np.testing.assert_allclose(mine, known["probabilities"], atol=1e-6)
    for one, row in zip(found, known["probabilities"], strict=True):
        assert one.labels["diagnosis"].decision == ("normal", "pneumonia")[row.argmax()]


def test_dice_of_the_masks_is_that_of_the_evaluation(run, data, model):
    with RunFolder(run).per_image.open() as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "dice"]
    assert len(rows) >= 4
    for row, one in zip(rows, model.predict([data / row["id"] for row in rows]), strict=True):
        mask = Image.open(data / row["id"].replace(".png", ".mask.png"))
        share = Image.fromarray((np.asarray(mask) > 0).astype(np.float32)).resize((SIZE, SIZE), Image.Resampling.BOX)
        reference, predicted = np.asarray(share) > 0.5, one.masks["lungs"].probabilities["lung"] > 0.5
        total = reference.sum() + predicted.sum()
        dice = 2 * (reference & predicted).sum() / total
        assert f"{dice:.5g}" == f"{float(row['value']):.5g}"


def test_the_module_is_a_plain_one_with_normalisation_inside(model, data):
    images = torch.rand(3, 1, SIZE, SIZE)
    network = model.experiments[0].model
    with torch.no_grad():
        found = model.module(images)
        assert set(found) == set(model.tasks) == {"diagnosis", "lungs"}
        torch.testing.assert_close(found["diagnosis"], network.logits("diagnosis", images).softmax(1))
        torch.testing.assert_close(found["lungs"], network.logits("lungs", images).sigmoid())
    assert not model.module.training
    assert isinstance(model.module, torch.nn.Module)


@pytest.mark.parametrize("options", [{}, {"dropout": 3}, {"tta": "shifts"}, {"saliency": True}])
def test_neither_batch_size_nor_order_nor_name_changes_a_bit(both, options):
    images = [chest(seed, (30 + seed, 50))[0] for seed in range(5)]
    before = both.predict(images, batch_size=1, **options)
    torch.set_num_threads(3)
    after = both.predict(images[::-1], batch_size=16, **options)[::-1]
    assert torch.get_num_threads() == 3
    assert all(isinstance(one, torch.nn.Parameter) for one in both.module.parameters())
    assert all(same(one, other) for one, other in zip(before, after, strict=True))
    assert before[0].name != after[0].name


def test_groups_as_an_accelerator_gets_them(model, data, monkeypatch):
    for module in (passes, streams):
        monkeypatch.setattr(module, "rows_of_a_pass", lambda *_, **__: 4)
    images = [ArrayImage(f"{seed}", chest(seed, (30 + seed, 50))[0]) for seed in range(6)]
    images.insert(2, ImageFile(data / "none.png"))
    pairs = [(image.name, image) for image in images]

    def grouped(pairs):
        return list(streams.by_group(model, pairs, Options(), 2, lambda one: one))

    found = grouped(pairs)
    assert [one.name for one in found] == [name for name, _ in pairs]
    assert isinstance(found[2], Unreadable)
    for one, other in zip(found, grouped(pairs[::-1])[::-1], strict=True):
        assert isinstance(one, Unreadable) or same(one, other)
    for one, alone in zip(found, model.each(pairs), strict=True):
        if not isinstance(one, Unreadable):
            for name, value in one.labels["diagnosis"].probabilities.items():
                assert value == pytest.approx(alone.labels["diagnosis"].probabilities[name], abs=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU (CUDA) on this machine")
@pytest.mark.parametrize("options", [{}, {"dropout": 3}, {"tta": "shifts"}])
def test_on_a_gpu_the_neighbours_change_no_bit_either(run, model, options):
    fast = ssmtl.load(run, device="cuda")
    images = [chest(seed, (30 + seed, 50))[0] for seed in range(20)]
    before, after = fast.predict(images, **options), fast.predict(images[::-1], batch_size=3, **options)[::-1]
    assert all(same(one, other) for one, other in zip(before, after, strict=True))
    assert all(same(one, fast.predict(image, **options)[0]) for one, image in zip(before, images, strict=True))
    if not options.get("dropout"):
        for one, other in zip(before, model.predict(images, **options), strict=True):
            mine, theirs = (list(each.labels["diagnosis"].probabilities.values()) for each in (one, other))
            np.testing.assert_allclose(mine, theirs, atol=1e-3)


def test_what_draws_numbers_in_evaluation_is_seen_and_seeded_by_content(model, data):
    class Noisy(torch.nn.Module):
        def forward(self, features):
            return features[-1].mean((1, 2, 3))[:, None] + torch.rand(len(features[0]), 2)

    network = copy.deepcopy(model.module)
    assert not network.draws
    network.member(0).heads["diagnosis"] = Noisy()
    network.find_draws(torch.zeros(1, 1, SIZE, SIZE))
    assert network.draws
    noisy = replace(model, module=network)
    images = [chest(seed)[0] for seed in range(4)]
    torch.set_num_threads(3)
    before, after = noisy.predict(images), noisy.predict(images[::-1])[::-1]
    assert all(same(one, other) for one, other in zip(before, after, strict=True))
    assert before[0].labels["diagnosis"].probabilities != before[1].labels["diagnosis"].probabilities


def test_paths_arrays_and_tensors_are_one_image(model, data):
    path = data / "images/000.png"
    array = np.asarray(Image.open(path))
    tensors = torch.from_numpy(array.copy()), torch.from_numpy(array.copy())[None, None], torch.from_numpy(array / 255)
    found = [model.predict(one)[0] for one in (path, str(path), array, array / 255, *tensors)]
    assert all(same(found[0], one) for one in found)
    assert found[0].size == array.shape
    assert len(model.predict(torch.rand(3, 1, 20, 20))) == 3


def test_what_is_no_image_is_refused(model, tmp_path):
    for wrong, words in (
        ([3], "int is no image"),
        (torch.rand(3), "shape (3,) is no image"),
        (np.zeros((4, 4, 2), np.uint8), "image 0 has shape (4, 4, 2)"),
        (np.full((4, 4), 7.0), "image 0 has floats from 7 to 7"),
        (tmp_path / "none.png", "none.png cannot be read"),
    ):
        with pytest.raises(DataError) as error:
            model.predict(wrong)
        assert words in str(error.value)


def test_an_ensemble_is_the_mean_of_its_members_and_says_how_far_they_disagree(model, both, other_run):
    image = chest(7)[0]
    members = [model.predict(image)[0], ssmtl.load(other_run, device="cpu").predict(image)[0]]
    found = both.predict(image)[0]
    rows = np.array([list(one.labels["diagnosis"].probabilities.values()) for one in members])
    labels = found.labels["diagnosis"]
    np.testing.assert_allclose(list(labels.probabilities.values()), rows.mean(0), atol=1e-6)
    np.testing.assert_allclose(list(labels.disagreement.values()), rows.std(0), atol=1e-6)
    assert max(labels.disagreement.values()) > 0
    maps = np.array([one.masks["lungs"].probabilities["lung"] for one in members])
    np.testing.assert_allclose(found.masks["lungs"].probabilities["lung"], maps.mean(0), atol=1e-6)
    one, other = maps > 0.5
    dice = 2 * (one & other).sum() / max(one.sum() + other.sum(), 1) if one.any() or other.any() else 1
    assert found.masks["lungs"].disagreement["lung"] == pytest.approx(1 - dice)


def test_a_run_agrees_with_itself(run, model):
    image = chest(7)[0]
    twice = ssmtl.load([run, run], device="cpu").predict(image)[0]
    assert set(twice.labels["diagnosis"].disagreement.values()) == {0}
    assert twice.masks["lungs"].disagreement == {"lung": 0}
    assert twice.labels["diagnosis"].probabilities == model.predict(image)[0].labels["diagnosis"].probabilities


def test_dropout_depends_on_the_content_alone_and_leaves_the_model_as_it_was(model):
    image, another = chest(7)[0], chest(8)[0]
    before = {name: value.clone() for name, value in model.module.state_dict().items()}
    plain = model.predict(image)[0]
    torch.manual_seed(1)
    first = model.predict([image, another], dropout=4)[0]
    torch.manual_seed(2)
    assert same(first, model.predict([another, image, image], dropout=4)[2])
    assert max(first.labels["diagnosis"].disagreement.values()) > 0
    assert first.labels["diagnosis"].probabilities != plain.labels["diagnosis"].probabilities
    assert same(plain, model.predict(image)[0])
    assert all(torch.equal(value, before[name]) for name, value in model.module.state_dict().items())


def test_mirrored_views_are_averaged(model):
    image = chest(7, (SIZE, SIZE))[0]
    found, plain = model.predict(image, tta="mirror")[0], model.predict(image)[0]
    mirrored = model.predict(np.ascontiguousarray(image[:, ::-1]))[0]
    expected = (plain.masks["lungs"].probabilities["lung"] + mirrored.masks["lungs"].probabilities["lung"][:, ::-1]) / 2
    np.testing.assert_allclose(found.masks["lungs"].probabilities["lung"], expected, atol=1e-6)


@given(st.integers(2, 70), st.integers(2, 70), st.integers(0, 10**6))
def test_a_view_is_undone_exactly(height, width, seed):
    image = torch.rand((1, 1, height, width), generator=torch.Generator().manual_seed(seed))
    for tta, count in (("none", 1), ("mirror", 2), ("shifts", 5)):
        views = views_of(tta, height, width)
        assert len(views) == count
        for view in views:
            back, known = view.undo(view.see(image))
            assert back.shape == known.shape == image.shape
            assert torch.equal(back * known, image * known)
            kept = [1 - max(1, side // 32) / side for side in (height, width)]
            assert known.mean() > kept[0] * kept[1] - 1e-6


def test_saliency_is_the_gradient_of_each_class(model):
    image = chest(7, (SIZE, SIZE))[0]
    found = model.predict(image, saliency=True)[0].labels["diagnosis"].saliency
    network = model.experiments[0].model
    for number, name in enumerate(("normal", "pneumonia")):
        inputs = torch.from_numpy(image.copy())[None, None].float().div(255).requires_grad_()
        network.logits("diagnosis", inputs)[0, number].backward()
        np.testing.assert_allclose(found[name], inputs.grad.abs().numpy()[0, 0], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dropout": 1}, "dropout: 1 passes"),
        ({"tta": "flip"}, "no tta called 'flip'"),
        ({"batch_size": 0}, "batch_siz"),
    ],
)
def test_options_that_cannot_be_used(model, options, words):
    with pytest.raises(SsmtlError, match=words):
        model.predict(chest(0)[0], **options)
