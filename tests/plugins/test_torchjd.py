"""TorchJD's aggregators, as balancers of this program's steps, against TorchJD on the whole Jacobian."""

import builtins
import warnings

import numpy as np
import pytest
import torch

from ssmtl import SsmtlError
from ssmtl_torchjd import ssmtl_balancers
from ssmtl_torchjd.aggregated import Aggregated, Name
from ssmtl_torchjd.named import NashMtl

aggregation = pytest.importorskip("torchjd.aggregation", reason="the extra 'torchjd' is not installed")
NAMES = Name.__args__
PLUGINS = ssmtl_balancers()
NAMED = {
    "aligned_mtl": "AlignedMTL",
    "cagrad": "CAGrad",
    "imtl_g": "IMTLG",
    "mgda": "MGDA",
    "nash_mtl": "NashMTL",
    "pcgrad": "PCGrad",
    "upgrad": "UPGrad",
}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_torchjds(name):
    options = {"CAGrad": {"c": 0.5}, "NashMTL": {"n_tasks": 3}}.get(name, {})
    gradients = torch.randn(3, 20, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(5)
    warnings.simplefilter("ignore", UserWarning)  # the solver says how it could be faster
    expected = getattr(aggregation, name)(**options)(gradients)
    balancer = Aggregated(("a", "b", "c"), aggregator=name, options=options)
    torch.manual_seed(5)
    found = balancer.combine(gradients, torch.ones(3), 5)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("name", "aggregator"), NAMED.items())
def test_the_best_known_have_names_of_their_own(name, aggregator):
    options = {"CAGrad": {"c": 0.4}, "NashMTL": {"n_tasks": 3}}.get(aggregator, {})
    gradients = torch.randn(3, 20, generator=torch.Generator().manual_seed(1))
    made = [PLUGINS[name](("a", "b", "c")), Aggregated(("a", "b", "c"), aggregator=aggregator, options=options)]
    found = []
    for balancer in made:
        torch.manual_seed(5)
        found.append(balancer.combine(gradients, torch.ones(3), 5))
    assert torch.equal(*found)


def test_nash_weights_solve_the_bargaining_equation():
    """G w = 1 / w, checked in NumPy."""
    gradients = torch.randn(3, 20, generator=torch.Generator().manual_seed(2))
    balancer = NashMtl(("a", "b", "c"), max_norm=0.0)
    combined = balancer.combine(gradients, torch.ones(3), 0).double().numpy()
    rows = gradients.double().numpy()
    weights = np.linalg.lstsq(rows.T, combined, rcond=None)[0]
    product = rows @ rows.T @ weights * weights
    np.testing.assert_allclose(product / product.mean(), 1, atol=0.02)


def test_what_an_aggregator_remembers_is_forgotten_before_each_step():
    """TorchJD's solver starts where it ended; that moves the last bits only, but a resumed run would show it."""
    balancer = NashMtl(("a", "b", "c"))
    for step in range(3):
        balancer.combine(torch.randn(3, 20), torch.ones(3), step)
        assert balancer.combined.weighting.step == 1


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
