"""The contract check for a metric."""

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ssmtl.contracts.head import Output
from ssmtl.contracts.metric import Metric, is_by_batches, takes_unknown, wrong_facts, wrong_value
from ssmtl.testing import samples
from ssmtl.testing.constructor import Make, check_options, made, name_of
from ssmtl.testing.unknown import check_metric_with_unknown

ROWS, SIZE = 12, (16, 24)
TOLERANCE = 1e-5


def check_metric(make: Make, /, **options: Any) -> None:
    """Values of the promised shapes under stable names, whatever the order of the images; inputs untouched.

    It says whether higher is better, its unit, whether it selects weights, and if it does not need all images at once.

    A metric rejects the kinds of output it is not defined for with a ValueError, and accepts at least one.
    """
    name = name_of(make)
    check_options(make, 1, options)
    taken = [output for output in samples.OUTPUTS if _takes(make, options, output)]
    assert taken, f"{name} rejects every kind of output"
    for output in taken:
        metric: Metric = made(make, options, output)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a metric warns where a class does not occur
            _check(metric, output, f"{name} of {output.kind} {output.classes}")


def _takes(make: Make, options: Mapping[str, Any], output: Output) -> bool:
    try:
        made(make, options, output)
    except ValueError:
        return False
    return True


def _check(metric: Metric, output: Output, name: str) -> None:
    for attribute in ("higher_is_better", "unit", "selects"):
        assert hasattr(metric, attribute), f"{name} does not define '{attribute}'"
    assert not (wrong := wrong_facts(metric)), f"{name}: {'; '.join(wrong)}"
    probabilities, targets = (
        output.probabilities(samples.logits(output, ROWS, SIZE)),
        samples.targets(output, ROWS, SIZE),
    )
    before = probabilities.clone(), targets.clone()
    values = metric(probabilities, targets)
    assert torch.equal(probabilities, before[0]), f"{name} changes the probabilities it is given"
    assert torch.equal(targets, before[1]), f"{name} changes the targets it is given"
    assert values, f"{name} returns nothing"
    for key, value in values.items():
        assert not (problem := wrong_value(value, ROWS)), f"{name}: '{key}' {problem}"
        assert not value.isnan().any(), f"{name}: '{key}' is NaN where every class occurs"
    _assert_equal(metric(probabilities, targets), values, f"{name} gives other values the second time")
    order = torch.randperm(ROWS, generator=samples.generator(0))
    turned = {key: value if value.ndim == 0 else value[order] for key, value in values.items()}
    _assert_equal(metric(probabilities[order], targets[order]), turned, f"{name} depends on the order of the images")
    few = metric(probabilities[:5], targets[:5])
    assert set(few) == set(values), f"{name} returns {sorted(few)} and for other images {sorted(values)}"
    images = {key: value[:5] for key, value in values.items() if value.ndim}
    _assert_equal({key: few[key] for key in images}, images, f"a per-image value of {name} depends on other images")
    if is_by_batches(metric):
        rest = metric(probabilities[5:], targets[5:])
        parts = {key: torch.cat([few[key], rest[key]]) if few[key].ndim else few[key] + rest[key] for key in values}
        _assert_equal(
            parts, values, f"{name} says by_batches, and its values for two parts do not make up those for all"
        )
    if takes_unknown(metric):
        check_metric_with_unknown(metric, probabilities, targets, name)
    for constant in (0.0, 1.0):
        flat = metric(torch.full_like(probabilities, constant), torch.zeros_like(targets))
        assert set(flat) == set(values), f"{name} returns other names where nothing is predicted: {sorted(flat)}"


def _assert_equal(actual: Mapping[str, Tensor], expected: Mapping[str, Tensor], message: str) -> None:
    assert set(actual) == set(expected), f"{message}: {sorted(actual)} and {sorted(expected)}"
    for key, value in expected.items():
        same = torch.allclose(actual[key].double(), value.double(), atol=TOLERANCE, equal_nan=True)
        assert same, f"{message}: '{key}' is {actual[key].tolist()} and {value.tolist()}"
