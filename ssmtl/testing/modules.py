"""What every component with weights must do: learn, repeat itself in evaluation, and be restored from a file."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ssmtl.contracts.shapes import Features

TOLERANCE = 1e-4
"""Absolute and relative; convolutions of batches of different sizes round differently."""

Forward = Callable[[], Tensor | Features]


def close(first: Tensor | Features, second: Tensor | Features, *, exact: bool = False) -> bool:
    """Whether two outputs are equal, up to rounding unless `exact`."""
    pairs = list(zip(_as_tuple(first), _as_tuple(second), strict=True))
    if exact:
        return all(torch.equal(one, other) for one, other in pairs)
    return all(torch.allclose(one.float(), other.float(), TOLERANCE, TOLERANCE) for one, other in pairs)


def rows_of(features: Tensor | Features, start: int, stop: int) -> tuple[Tensor, ...]:
    """Rows `start` to `stop` of every level."""
    return tuple(level[start:stop] for level in _as_tuple(features))


def state_of(module: nn.Module) -> dict[str, Tensor]:
    """A copy of every parameter and buffer."""
    return {key: value.clone() for key, value in module.state_dict().items()}


def changed(module: nn.Module, before: dict[str, Tensor]) -> str:
    """The first parameter or buffer that is not as it was, quoted; empty if all are."""
    now = module.state_dict()
    different = [key for key in {**before, **now} if key not in now or not _alike(before.get(key), now[key])]
    return f"'{different[0]}'" if different else ""


def _alike(one: Tensor | None, other: Tensor) -> bool:
    return one is not None and torch.equal(one, other)


def check_gradients(module: nn.Module, forward: Forward, name: str) -> None:
    """A backward pass through `forward` gives every trained parameter a finite gradient."""
    module.zero_grad()
    outputs = [output for output in _as_tuple(forward()) if output.requires_grad]
    trained = {key: weight for key, weight in module.named_parameters() if weight.requires_grad}
    if not trained:
        return
    assert outputs, f"no output of {name} depends on its parameters"
    generator = torch.Generator().manual_seed(0)
    # A sum of squares of deviations, so that neither a constant nor a normalisation cancels the gradient.
    torch.stack(
        [((out.float() - torch.randn(out.shape, generator=generator)) ** 2).mean() for out in outputs]
    ).sum().backward()  # type: ignore[no-untyped-call]
    for key, weight in trained.items():
        assert weight.grad is not None, f"the parameter '{key}' of {name} gets no gradient: use it, or freeze it"
        assert torch.isfinite(weight.grad).all(), f"the gradient of '{key}' of {name} is not finite"
    assert any(weight.grad is not None and weight.grad.any() for weight in trained.values()), (
        f"every gradient of {name} is zero"
    )
    module.zero_grad()


def check_evaluation(module: nn.Module, forward: Forward, name: str) -> None:
    """In evaluation mode the same input gives the same output, whatever the generators' state, and changes no state."""
    module.eval()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    with torch.no_grad():
        torch.manual_seed(1)
        first = forward()
        torch.manual_seed(2)
        second = forward()
    assert close(first, second, exact=True), f"{name} gives different outputs for one input in evaluation mode"
    for key, value in module.state_dict().items():
        assert torch.equal(value, before[key]), f"{name} changes its state '{key}' in evaluation mode"


def check_state(make: Callable[[int], nn.Module], forward: Callable[[nn.Module], Tensor | Features], name: str) -> None:
    """Weights come from torch's generator, are copied by deepcopy, and are all in the state dict.

    :param make: builds the module from a seed.
    """
    first, same, other = (make(seed).eval() for seed in (0, 0, 1))
    with torch.no_grad():
        expected = forward(first)
        message = f"two {name} made with one seed differ: weights must come from torch's generator"
        assert close(forward(same), expected), message
        assert close(forward(copy.deepcopy(first)), expected), f"a deepcopy of {name} gives other outputs"
        other.load_state_dict(first.state_dict())
        message = f"{name} has state that is not in its state_dict: register it as parameter or buffer"
        assert close(forward(other), expected), message


def _as_tuple(outputs: Tensor | Features) -> tuple[Tensor, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)
