"""The contract check for a head."""

from dataclasses import replace
from typing import Any

import torch

from ssmtl.contracts.backbone import Pyramid
from ssmtl.contracts.head import Head, Output
from ssmtl.contracts.shapes import Features, Size, sides
from ssmtl.testing import samples
from ssmtl.testing.constructor import Make, made, name_of
from ssmtl.testing.modules import check_evaluation, check_gradients, check_state, close, rows_of
from ssmtl.testing.sample_outputs import facts

ROWS = 3
IMAGES = {"labeled": 100, "unlabeled": 200}
SIZES: tuple[Size, ...] = (16, 32, 48, (64, 32))

PYRAMID = Pyramid((4, 4, 6, 6, 8), (1, 2, 4, 8, 16))
COARSE = Pyramid((6, 4, 8, 4, 8), (2, 4, 8, 16, 32))


def check_head(make: Make, /, **options: Any) -> None:
    """Logits of the promised meaning and shape; gradients; evaluation; state.

    Five levels from stride 1 must work; a head may reject those from stride 2 with a ValueError.
    """
    name = name_of(make)
    _check(make, options, PYRAMID, name)
    try:
        made(make, options, COARSE)
    except ValueError:
        return
    _check(make, options, COARSE, name)


def _check(make: Make, options: dict[str, Any], pyramid: Pyramid, name: str) -> None:
    head = made(make, options, pyramid)
    assert isinstance(head, Head), f"{name} is not an ssmtl.Head"
    check_output(head.output, name)
    _begin(head, pyramid)
    for size in SIZES:
        _check_shape(head, _features(pyramid, size), pyramid, name)
    features = _features(pyramid, 48)
    before = [level.clone() for level in features]
    check_gradients(head.train(), lambda: head(features), name)
    check_evaluation(head, lambda: head(features), name)
    with torch.no_grad():
        whole, alone = head(features), head(rows_of(features, 1, 2))
    assert close(whole[1:2], alone), f"in evaluation mode a row of {name} depends on the other rows"
    assert close(features, tuple(before), exact=True), f"{name} changes the features it is given"
    check_state(lambda seed: _begun(make, options, pyramid, seed), lambda module: module(features), name)


def _begun(make: Make, options: dict[str, Any], pyramid: Pyramid, seed: int) -> Head:
    head: Head = made(make, options, pyramid, seed=seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _begin(head, pyramid)
    return head


def _begin(head: Head, pyramid: Pyramid) -> None:
    head.begin(replace(facts(head.output, IMAGES), pyramid=pyramid))


def check_output(output: Output, name: str) -> None:
    """A known kind with distinct classes; two or more for a softmax."""
    assert isinstance(output, Output), f"{name}.output is {output!r}, expected an ssmtl.Output"
    assert output.kind in samples.KINDS, f"{name}.output.kind is '{output.kind}', expected one of {samples.KINDS}"
    assert isinstance(output.classes, tuple), f"{name}.output.classes is not a tuple"
    assert len(set(output.classes)) == len(output.classes) > 0 or output == samples.NOTHING, (
        f"{name}.output.classes are not distinct: {output.classes}"
    )
    assert output.kind != "multiclass" or len(output.classes) > 1, f"{name}: a softmax over one class is always 1"


def _check_shape(head: Head, features: Features, pyramid: Pyramid, name: str) -> None:
    frame = tuple(side * pyramid.strides[0] for side in features[0].shape[-2:])
    expected: tuple[int, ...] = (ROWS, len(head.output.classes))
    if head.output.kind == "masks":
        expected = (*expected, *frame)
    for training in (True, False):
        with torch.no_grad():
            logits = head.train(training)(features)
        assert tuple(logits.shape) == expected, (
            f"{name} gives logits of shape {tuple(logits.shape)}, expected {expected}"
        )
        assert logits.isfinite().all(), f"{name} gives logits that are not finite"


def _features(pyramid: Pyramid, size: Size) -> Features:
    """Of images of that size; at least one pixel at the deepest level."""
    generator, deepest = samples.generator(sum(sides(size))), pyramid.strides[-1]
    frame = [max(side, deepest) for side in sides(size)]
    return tuple(
        torch.randn(ROWS, channels, *(side // stride for side in frame), generator=generator)
        for channels, stride in zip(pyramid.channels, pyramid.strides, strict=True)
    )
