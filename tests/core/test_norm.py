"""`norm` in a recipe: layers are exchanged, and nothing else."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ssmtl.errors import RecipeError
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.coupling import coupling
from ssmtl.inference.network import Network
from ssmtl.model.coupled_rows import batch_norms, couples_rows
from ssmtl.model.domain_norm import DomainBatchNorm, DomainRows, rows_of
from ssmtl.model.normalization import convert, groups_of, kind_of, kinds_in
from ssmtl.model.taking import taken
from ssmtl.recipe.load import read
from ssmtl.registry.blame import said
from ssmtl.registry.plugins import load_plugins
from ssmtl_timm.encoder import TimmEncoder

PLUGINS = load_plugins()
SMALL = (
    "image.size=32",
    *(f"sources.{name}.size=32" for name in ("chex", "jsrt", "nihx", "mcu")),
    "backbone={use: timm, model: test_resnet, levels: [0, 1, 2]}",
    "tasks.lungs.head={use: smp_decoder, classes: [lung], width: 4}",
    "tasks.lungs.bridge.stride=4",
)
NORMS = ("batch", "instance", "group", "domain")


def experiment(*overrides):
    return assemble(read("multimix", PLUGINS["recipe"], overrides=(*SMALL, *overrides)).validated(), PLUGINS, "file")


def rows():
    return DomainRows({"first": "here", "second": "there", "third": "here"})


def encoder():
    torch.manual_seed(0)
    made = TimmEncoder(1, model="test_resnet")
    for part in batch_norms(made):
        nn.init.uniform_(part.weight)
        nn.init.normal_(part.bias)
        nn.init.normal_(part.running_mean)
    return made


@given(st.integers(1, 3000))
@settings(max_examples=50)
def test_groups_divide_the_channels_and_hold_two(channels):
    groups = groups_of(channels)
    fitting = [n for n in range(1, 33) if channels % n == 0 and channels // n >= 2]
    assert groups == max(fitting, default=1)


@pytest.mark.parametrize("norm", NORMS)
def test_affine_parameters_stay_and_again_changes_nothing(norm):
    before, made = encoder(), encoder().to(torch.float64)
    convert(made, norm, rows())
    found = [part for part in made.modules() if kind_of(part) == norm and kind_of(part) is not None]
    old = [part for part in before.modules() if isinstance(part, nn.BatchNorm2d)]
    assert len(found) == len(old) > 10 or norm == "domain"
    for new, one in zip(found, old, strict=True):
        for layer in new.domains.values() if norm == "domain" else [new]:
            assert layer.weight.dtype is torch.float64
            assert torch.equal(layer.weight.float(), one.weight)
            assert torch.equal(layer.bias.float(), one.bias)
            if norm in ("batch", "domain"):
                assert torch.equal(layer.running_mean.float(), one.running_mean)
    layers = [id(part) for part in made.modules()]
    assert [id(part) for part in convert(made, norm, rows()).modules()] == layers


def test_timms_activations_follow_their_normalisation():
    torch.manual_seed(0)
    made = TimmEncoder(1, model="test_efficientnet", levels=(0, 1)).eval()
    again = convert(convert(copy.deepcopy(made), "group"), "batch").eval()
    images = torch.rand(2, 1, 32, 32)
    for one, other in zip(made(images), again(images), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    grouped = convert(copy.deepcopy(made), "group")
    assert {*kinds_in(grouped)} == {"group"}


@pytest.mark.parametrize("norm", ["instance", "group"])
def test_rows_no_longer_depend_on_each_other(norm):
    made = convert(encoder(), norm).train()
    assert not couples_rows(made)
    images = torch.rand(3, 1, 64, 64)
    alone = made(images[:1])
    for one, other in zip(alone, made(images), strict=True):
        assert torch.allclose(one, other[:1], atol=1e-4)


def test_group_normalisation_is_that_of_the_paper():
    """γ (x − μ) / √(σ² + ε) + β over the channels and pixels of a group (Wu and He, equations 1 and 7), in NumPy."""
    old = nn.BatchNorm2d(12, eps=1e-3)
    nn.init.uniform_(old.weight)
    nn.init.normal_(old.bias)
    made = convert(nn.Sequential(old), "group")
    images = torch.rand(2, 12, 3, 5) * 4
    values = images.numpy().astype(np.float64).reshape(2, 6, 2 * 15)
    normed = (values - values.mean(2, keepdims=True)) / np.sqrt(values.var(2, keepdims=True) + 1e-3)
    shaped = normed.reshape(2, 12, 3, 5) * old.weight.detach().numpy()[:, None, None]
    expected = shaped + old.bias.detach().numpy()[:, None, None]
    assert np.allclose(made(images).detach().numpy(), expected, atol=1e-5)


def test_a_domains_statistics_are_of_its_rows_alone():
    told = rows()
    layer = DomainBatchNorm({name: nn.BatchNorm2d(3) for name in ("here", "there")}, told)
    told.tell([("first", 2), ("second", 3), ("third", 1)])
    images = torch.randn(6, 3, 4, 4) + torch.arange(6.0).view(-1, 1, 1, 1)
    found = layer(images).detach().numpy()
    values = images.numpy()
    for own in ([0, 1, 5], [2, 3, 4]):
        mean, var = values[own].mean((0, 2, 3), keepdims=True), values[own].var((0, 2, 3), keepdims=True)
        assert np.allclose(found[own], (values[own] - mean) / np.sqrt(var + 1e-5), atol=1e-4)
    assert np.allclose(layer.domains["there"].running_mean, 0.1 * values[2:5].mean((0, 2, 3)), atol=1e-4)
    with pytest.raises(ValueError, match="norm: domain needs the rows of the pass in each layer: 6, found 12"):
        layer(torch.rand(12, 3, 4, 4))


def test_without_it_nothing_changes():
    plain = experiment()
    assert "norm" not in plain.recipe.content()
    batch = experiment("norm=batch")
    assert plain.recipe.digest() != batch.recipe.digest()
    weights = plain.model.state_dict()
    assert {*weights} == {*batch.model.state_dict()}
    assert all(torch.equal(tensor, weights[name]) for name, tensor in batch.model.state_dict().items())


@pytest.mark.parametrize("norm", ["instance", "group"])
def test_every_head_and_further_network_is_exchanged(norm):
    made = experiment(f"norm={norm}", "image.size=64")
    (lungs,) = (task for task in made.tasks if task.name == "lungs")
    for network in (made.model, lungs.make_head(1), lungs.make_network(1)):
        assert {*kinds_in(network)} == {norm}


def test_tasks_of_different_sources_have_their_own_statistics():
    made = experiment("norm=domain")
    model = made.model
    assert not any(isinstance(part, DomainBatchNorm) for part in made.tasks[1].make_network(1).modules())
    assert {*kinds_in(model.heads)} == {"batch"}
    model.train()
    with torch.no_grad():
        model({"diagnosis": torch.rand(4, 1, 32, 32), "lungs": 0.2 * torch.rand(3, 1, 32, 32)})
    layer = next(part for part in model.modules() if isinstance(part, DomainBatchNorm))
    first, second = (one.running_mean for one in layer.domains.values())
    assert not torch.allclose(first, second)
    trained = copy.deepcopy(model).eval()
    images = torch.rand(2, 1, 32, 32)
    before = trained.encode_for("lungs", images)
    next(part for part in trained.modules() if isinstance(part, DomainBatchNorm)).of("chex").running_mean.add_(9)
    assert torch.equal(trained.encode_for("lungs", images)[0], before[0])
    assert Network([trained], {name: trained.output(name) for name in ("diagnosis", "lungs")}).alike == [
        [["diagnosis"], ["lungs"]]
    ]


def of_sources(names, seed=0):
    """A backbone with weights of their own for each source, in this order of the tasks."""
    made = nn.ModuleDict({"backbone": convert(encoder(), "domain", DomainRows({f"of {one}": one for one in names}))})
    for part in made.modules():
        for name, layer in part.domains.items() if isinstance(part, DomainBatchNorm) else ():
            torch.manual_seed(seed + sum(map(ord, name)))
            nn.init.normal_(layer.running_mean)
            nn.init.normal_(layer.weight)
    return made


def told(network, source, images):
    rows_of(network).tell([(f"of {source}", len(images))])
    return network["backbone"].eval()(images)[-1]


def test_a_source_finds_its_own_statistics_whatever_the_order_of_the_tasks():
    first, other = of_sources(("chex", "keys")), of_sources(("keys", "chex"), seed=5)
    found = taken(other.state_dict(), first.state_dict())
    assert {line.rpartition(": ")[2] for line in found.lines} == {"taken"}
    other.load_state_dict(found.tensors)
    images = torch.rand(2, 1, 32, 32)
    assert not torch.equal(told(first, "chex", images), told(first, "keys", images))
    for source in ("chex", "keys"):
        assert torch.equal(told(first, source, images), told(other, source, images))


def test_a_source_that_the_other_run_does_not_have_is_new():
    first, other = of_sources(("chex", "keys")), of_sources(("mcu", "keys"), seed=5)
    found = taken(other.state_dict(), first.state_dict())
    assert not any(".mcu." in name for name in found.tensors)
    assert "; ".join(found.lines) == (
        "backbone: taken; backbone, norm of the source mcu: new; backbone, norm of the source keys: taken; "
        "not in this recipe: backbone, norm of the source chex"
    )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("norm=layer",), "'batch', 'instance', 'group' or 'domain'"),
        (("norm=domain", "tasks.diagnosis.source=jsrt"), "all tasks have the source 'jsrt' (set norm: batch)"),
        (("norm=instance", "backbone.levels=null"), "norm: instance makes single pixels 0: set norm: group"),
        (("norm=group", "backbone={use: timm, model: test_convnext, levels: [0, 1]}", "tasks.lungs.head.norm=identity"),
         "file: norm: the network has no batch, instance or group normalisation"),
        (("train.micro_batch=4",), "or norm: group"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(overrides, message):
    with pytest.raises(RecipeError) as caught:
        experiment(*overrides)
    assert message in str(caught.value)


ONE = (
    "tasks={diagnosis: {source: chex, labeled: 9, batch: 1, strategies: [{use: cross_entropy}], "
    "augment: {weak: {use: identity}}, head: {use: pooled_linear, classes: [normal, pneumonia]}}}"
)
DEEP = ("backbone.levels=null", "train.select_by=last")


@pytest.mark.parametrize(
    ("overrides", "place"),
    [
        ((ONE, *DEEP), "diagnosis"),
        (("tasks.lungs.head={use: smp_decoder, classes: [lung], decoder: deeplabv3, width: 8}", "tasks.lungs.batch=1",
          "tasks.lungs.bridge=null",
          "tasks.lungs.strategies=[{use: soft_dice}]"), "lungs"),
    ],
)  # fmt: skip
def test_one_row_of_one_pixel_cannot_be_normalised(overrides, place):
    with pytest.raises(RecipeError, match=rf"file: tasks\.{place}\.batch: .* would get 1 row of 1 pixel"):
        experiment(*overrides)


def test_two_rows_or_pixels_or_another_norm_can_be():
    for more in ("tasks.diagnosis.batch=2", "image.size=64", "norm=group"):
        assert experiment(ONE, *DEEP, more).rows in (1, 2)


def test_one_mistake_of_the_backbone_is_said_once():
    with pytest.raises(RecipeError) as caught:
        experiment("norm=instance", "backbone.levels=null")
    assert len(caught.value.problems) == 1


def test_what_takes_more_memory_than_there_is():
    words = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 57600000000 bytes."
    error = RuntimeError(f"[enforce fail at alloc_cpu.cpp:127] err == 0. {words}")
    assert said(error) == "needs more memory than there is: 57.6 GB at once"


def test_rows_that_are_independent_may_pass_in_parts():
    assert experiment("norm=group", "train.micro_batch=4").rows == 40


BATCH = "batch normalisation lets rows of one step influence each other: "
BOTH = "diagnosis (labelled, unlabelled) and lungs (labelled, unlabelled)"
HEAD = "in the head of lungs (labelled, unlabelled). norm: group"
DOMAINS = "those of diagnosis (labelled, unlabelled), those of lungs (labelled, unlabelled)"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ((), f"{BATCH}in the backbone (8 layers) those of {BOTH}; {HEAD}"),
        (("norm=domain",), f"{BATCH}in the backbone (8 layers) {DOMAINS}; {HEAD}"),
        (("norm=group",), None),
        (("backbone={use: multimix_encoder, widths: [4, 4, 8, 8]}", "tasks.lungs.head.norm=identity"), None),
    ],
)
def test_rows_that_share_statistics_are_named(overrides, said):
    found = coupling(experiment(*overrides))
    assert found is None if said is None else found.startswith(said)


@pytest.mark.parametrize(("batch", "said"), [(8, None), (4, "lungs (labelled, only 4 rows)")])
def test_one_pool_of_one_task_is_named_only_if_it_is_small(batch, said):
    text = read("unet", PLUGINS["recipe"], overrides=(*SMALL[:-1], f"tasks.lungs.batch={batch}"))
    found = coupling(assemble(text.validated(), PLUGINS, "file"))
    assert found is None if said is None else said in found
