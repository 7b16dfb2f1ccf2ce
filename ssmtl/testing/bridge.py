"""The contract check for a bridge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ssmtl.contracts.bridge import Bridge
from ssmtl.contracts.head import Kind
from ssmtl.contracts.shapes import Features, Images, Size
from ssmtl.model.frozen_task import FrozenTask
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.testing import samples
from ssmtl.testing.backbone import check_features, check_pyramid
from ssmtl.testing.constructor import Make, made, name_of
from ssmtl.testing.modules import check_evaluation, check_gradients, check_state, close, rows_of
from ssmtl.testing.sample_model import SampleBackbone, sample_model

ROWS = 3
SIZES: tuple[Size, ...] = (16, 32, 48, (32, 48))


def check_bridge(make: Make, /, **options: Any) -> None:
    """For every kind of task that it can read: the promised pyramid, of images square or not; the consulted model is
    left as it was; evaluation; mixed precision.
    """
    for kind in sorted(made(make, options, SampleBackbone().pyramid).guide_kinds):
        _check(make, kind, options)


def _check(make: Make, kind: Kind, options: dict[str, Any]) -> None:
    name = name_of(make)
    for channels in (1, 3):
        pyramid = SampleBackbone(channels).pyramid
        bridge = made(make, options, pyramid)
        assert isinstance(bridge, Bridge), f"{name} is not an ssmtl.Bridge"
        assert isinstance(bridge.reads, frozenset), (
            f"{name}.reads is {bridge.reads!r}, expected a frozenset of task names"
        )
        check_pyramid(bridge.pyramid, name)
        model = sample_model({"another task", *bridge.reads, *bridge.learns_from}, kind, channels)
        for size in SIZES:
            images = samples.images(ROWS, size, channels)
            check_features(_through(bridge, model, images), bridge.pyramid, ROWS, size, name)
            _check_look(bridge, model, images, name)
    images = samples.images(ROWS, 32, 3)
    _check_maps(bridge, model, images, name)
    _check_undisturbed(bridge, model, images, name)
    check_gradients(bridge.train(), lambda: _through(bridge, model, images), name)
    check_evaluation(bridge, lambda: _through(bridge, model, images), name)
    with torch.no_grad():
        frozen, alone = _through(bridge, model, images), _through(bridge, model, images[1:2])
    assert close(_through(bridge, model, images), frozen), f"{name} gives other features under no_grad"
    assert close(rows_of(frozen, 1, 2), alone), f"in evaluation mode a row of {name} depends on the other rows"
    check_state(
        lambda seed: made(make, options, pyramid, seed=seed), lambda module: _through(module, model, images), name
    )
    for training in (True, False):
        with torch.autocast("cpu", torch.bfloat16):
            mixed = _through(bridge.train(training), model, images)
        check_features(mixed, bridge.pyramid, ROWS, 32, f"{name} under bfloat16 autocast")


def _through(bridge: Any, model: MultiTaskModel, images: Images) -> Features:
    """The bridge's features, given the model's own features in evaluation mode."""
    features: Features = bridge(*_arguments(bridge, model, images))
    return features


def _arguments(bridge: Any, model: MultiTaskModel, images: Images) -> tuple[Any, ...]:
    """What `forward` and `maps` take."""
    flags = [part.training for part in model.modules()]
    model.eval()
    encoded: Features = model.backbone(images)
    for part, training in zip(model.modules(), flags, strict=True):
        part.training = training
    return images, encoded, _guides(bridge, model, encoded)


def _check_look(bridge: Bridge, model: MultiTaskModel, images: Images, name: str) -> None:
    """What `look` returns is an image for each row, of this row alone, through which a gradient reaches the image."""
    guides = _guides(bridge, model, model.backbone(images))
    seen = images.detach().clone().requires_grad_()
    before = _state(model)
    shown = bridge.look(seen, guides)
    assert shown.shape == images.shape, f"{name}.look turns the shape {tuple(images.shape)} into {tuple(shown.shape)}"
    assert shown.min() >= 0, f"{name}.look returns values below 0"
    assert shown.max() <= 1, f"{name}.look returns values above 1"
    assert torch.equal(seen, images), f"{name}.look changes its images in place"
    assert torch.autograd.grad(shown.sum(), seen)[0].any(), f"{name}.look lets no gradient through to the images"
    after = _state(model)
    assert all(_same(before[key], after[key]) for key in before), f"{name}.look changes the model it consults"
    with torch.no_grad():
        alone = bridge.look(images[1:2], guides)
    assert close(alone, shown[1:2].detach()), f"a row that {name}.look returns depends on the other rows"


def _check_maps(bridge: Bridge, model: MultiTaskModel, images: Images, name: str) -> None:
    """What `maps` returns is in the features, in evaluation mode."""
    bridge.eval()
    with torch.no_grad():
        features = _through(bridge, model, images)
        maps = bridge.maps(*_arguments(bridge, model, images))
    assert isinstance(maps, Mapping), f"{name}.maps returns a {type(maps).__name__}, expected maps by name"
    for word, added in maps.items():
        assert word == str(word), f"{name}.maps names a map {word!r}, expected a word"
        assert isinstance(added, Tensor), f"{name}.maps: '{word}' is a {type(added).__name__}, expected a tensor"
        assert any(_holds(level, added) for level in features), (
            f"{name}.maps: '{word}' is not in the features that its forward returns: expected consecutive channels of "
            "one level, of shape (rows, channels, height, width)"
        )


def _holds(level: Tensor, added: Tensor) -> bool:
    """Whether consecutive channels of the level are these maps."""
    if added.ndim != 4 or (len(level), *level.shape[2:]) != (len(added), *added.shape[2:]):
        return False
    wide = added.shape[1]
    return any(close(level[:, at : at + wide], added) for at in range(level.shape[1] - wide + 1))


@dataclass(frozen=True)
class _Guide(FrozenTask):
    """Another task without a bridge: its own features are the backbone's."""

    encoded: Features

    def own_features(self) -> Features:
        return self.encoded


def _guides(bridge: Bridge, model: MultiTaskModel, encoded: Features) -> dict[str, _Guide]:
    return {task: _Guide(model, task, task, encoded) for task in bridge.reads | bridge.learns_from}


def _check_undisturbed(bridge: Bridge, model: MultiTaskModel, images: Images, name: str) -> None:
    """The model's existing gradients, buffers and mixed training flags are unchanged afterwards; so is the input."""
    model.train()
    model.backbone.get_submodule("blocks.1").eval()
    first = next(iter(model.parameters()))
    first.grad = torch.ones_like(first)
    encoded = model.backbone(images)
    inputs = [images, *encoded]
    copies = [tensor.detach().clone() for tensor in inputs]
    for training in (True, False):
        before, flags = _state(model), [part.training for part in model.modules()]
        bridge.train(training)(images, encoded, _guides(bridge, model, encoded))
        after = _state(model)
        changed = [key for key in before if not _same(before[key], after[key])]
        assert not changed, f"{name} changes {', '.join(changed[:3])} of the model it consults"
        assert [part.training for part in model.modules()] == flags, (
            f"{name} changes training flags of the model it consults"
        )
    assert all(torch.equal(tensor, copy) for tensor, copy in zip(inputs, copies, strict=True)), (
        f"{name} changes its inputs in place"
    )
    assert not images.requires_grad, (
        f"{name} makes the images that it is given require a gradient: differentiate a copy"
    )
    model.zero_grad()


def _state(model: MultiTaskModel) -> dict[str, Tensor | None]:
    gradients = {f"the gradient of '{key}'": weight.grad for key, weight in model.named_parameters()}
    values = {f"'{key}'": value for key, value in (*model.named_parameters(), *model.named_buffers())}
    return {key: None if value is None else value.detach().clone() for key, value in {**gradients, **values}.items()}


def _same(before: Tensor | None, after: Tensor | None) -> bool:
    if before is None or after is None:
        return before is after
    return torch.equal(before, after)
