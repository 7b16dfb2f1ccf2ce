"""TorchJD's aggregators, as balancers of this program's steps, against TorchJD on the whole Jacobian."""

import builtins

import pytest
import torch

from ssmtl import SsmtlError
from ssmtl_torchjd.aggregated import Aggregated, Name

aggregation = pytest.importorskip("torchjd.aggregation", reason="the extra 'torchjd' is not installed")
NAMES = Name.__args__


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_torchjds(name):
    options = {"c": 0.5} if name == "CAGrad" else {}
    gradients = torch.randn(3, 20, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(5)
    expected = getattr(aggregation, name)(**options)(gradients)
    balancer = Aggregated(("a", "b", "c"), aggregator=name, options=options)
    torch.manual_seed(5)
    found = balancer.combine(gradients, torch.ones(3), 5)
    torch.testing.assert_close(found, expected)


def test_upgrad_conflicts_with_no_task():
    """Its first claim: the combined gradient has no negative product with any task's."""
    balancer = Aggregated(("a", "b", "c"))
    for seed in range(20):
        gradients = torch.randn(3, 5, generator=torch.Generator().manual_seed(seed))
        combined = balancer.combine(gradients, torch.ones(3), seed)
        assert (gradients @ combined).min() > -1e-3


def test_options_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"aggregator UPGrad: .*'c'"):
        Aggregated(("a",), options={"c": 0.5})


def test_without_the_package_the_error_names_the_extra(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **keywords):
        if name.startswith("torchjd"):
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SsmtlError, match=r"pip install 'ssmtl\[torchjd\]'"):
        Aggregated(("a",))
