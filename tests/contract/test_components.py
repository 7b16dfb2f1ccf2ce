"""Every registered component of every kind passes its contract check; a new component is tested automatically."""

import importlib.util
from pathlib import Path

import component_samples
import pytest
from component_samples import PLUGINS, cases

from ssmtl import Folders, testing
from ssmtl.registry.plugins import KINDS


def of_kind(kind):
    found = cases(kind)
    return pytest.mark.parametrize(
        ("name", "options"), found, ids=[f"{name}-{number}" for number, (name, _) in enumerate(found)]
    )


def test_every_component_has_samples_of_its_required_options():
    assert not component_samples.lacking()


def test_every_sample_is_of_a_registered_component():
    known = {(kind, name) for kind in KINDS for name in PLUGINS[kind]}
    assert not set(component_samples.SAMPLES) - known


@of_kind("backbone")
def test_backbone(name, options):
    testing.check_backbone(PLUGINS["backbone"][name].make, **options)


@of_kind("head")
def test_head(name, options):
    testing.check_head(PLUGINS["head"][name].make, **options)


@of_kind("bridge")
def test_bridge(name, options):
    testing.check_bridge(PLUGINS["bridge"][name].make, **options)


@of_kind("strategy")
def test_strategy(name, options):
    testing.check_strategy(PLUGINS["strategy"][name].make, **options)


@of_kind("balancer")
def test_balancer(name, options):
    testing.check_balancer(PLUGINS["balancer"][name].make, **options)


@of_kind("augmentation")
def test_augmentation(name, options):
    testing.check_augmentation(PLUGINS["augmentation"][name].make, **options)


@of_kind("metric")
def test_metric(name, options):
    testing.check_metric(PLUGINS["metric"][name].make, **options)


@of_kind("tracker")
def test_tracker(name, options):
    testing.check_tracker(PLUGINS["tracker"][name].make, **options)


@of_kind("source")
def test_source(name, options, tmp_path):
    make_up(name, tmp_path)
    testing.check_source(PLUGINS["source"][name].make, Folders(tmp_path), **options)


def make_up(name, root):
    """Files for a source that reads files."""
    made_up = load_made_up()
    if name == "manifest":
        component_samples.write_manifest(root, made_up.grey_image, made_up.blob)
    elif name == "folders":
        component_samples.write_folders(root, made_up.grey_image)
    elif name == "jsrt":
        made_up.jsrt(root, raw=False)
    elif name not in ("phantom", "digits"):
        assert hasattr(made_up, name), (
            f"the source '{name}' reads files: add a function '{name}' to tests/plugins/made_up.py"
        )
        getattr(made_up, name)(root)


def load_made_up():
    path = Path(__file__).parents[1] / "plugins" / "made_up.py"
    spec = importlib.util.spec_from_file_location("made_up_for_contracts", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
