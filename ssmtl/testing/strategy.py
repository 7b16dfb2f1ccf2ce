"""The contract check for a strategy."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ssmtl.contracts.head import Output
from ssmtl.contracts.shapes import Logits
from ssmtl.contracts.strategy import Strategy
from ssmtl.contracts.view import Batch, View
from ssmtl.testing import samples
from ssmtl.testing.constructor import Make, made, name_of
from ssmtl.testing.modules import changed, state_of
from ssmtl.testing.sample_outputs import SampleOutputs, facts
from ssmtl.testing.unknown import check_strategy_with_unknown

PROGRESS = (0.0, 0.5, 0.999)
SIZE = (16, 32)
ROWS = ({"labeled": 4, "unlabeled": 4}, {"labeled": 4, "unlabeled": 6})
SATURATED = 60.0
"""A logit whose probability is exactly 1 in float32, as a confident model gives."""


def check_strategy(make: Make, /, **options: Any) -> None:
    """For every kind of output it accepts: views, `prepare`, the loss and its gradient, `diagnose`.

    Its options may not suit each of them: it says so with a ValueError, and takes at least one.
    """
    name = name_of(make)
    accepts: frozenset[str] = getattr(make, "accepts", frozenset())
    assert isinstance(accepts, frozenset), f"{name}.accepts is not a frozenset"
    assert accepts, f"{name}.accepts names no kind of output"
    assert accepts <= set(samples.KINDS), f"{name}.accepts names {set(accepts)}, the known kinds are {samples.KINDS}"
    exclusive = getattr(make, "takes_exclusive", False)
    taken = 0
    for output in (
        one for one in (*samples.OUTPUTS, samples.NOTHING) if one.kind in accepts and (exclusive or not one.exclusive)
    ):
        for rows in ROWS:
            try:
                strategy = made(make, options, output)
            except ValueError:
                continue
            taken += 1
            assert isinstance(strategy, Strategy), f"{name} is not an ssmtl.Strategy"
            _check_views(strategy, name)
            what = f"{name} of {output.kind} {output.classes}, rows {rows}"
            strategy.begin(facts(output, {"labeled": 100, "unlabeled": 200}))
            _check(strategy.train(), output, rows, what)
    assert taken, f"{name} takes no output with the options {options}"


def _check(strategy: Strategy, output: Output, rows: Mapping[str, int], name: str) -> None:
    batch = _batch(strategy, output, rows)
    check_strategy_with_unknown(strategy, batch, samples.SamplePredictor(output), SIZE, name)
    prepared = _check_prepare(strategy, batch, samples.SamplePredictor(output), name)
    _check_prepare(strategy, batch, samples.SamplePredictor(output, scale=1000.0), name)
    outputs = {
        view: samples.logits(output, len(images), SIZE, seed)
        for seed, (view, images) in enumerate(prepared.images.items())
    }
    strength = sum(_check_loss(strategy, prepared, outputs, progress, name) for progress in PROGRESS)
    assert strength > 0, f"{name}: the gradient is zero at every progress"
    _check_parameters(strategy, prepared, outputs, name)
    saturated = {view: logits.sign() * SATURATED for view, logits in outputs.items()}
    _check_loss(strategy, prepared, saturated, PROGRESS[-1], f"{name}, logits of ±{SATURATED:g}")
    if rows["labeled"] == rows["unlabeled"]:
        _check_mean(strategy, prepared, outputs, name)
    if strategy.by_rows(prepared):
        _check_parts(strategy, prepared, outputs, name)
    gathered, given = Batch({}, prepared.targets, {}, prepared.samples), SampleOutputs(outputs)
    before = _shapes(strategy)
    strategy.loss(prepared, given, PROGRESS[1])
    with torch.no_grad():
        strategy.after_step(gathered, {**outputs, **given.kept}, PROGRESS[1])
    assert _shapes(strategy) == before, (
        f"{name}: after_step turns the shapes of parameters and buffers from {before} into {_shapes(strategy)}; "
        "make them in begin, or no run can be resumed"
    )
    _check_loss(strategy, prepared, outputs, PROGRESS[1], f"{name}, after a step")
    for truth in (samples.truth(output, batch.images, rows), {}):
        with torch.no_grad():
            numbers = strategy.diagnose(prepared, outputs, truth)
        for key, value in numbers.items():
            assert isinstance(value, Tensor), (
                f"{name}: diagnose gives '{key}' as {type(value).__name__}, expected a scalar tensor"
            )
            assert value.ndim == 0, f"{name}: diagnose gives '{key}' of shape {tuple(value.shape)}, expected a scalar"


def _shapes(strategy: Strategy) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in strategy.state_dict().items()}


def _check_views(strategy: Strategy, name: str) -> None:
    assert isinstance(strategy.views, frozenset), (
        f"{name}.views is {strategy.views!r}, expected a frozenset of ssmtl.View"
    )
    assert strategy.views, f"{name} asks for no view"
    assert strategy.same_pixels <= strategy.views, f"{name}.same_pixels has views that it does not ask for"
    for view in strategy.views:
        assert isinstance(view, View), f"{name}.views holds {view!r}, expected ssmtl.View"
        assert view.pool in ("labeled", "unlabeled"), f"{name} asks for the pool '{view.pool}'"


def _batch(strategy: Strategy, output: Output, rows: Mapping[str, int]) -> Batch:
    """As `render` makes it: views of one pool are row-aligned, targets for labelled views only."""
    views = sorted(strategy.views)
    first = {"labeled": 0, "unlabeled": 100}
    seeds = {view: number for number, view in enumerate(views)}
    return Batch(
        {view: samples.images(rows[view.pool], SIZE, seed=seeds[view]) for view in views},
        {view: samples.targets(output, rows[view.pool], SIZE) for view in views if view.pool == "labeled"},
        {view: samples.stream(rows[view.pool], str(view), first[view.pool]) for view in views},
        {view: first[view.pool] + torch.arange(rows[view.pool]) for view in views},
        dict.fromkeys(views, samples.mirrored) if output.kind == "masks" else {},
    )


def _check_prepare(strategy: Strategy, batch: Batch, predict: samples.SamplePredictor, name: str) -> Batch:
    before, state = _copied(batch), state_of(strategy)
    with torch.no_grad():
        torch.manual_seed(1)
        prepared = strategy.prepare(batch, predict)
        assert isinstance(prepared, Batch), (
            f"{name}: prepare returns {type(prepared).__name__}, expected an ssmtl.Batch"
        )
        copy = _copied(prepared)
        assert not changed(strategy, state), (
            f"{name}: prepare changes {changed(strategy, state)}; what a strategy remembers changes in after_step"
        )
        torch.manual_seed(2)
        again = strategy.prepare(batch, predict)
    assert _same(batch, before), f"{name}: prepare changes the batch that it is given; make a new one"
    assert _same(copy, again), f"{name}: prepare takes randomness from elsewhere than the batch's streams"
    assert sum(map(len, prepared.images.values())), f"{name}: prepare leaves no row"
    for view, images in prepared.images.items():
        assert images.ndim == 4, f"{name}: prepare gives images of shape {tuple(images.shape)}"
        low, high = images.min().item(), images.max().item()
        assert 0 <= low <= high <= 1, f"{name}: prepare gives pixels from {low} to {high}, expected [0, 1] ({view})"
        for what, by_view in (("targets", prepared.targets), ("random keys", prepared.streams)):
            if view in by_view:
                assert len(by_view[view]) == len(images), (
                    f"{name}: prepare gives {len(images)} rows and {len(by_view[view])} {what} ({view})"
                )
        if view in prepared.targets:
            target = prepared.targets[view]
            assert not target.is_floating_point() or target.isfinite().all(), (
                f"{name}: prepare gives targets that are not finite ({view})"
            )
    return prepared


def _check_loss(strategy: Strategy, batch: Batch, outputs: Mapping[View, Logits], progress: float, name: str) -> float:
    """The size of the gradient."""
    leaves = {view: logits.clone().requires_grad_() for view, logits in outputs.items()}
    before = _copied(batch)
    given, state = SampleOutputs(leaves), state_of(strategy)
    loss = strategy.loss(batch, given, progress)
    what = f"{name}, progress {progress}"
    assert not changed(strategy, state), f"{what}: the loss changes {changed(strategy, state)}; do it in after_step"
    assert isinstance(loss, Tensor), f"{what}: the loss is {type(loss).__name__}, expected a scalar tensor"
    assert loss.ndim == 0, f"{what}: the loss has shape {tuple(loss.shape)}, expected a scalar"
    assert loss.isfinite(), f"{what}: the loss is {loss.item()}"
    assert _same(batch, before), f"{what}: the loss changes its batch"
    assert all(torch.equal(leaves[view], outputs[view]) for view in leaves), (
        f"{what}: the loss changes the logits in place"
    )
    assert loss.requires_grad, f"{what}: the loss has no gradient"
    inputs = {view: [logits, *given.given.get(view, ())] for view, logits in leaves.items()}
    total = 0.0
    for view, tensors in inputs.items():
        found = torch.autograd.grad(loss, tensors, retain_graph=True, allow_unused=True)
        used = found[0] is not None or len(tensors) > 1
        assert used, f"{what}: the loss does not use the view {view}; let prepare drop it"
        for gradient in found:
            assert gradient is None or gradient.isfinite().all(), (
                f"{what}: the gradient for the view {view} is not finite"
            )
            total += 0.0 if gradient is None else gradient.abs().sum().item()
    return total


def _check_parameters(strategy: Strategy, batch: Batch, outputs: Mapping[View, Logits], name: str) -> None:
    """Each part of the strategy that has parameters gets a gradient."""
    loss = strategy.loss(batch, SampleOutputs(outputs), PROGRESS[-1])
    for part, module in strategy.named_children():
        trained = [weight for weight in module.parameters() if weight.requires_grad]
        gradients = torch.autograd.grad(loss, trained, retain_graph=True, allow_unused=True) if trained else ()
        assert not trained or any(gradient is not None for gradient in gradients), (
            f"'{part}' of {name} gets no gradient: use it, or freeze it"
        )


def _check_mean(strategy: Strategy, batch: Batch, outputs: Mapping[View, Logits], name: str) -> None:
    """Every row twice gives the same loss, not twice the loss, up to terms that do not grow with the rows."""
    twice = Batch(
        {view: torch.cat([images, images]) for view, images in batch.images.items()},
        {view: torch.cat([target, target]) for view, target in batch.targets.items()},
        {view: stream[torch.arange(len(stream)).repeat(2)] for view, stream in batch.streams.items()},
        {view: torch.cat([rows, rows]) for view, rows in batch.samples.items()},
    )
    given = SampleOutputs(outputs)
    once = strategy.loss(batch, given, PROGRESS[-1])
    both = strategy.loss(twice, given.twice(), PROGRESS[-1])
    assert torch.isclose(once, both, rtol=0.1, atol=1e-3), (
        f"{name}: the loss is not a mean over rows: {once.item()}, every row twice {both.item()}"
    )


def _check_parts(strategy: Strategy, batch: Batch, outputs: Mapping[View, Logits], name: str) -> None:
    """What `by_rows` promises: the loss is the mean of those of two equal parts of the rows."""
    if any(size % 2 for size in batch.sizes()):
        return
    given = SampleOutputs(outputs)
    whole = strategy.loss(batch, given, PROGRESS[-1])
    parts = [strategy.loss(batch.part(number, 2), given.part(number, 2), PROGRESS[-1]) for number in range(2)]
    assert torch.isclose(whole, torch.stack(parts).mean(), rtol=1e-4, atol=1e-6), (
        f"{name}: by_rows says that the loss is the mean of those of its parts, but {whole.item()} is not the mean of "
        f"{[part.item() for part in parts]}"
    )


def _copied(batch: Batch) -> Batch:
    def copies(tensors: Mapping[View, Tensor]) -> dict[View, Tensor]:
        return {view: tensor.clone() for view, tensor in tensors.items()}

    return Batch(copies(batch.images), copies(batch.targets), batch.streams, copies(batch.samples), batch.moves)


def _same(first: Batch, second: Batch) -> bool:
    for one, other in ((first.images, second.images), (first.targets, second.targets)):
        if set(one) != set(other) or not all(torch.equal(one[view], other[view]) for view in one):
            return False
    return {view: stream.keys.tolist() for view, stream in first.streams.items()} == {
        view: stream.keys.tolist() for view, stream in second.streams.items()
    }
