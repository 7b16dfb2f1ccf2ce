"""Labels and structures of which nothing is known, and what they may not change."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ssmtl.contracts.metric import Metric
from ssmtl.contracts.shapes import Size
from ssmtl.contracts.strategy import Strategy
from ssmtl.contracts.view import Batch
from ssmtl.testing import samples
from ssmtl.testing.sample_outputs import SampleOutputs


def with_unknown(targets: Tensor) -> Tensor:
    """The same, with nothing known of the first class or structure of the first row, if there is another one."""
    if targets.ndim == 1 or targets.shape[1] < 2:
        return targets
    targets = targets.clone()
    targets[0, 0] = torch.nan
    return targets


def check_strategy_with_unknown(
    strategy: Strategy, batch: Batch, predict: samples.SamplePredictor, size: Size, name: str
) -> None:
    """The loss and its gradient are finite where not every label is known."""
    targets = {view: with_unknown(target) for view, target in batch.targets.items()}
    if not any(target.isnan().any() for target in targets.values()):
        return
    with torch.no_grad():
        given = Batch(batch.images, targets, batch.streams, batch.samples, batch.moves)
        prepared = strategy.prepare(given, predict)
    logits = {
        view: samples.logits(predict.output, len(images), size, seed).requires_grad_()
        for seed, (view, images) in enumerate(prepared.images.items())
    }
    what = f"{name}, one label or structure of the first row unknown (NaN)"
    loss = strategy.loss(prepared, SampleOutputs(logits), 0.5)
    assert loss.isfinite(), f"{what}: the loss is {loss.item()}"
    for gradient in torch.autograd.grad(loss, [*logits.values()], allow_unused=True):
        assert gradient is None or gradient.isfinite().all(), f"{what}: the gradient is not finite"


def check_metric_with_unknown(metric: Metric, probabilities: Tensor, targets: Tensor, name: str) -> None:
    """What is predicted where nothing is known changes no value."""
    some = with_unknown(targets)
    if not some.isnan().any():
        return
    other = probabilities.clone()
    other[0, 0] = 1 - other[0, 0]
    one, two = (values_of(metric, predicted, some) for predicted in (probabilities, other))
    for key, value in one.items():
        assert torch.allclose(value, two[key], equal_nan=True), (
            f"{name} takes unknown targets (NaN), but '{key}' depends on what is predicted there"
        )


def values_of(metric: Metric, probabilities: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
    """As double, so that counts compare too."""
    return {key: value.double() for key, value in metric(probabilities, targets).items()}
