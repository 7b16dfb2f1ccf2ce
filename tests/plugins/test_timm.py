"""timm's encoders return what their pyramid says, and errors say what to do."""

import json
import logging

import pytest
import torch

from ssmtl import SsmtlError
from ssmtl.experiment.assemble import assemble
from ssmtl.recipe.load import RecipeText
from ssmtl.registry.options import build
from ssmtl.registry.plugins import load_plugins
from ssmtl_timm.encoder import TimmEncoder
from tests.cli.command_line import call, settings

RECIPE = {
    "name": "small",
    "image": {"size": 64},
    "sources": {"radiographs": {"use": "phantom", "domain": "chex", "images": 40, "size": 64}},
    "backbone": {"use": "timm", "model": "swin_tiny_patch4_window7_224"},
    "tasks": {
        "diagnosis": {
            "source": "radiographs",
            "head": {"use": "pooled_linear", "classes": ["normal", "pneumonia"]},
            "augment": {"weak": {"use": "identity"}},
            "strategies": [{"use": "cross_entropy"}],
        }
    },
    "train": {"select_by": "last"},
}


@pytest.mark.parametrize("model", ["test_resnet", "test_convnext", "test_efficientnet"])
@pytest.mark.parametrize("channels", [1, 3])
def test_features_are_as_the_pyramid_says(model, channels):
    encoder = TimmEncoder(channels, model=model).eval()
    features = encoder(torch.rand(2, channels, 64, 64))
    expected = [
        (2, width, 64 // stride, 64 // stride)
        for width, stride in zip(encoder.pyramid.channels, encoder.pyramid.strides, strict=True)
    ]
    assert [tuple(level.shape) for level in features] == expected
    assert encoder.pyramid.image_channels == channels


def test_channels_come_first_even_where_timm_has_them_last():
    encoder = TimmEncoder(1, model="swin_tiny_patch4_window7_224", levels=(0, 1)).eval()
    assert encoder.channels_last
    features = encoder(torch.rand(1, 1, 224, 224))
    assert [tuple(level.shape) for level in features] == [(1, 96, 56, 56), (1, 192, 28, 28)]


@pytest.mark.parametrize("model", ["swin_tiny_patch4_window7_224", "maxvit_tiny_tf_224", "swinv2_tiny_window8_256"])
def test_models_for_images_of_one_size_are_built_for_the_recipes(model):
    encoder = TimmEncoder(1, 64, model=model).eval()
    with torch.no_grad():
        features = encoder(torch.rand(1, 1, 64, 64))
    assert [level.shape[2] for level in features] == [64 // stride for stride in encoder.pyramid.strides]


def test_images_of_a_size_that_a_model_never_takes():
    with pytest.raises(
        ValueError, match=r"timm's 'test_vit' takes no images of 40 pixels \(.+\); choose another image"
    ):
        TimmEncoder(1, 40, model="test_vit", levels=(0,))


def test_weights_of_models_for_any_size_do_not_depend_on_it():
    weights = []
    for engine in ((1,), (1, 48)):
        torch.manual_seed(3)
        encoder = TimmEncoder(*engine, model="test_resnet")
        assert encoder.training
        weights.append(encoder.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_the_engine_passes_the_size_of_the_images():
    experiment = assemble(RecipeText(RECIPE, "f").validated(), load_plugins())
    assert experiment.model.backbone.pyramid.strides == (4, 8, 16, 32)


def test_retries_without_a_network_are_one_line(monkeypatch, caplog):
    import timm

    def offline(*_args, **_options):
        for number in range(5):
            logging.getLogger("huggingface_hub.utils._http").warning("Retrying in 1s [Retry %d/5].", number)
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", offline)
    monkeypatch.setattr(logging.getLogger("huggingface_hub"), "propagate", True)
    for _ in range(2):
        caplog.clear()
        with pytest.raises(SsmtlError):
            TimmEncoder(1, model="test_resnet", pretrained=True)
        assert len(caplog.records) == 1


def test_levels_choose_and_save_the_rest():
    encoder = build(TimmEncoder, "timm", {"model": "test_resnet", "levels": [1, 2]}, 1)
    assert encoder.pyramid.strides == (4, 8)
    assert sum(p.numel() for p in encoder.parameters()) < sum(
        p.numel() for p in TimmEncoder(1, model="test_resnet").parameters()
    )


def test_the_input_gradient_exists():
    images = torch.rand(1, 1, 64, 64, requires_grad=True)
    last = TimmEncoder(1, model="test_resnet").eval()(images)[-1]
    (gradient,) = torch.autograd.grad(last.square().sum(), images)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "resnet81"}, "did you mean 'resnet"),
        ({"model": "test_resnet", "levels": (0, 9)}, "does not have all of the levels"),
        ({"model": "test_resnet.r160_in2k"}, r"no weights 'r160_in2k' of 'test_resnet' \(did you mean 'r160_in1k'"),
        ({"model": "test_vit"}, "do not ascend"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        TimmEncoder(1, **options)


def test_unavailable_weights_say_what_to_do(monkeypatch):
    import timm

    def offline(*_args, **_options):
        raise OSError("no route to host\nand more")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(SsmtlError, match=r"test_resnet.*no route to host.*pretrained: false"):
        TimmEncoder(1, model="test_resnet", pretrained=True)


@pytest.mark.slow
def test_a_run_is_resumed_and_evaluated_without_the_network(tmp_path, monkeypatch):
    """Its own state and weights are all that it needs; starting to train does need timm's."""
    import timm

    make, reachable = timm.create_model, [True]

    def create_model(model, pretrained=False, **options):
        if pretrained and not reachable:
            raise OSError("no route to host")
        return make(model, False, **options)

    monkeypatch.setattr(timm, "create_model", create_model)
    train = ["run", "enc", "--out", tmp_path / "run", *settings(
        "backbone={use: timm, model: test_resnet, pretrained: true}", "image.size=32", "train.device=cpu",
        "train.steps=2", "train.evaluate_every=2", "tasks.diagnosis.labeled=8", "tasks.diagnosis.batch=4",
        *(f"sources.{name}.size=32" for name in ("chex", "jsrt", "nihx", "mcu")), "sources.chex.images=60",
    )]  # fmt: skip
    code, _, err = call(*train)
    assert code == 0, err
    assert "pretrained: true" in (tmp_path / "run" / "recipe.yaml").read_text()
    reachable.clear()
    code, _, err = call("evaluate", tmp_path / "run", "--out", tmp_path / "again.json")
    assert code == 0, err
    first, again = (json.loads((tmp_path / name).read_text()) for name in ("run/results.json", "again.json"))
    assert first["tasks"] == again["tasks"]
    assert first["recipe_hash"] == again["recipe_hash"]
    resume = ("run", "--resume", tmp_path / "run")
    assert call(*resume)[0] == 0  # it is finished
    code, _, err = call(*resume, "--force", "--set", "train.steps=4")
    assert code == 0, err
    for state in (tmp_path / "run" / "checkpoints").glob("*/state.safetensors"):
        state.write_bytes(b"")
    code, _, err = call(*resume, "--force", "--set", "train.steps=6")
    assert code == 2  # it would start again, from timm's weights
    assert "no route to host" in err
    train[3] = tmp_path / "other"
    code, _, err = call(*train)
    assert code == 2
    assert "true}: the pretrained weights of timm's 'test_resnet' are not available: no route to host" in err
