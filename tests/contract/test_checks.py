"""Each check finds its mistake: each of these components breaks one clause of its contract."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ssmtl import Backbone, Balancer, Bridge, Example, Folders, Head, Output, Pyramid, Strategy, View, testing
from ssmtl.builtins.cross_entropy import CrossEntropy
from ssmtl.builtins.fixed import Fixed
from ssmtl.builtins.identity import Identity
from ssmtl.builtins.pooled_linear import PooledLinear
from ssmtl.testing.sample_model import SampleBackbone


class Good(Backbone):
    def __init__(self, image_channels: int, /, *, width: int = 4) -> None:
        super().__init__()
        self.inner = SampleBackbone(image_channels)
        self.pyramid = self.inner.pyramid

    def forward(self, images):
        return self.inner(images)


class LyingPyramid(Good):
    def __init__(self, image_channels: int, /) -> None:
        super().__init__(image_channels)
        self.pyramid = Pyramid((4, 4, 6, 6, 9), (1, 2, 4, 8, 16), image_channels)


class IdleParameter(Good):
    def __init__(self, image_channels: int, /) -> None:
        super().__init__(image_channels)
        self.idle = nn.Parameter(torch.zeros(3))


class RandomInEvaluation(Good):
    def forward(self, images):
        return tuple(level + torch.rand(()) for level in self.inner(images))


class MixingRows(Good):
    def forward(self, images):
        return tuple(level - level.mean(0) for level in self.inner(images))


class InPlace(Good):
    def forward(self, images):
        return self.inner(images.mul_(0.5))


class HiddenState(Good):
    def __init__(self, image_channels: int, /) -> None:
        super().__init__(image_channels)
        self.hidden = torch.rand(())

    def forward(self, images):
        return tuple(level * self.hidden for level in self.inner(images))


class AnyOption(Good):
    def __init__(self, image_channels: int, /, **options) -> None:
        super().__init__(image_channels)


class OpenParameter(Good):
    def __init__(self, image_channels: int, width: int = 3) -> None:
        super().__init__(image_channels)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (LyingPyramid, "pyramid promises"),
        (IdleParameter, "'idle' .* gets no gradient"),
        (RandomInEvaluation, "different outputs for one input"),
        (MixingRows, "depends on the other rows"),
        (InPlace, "changes the images|different outputs"),
        (HiddenState, "not in its state_dict"),
        (AnyOption, "names each of its parameters"),
        (OpenParameter, "write '/'"),
    ],
)
def test_backbone(make, message):
    with pytest.raises(AssertionError, match=message):
        testing.check_backbone(make)


def test_options_that_do_not_fit():
    testing.check_backbone(Good, width=5)
    with pytest.raises(AssertionError, match="do not fit"):
        testing.check_backbone(Good, width="5")


class ProbabilityPixels(Head):
    """Half of the declared size."""

    def __init__(self, pyramid: Pyramid, /) -> None:
        super().__init__()
        self.output = Output("masks", ("a",))
        self.last = nn.Conv2d(pyramid.channels[1], 1, 1)

    def forward(self, features):
        return self.last(features[1])


class OneClassSoftmax(PooledLinear):
    def __init__(self, pyramid: Pyramid, /) -> None:
        super().__init__(pyramid, classes=("a",), multilabel=True)
        self.output = Output("multiclass", ("a",))


@pytest.mark.parametrize(("make", "message"), [(ProbabilityPixels, "logits of shape"), (OneClassSoftmax, "always 1")])
def test_head(make, message):
    with pytest.raises(AssertionError, match=message):
        testing.check_head(make)


class GoodBridge(Bridge):
    def __init__(self, pyramid: Pyramid, /) -> None:
        super().__init__()
        self.pyramid = pyramid
        self.reads = frozenset({"other"})

    def forward(self, images, features, predict):
        return features


class Backward(GoodBridge):
    """Around the frozen predictor, into the classifier's own gradients."""

    def forward(self, images, features, predict):
        with torch.enable_grad():
            next(predict["other"].model.parameters()).sum().backward()
        return features


class TrainsTheOther(GoodBridge):
    def forward(self, images, features, predict):
        predict["other"].model.train()
        return features


class Statistics(GoodBridge):
    def forward(self, images, features, predict):
        predict["other"].model.logits("other", images)
        return features


class Widening(GoodBridge):
    def forward(self, images, features, predict):
        return (torch.cat([features[0], images], dim=1), *features[1:])


class InputGradient(GoodBridge):
    def forward(self, images, features, predict):
        images.requires_grad_()
        return features


class ShowsAnother(GoodBridge):
    def maps(self, images, features, guides):
        return {"image": images}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (ShowsAnother, "'image' is not in the features"),
        (Backward, "changes the gradient of"),
        (TrainsTheOther, "training flags"),
        (Statistics, "running_mean|num_batches"),
        (Widening, "pyramid promises"),
        (InputGradient, "differentiate a copy"),
    ],
)
def test_bridge(make, message):
    testing.check_bridge(GoodBridge)
    with pytest.raises(AssertionError, match=message):
        testing.check_bridge(make)


class SumOfRows(CrossEntropy):
    def loss(self, batch, outputs, progress):
        return super().loss(batch, outputs, progress) * len(batch.images[self.view])


class ProgressDivision(CrossEntropy):
    def loss(self, batch, outputs, progress):
        return super().loss(batch, outputs, progress) * (0.0 if progress else float("inf"))


class Shifted(CrossEntropy):
    def prepare(self, batch, predict):
        return type(batch)({view: rows * 2 for view, rows in batch.images.items()}, batch.targets, batch.streams)


class ChangesBatch(CrossEntropy):
    def prepare(self, batch, predict):
        batch.images[self.view].clamp_(0.2, 0.8)
        return batch


class GlobalRandomness(CrossEntropy):
    def prepare(self, batch, predict):
        return type(batch)(
            {view: rows * torch.rand(()) for view, rows in batch.images.items()}, batch.targets, batch.streams
        )


class Misaligned(CrossEntropy):
    def prepare(self, batch, predict):
        return type(batch)({view: rows[1:] for view, rows in batch.images.items()}, batch.targets, batch.streams)


class Detached(CrossEntropy):
    def loss(self, batch, outputs, progress):
        return super().loss(batch, {view: logits.detach() for view, logits in outputs.items()}, progress)


class UnusedView(CrossEntropy):
    def __init__(self, output: Output, /) -> None:
        super().__init__(output)
        self.views = self.views | {View("unlabeled", "weak")}


class ComparesAnother(CrossEntropy):
    same_pixels = frozenset({View("unlabeled", "strong")})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (SumOfRows, "not a mean over rows"),
        (ProgressDivision, "the loss is inf"),
        (Shifted, "prepare gives pixels"),
        (ChangesBatch, "prepare changes the batch"),
        (GlobalRandomness, "randomness from elsewhere"),
        (Misaligned, "rows and .* targets"),
        (Detached, "no gradient"),
        (UnusedView, "does not use the view"),
        (ComparesAnother, "same_pixels has views that it does not ask for"),
    ],
)
def test_strategy(make, message):
    assert issubclass(make, Strategy)
    with pytest.raises(AssertionError, match=message):
        testing.check_strategy(make)


class LastTaskOnly(Fixed):
    def forward(self, losses):
        return list(losses.values())[-1]


class Vector(Fixed):
    def forward(self, losses):
        return torch.stack(list(losses.values()))


@pytest.mark.parametrize(("make", "message"), [(LastTaskOnly, "no gradient through"), (Vector, "expected a scalar")])
def test_balancer(make, message):
    assert issubclass(make, Balancer)
    with pytest.raises((AssertionError, TypeError), match=message):
        testing.check_balancer(make)


class Brighter(Identity):
    def __call__(self, images, masks, stream):
        return images * 1.5, masks


class SameForAll(Identity):
    def __call__(self, images, masks, stream):
        return images * stream.uniform("brightness")[0], masks


class Chance(Identity):
    def __call__(self, images, masks, stream):
        return images * torch.rand(()), masks


class SoftMasks(Identity):
    def __call__(self, images, masks, stream):
        return images, None if masks is None else masks * 0.5


class MovesInSecret(Identity):
    def __call__(self, images, masks, stream):
        return images.flip(3), None if masks is None else masks.flip(3)


class Writes(Identity):
    def __call__(self, images, masks, stream):
        return images.mul_(0.5), masks


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Brighter, r"expected \[0, 1\]"),
        (SameForAll, "place in the batch"),
        (Chance, "randomness from elsewhere"),
        (SoftMasks, "not 0 or 1"),
        (Writes, "changes the images"),
        (MovesInSecret, "says that it moves no pixel"),
    ],
)
def test_augmentation(make, message):
    with pytest.raises(AssertionError, match=message):
        testing.check_augmentation(make)


class MadeUpImage:
    def __init__(self, number):
        self.number = number
        self.name = f"image {number}"

    def __eq__(self, other):
        return self.number == other.number

    def __hash__(self):
        return self.number

    def fingerprint(self):
        return str(self.number)

    def read(self):
        return np.full((6, 5), self.number, np.uint8)


class Shelf:
    names = ("a", "b", "c")
    patients = ("p", "q", "q")
    splits = (None, None, None)
    image = MadeUpImage

    def __init__(self, folders: Folders, /) -> None:
        self.folders = folders

    def examples(self):
        images = [self.image(number) for number in range(3)]
        rows = zip(self.names, self.patients, self.splits, images, strict=True)
        return [Example(name, patient, found, split=split) for name, patient, split, found in rows]


class Twice(Shelf):
    names = ("a", "b", "a")


class Straddling(Shelf):
    splits = ("train", "train", "test")


class Constant(MadeUpImage):
    def fingerprint(self):
        return "same"


class ConstantFingerprint(Shelf):
    image = Constant


class Unstable(Shelf):
    count = 0

    def examples(self):
        Unstable.count += 1
        return super().examples()[:: (-1) ** Unstable.count]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Twice, "names an image twice"),
        (Straddling, "several splits"),
        (ConstantFingerprint, "fingerprint of another"),
        (Unstable, "another order"),
    ],
)
def test_source(make, message):
    testing.check_source(Shelf, Folders(Path()))
    with pytest.raises(AssertionError, match=message):
        testing.check_source(make, Folders(Path()))


class Right:
    higher_is_better, unit, selects = True, "", False

    def __init__(self, output: Output, /) -> None:
        if output.kind != "multiclass":
            raise ValueError("only multi-class")

    def __call__(self, probabilities, targets):
        return {"right": (probabilities.argmax(1) == targets).float()}


class FirstRow(Right):
    def __call__(self, probabilities, targets):
        return {"right": probabilities[0, 0]}


class Wide(Right):
    def __call__(self, probabilities, targets):
        return {"right": probabilities}


class Complex(Right):
    def __call__(self, probabilities, targets):
        return {"right": torch.tensor(1 + 5j)}


class Nothing(Right):
    def __call__(self, probabilities, targets):
        return {}


class Names(Right):
    def __call__(self, probabilities, targets):
        return {f"right {len(targets)}": (probabilities.argmax(1) == targets).float()}


class Centred(Right):
    def __call__(self, probabilities, targets):
        return {"right": probabilities[:, 0] - probabilities[:, 0].mean()}


class Sideless(Right):
    higher_is_better = "no"


class Unitless(Right):
    unit = None


class Undecided(Right):
    higher_is_better, selects = None, True


class MeanByBatches(Right):
    """A mean is not the sum of the means of parts."""

    by_batches = True

    def __call__(self, probabilities, targets):
        return {"mean": probabilities.mean()}


class Batchwise(Right):
    by_batches = "yes"


class Silent:
    def __init__(self, output: Output, /) -> None:
        pass

    def __call__(self, probabilities, targets):
        return {"silent": probabilities.mean()}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (FirstRow, "order of the images"),
        (Wide, r"'right' has shape .*, expected \(\) or \(12,\)"),
        (Complex, "'right' is complex, expected real numbers"),
        (Nothing, "returns nothing"),
        (Names, "for other images"),
        (Centred, "other images"),
        (Sideless, "higher_is_better is 'no', expected True, False or None"),
        (Unitless, "unit is None, expected text"),
        (Undecided, "it cannot select weights"),
        (MeanByBatches, "says by_batches, and its values for two parts do not make up those for all"),
        (Batchwise, "by_batches is 'yes', expected True or False"),
        (Silent, "does not define 'higher_is_better'"),
    ],
)
def test_metric(make, message):
    testing.check_metric(Right)
    with pytest.raises(AssertionError, match=message):
        testing.check_metric(make)
