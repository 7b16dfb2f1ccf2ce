"""Rendering, the fused pass, the frozen predictor and the training step."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made_examples import example
from test_recipe import small

from ssmtl.builtins.identity import Identity
from ssmtl.contracts.bridge import Bridge
from ssmtl.contracts.head import Output
from ssmtl.contracts.view import Batch, View
from ssmtl.data.cache import decode
from ssmtl.data.split_file import DomainPart, TaskSplit
from ssmtl.data.task_data import task_data
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.passes import StrategyBatch, passes
from ssmtl.model.mode import mode
from ssmtl.model.multi_task_model import MultiTaskModel, NetworkOutput
from ssmtl.recipe.load import RecipeText
from ssmtl.registry.plugins import load_plugins
from ssmtl.training.render import Shard, render

WEAK, STRONG = View("labeled", "weak"), View("labeled", "strong")
UNLABELED, AGAIN = View("unlabeled", "weak"), View("unlabeled", "weak", 1)
CPU = torch.device("cpu")
PLUGINS = load_plugins()


class Noise:
    """Adds the row's first random number, which can then be read off the image; keeps masks."""

    def __call__(self, images, masks, stream):
        return (images / 2 + stream.uniform("noise")[:, :, None, None] / 2), masks


def task(output, views, batch=6, unlabeled_batch=None):
    rows = {"labeled": batch, "unlabeled": unlabeled_batch or batch}
    return SimpleNamespace(
        name="t",
        output=output,
        views=tuple(views),
        rows=rows.__getitem__,
        augment={"weak": Noise(), "strong": Identity()},
    )


@pytest.fixture
def data(tmp_path):
    def make(output):
        examples = [example(number, "ab"[number % 2], masks=("lung",), grey=10 * number) for number in range(20)]
        ids = [found.id for found in examples]
        test = {"in": DomainPart(source="s", ids=ids[10:])}
        split = TaskSplit(source="s", labeled=ids[:8], unlabeled=ids, val=ids[:3], test=test)
        return task_data(split, output, {"s": examples}, {"s": decode(examples, 16, 1, ("lung",), folder=tmp_path)})

    return make


CLASSES, LUNG = Output("multiclass", ("a", "b")), Output("masks", ("lung",))
ALL = (WEAK, STRONG, UNLABELED, AGAIN)


def test_views_of_one_pool_are_row_aligned_and_their_random_numbers_differ(data):
    batch, truth = render(task(CLASSES, ALL, unlabeled_batch=9), data(CLASSES), 0, 3, CPU, Shard())
    assert {len(batch.images[view]) for view in (WEAK, STRONG)} == {6}
    assert {len(batch.images[view]) for view in (UNLABELED, AGAIN)} == {9}
    noise = batch.streams[WEAK].uniform("noise")[:, :, None, None]
    assert torch.allclose(batch.images[WEAK], batch.images[STRONG] / 2 + noise / 2)
    assert torch.equal(batch.targets[WEAK], batch.targets[STRONG])
    greys = (batch.images[STRONG][:, 0, 0, 0] * 255 / 10).round().long()
    assert torch.equal(batch.targets[STRONG], greys % 2), "labels belong to their images"
    assert not torch.equal(batch.streams[UNLABELED].uniform("x"), batch.streams[AGAIN].uniform("x"))
    assert set(batch.targets) == {WEAK, STRONG}, "no strategy sees labels of unlabelled rows"
    assert set(truth) == {UNLABELED, AGAIN}


def test_a_rendered_step_is_a_pure_function(data):
    rows = data(CLASSES)
    first, _ = render(task(CLASSES, ALL), rows, 0, 3, CPU, Shard())
    render(task(CLASSES, ALL), rows, 0, 4, CPU, Shard())
    again, _ = render(task(CLASSES, (WEAK,)), rows, 0, 3, CPU, Shard())
    assert torch.equal(first.images[WEAK], again.images[WEAK]), "whatever other views there are"
    other, _ = render(task(CLASSES, ALL), rows, 1, 3, CPU, Shard())
    assert not torch.equal(first.images[WEAK], other.images[WEAK])


def test_an_image_that_occurs_again_in_a_step_is_augmented_anew(data):
    """8 labelled images in a batch of 20: each occurs two or three times."""
    rows = data(CLASSES)
    batch, _ = render(task(CLASSES, (WEAK, STRONG), batch=20), rows, 0, 0, CPU, Shard())
    greys = batch.images[STRONG][:, 0, 0, 0].tolist()
    numbers = batch.streams[WEAK].uniform("noise")[:, 0].tolist()
    assert sorted(greys.count(grey) for grey in set(greys)) == [2] * 4 + [3] * 4
    assert len(set(numbers)) == 20, "no two rows are bit-identical"
    small, _ = render(task(CLASSES, (WEAK,), batch=8), rows, 0, 0, CPU, Shard())
    assert torch.equal(small.images[WEAK], batch.images[WEAK][:8]), "the first occurrences are as ever"
    halves = [render(task(CLASSES, (WEAK,), batch=20), rows, 0, 0, CPU, Shard(rank, 2))[0] for rank in range(2)]
    assert torch.equal(torch.cat([half.images[WEAK] for half in halves]), batch.images[WEAK])


def test_shards_make_up_the_batch(data):
    rows, job = data(CLASSES), task(CLASSES, ALL)
    whole, _ = render(job, rows, 0, 3, CPU, Shard())
    parts = [render(job, rows, 0, 3, CPU, Shard(rank, 3))[0] for rank in range(3)]
    for view in ALL:
        assert torch.equal(torch.cat([part.images[view] for part in parts]), whole.images[view])


def test_masks_follow_labelled_images_only(data):
    batch, truth = render(task(LUNG, ALL), data(LUNG), 0, 0, CPU, Shard())
    assert set(batch.targets) == {WEAK, STRONG}
    assert batch.targets[WEAK].shape == (6, 1, 16, 16)
    assert batch.targets[WEAK].dtype == torch.float32
    assert not truth


def part(name, images, strategy="s", by_rows=True):
    term = SimpleNamespace(name=strategy, strategy=SimpleNamespace(by_rows=lambda _batch: by_rows))
    return StrategyBatch(SimpleNamespace(name=name), term, Batch(images, {}, {}))


def outputs_of(one, part, logits):
    """As the engine asks for them; no network is needed for logits."""
    decoded = {task: NetworkOutput((), (), rows) for task, rows in logits.items()}
    return one.outputs_of(part, decoded, MultiTaskModel.__new__(MultiTaskModel))


def test_strategies_share_the_rows_of_a_view_that_they_leave_alone():
    shared, mixed = torch.rand(4, 1, 2, 2), torch.rand(4, 1, 2, 2)
    first, second = part("t", {WEAK: shared}, "ce"), part("t", {WEAK: shared, STRONG: mixed}, "fm")
    changed, other = part("t", {WEAK: mixed + 1}, "mm"), part("u", {WEAK: shared}, "ce")
    (whole,) = passes([first, second, changed, other], None)
    assert {name: len(found) for name, found in whole.rows.items()} == {"t": 12, "u": 4}
    assert whole.layout["t.ce", WEAK] == whole.layout["t.fm", WEAK]
    assert whole.layout["t.mm", WEAK] != whole.layout["t.ce", WEAK]
    logits = {name: found.double() for name, found in whole.rows.items()}
    for found in (first, second, changed, other):
        for view, output in outputs_of(whole, found, logits).items():
            assert torch.equal(output, found.batch.images[view]), "each strategy gets back its own rows"
            assert output.dtype == torch.float32


@pytest.mark.parametrize(
    ("limit", "rows"), [(99, [12, 4]), (11, [6, 6, 4]), (3, [3, 3, 3, 3, 2, 2]), (1, [3] * 4 + [1] * 4)]
)
def test_rows_of_one_task_pass_in_equal_parts(limit, rows):
    shared, mixed = torch.rand(4, 1, 2, 2), torch.rand(4, 1, 2, 2)
    parts = [
        part("t", {WEAK: shared}, "ce"),
        part("t", {WEAK: mixed, STRONG: mixed + 1}, "fm"),
        part("u", {WEAK: shared}, "ce"),
    ]
    found = list(passes(parts, limit))
    assert [sum(map(len, one.rows.values())) for one in found] == rows
    back = {}
    for one in found:
        for own in one.parts:
            for view, output in outputs_of(one, own, one.rows).items():
                assert torch.equal(output, own.batch.images[view])
                back.setdefault((own.name, view), []).append(output)
    for own in parts:
        for view, images in own.batch.images.items():
            assert torch.equal(torch.cat(back[own.name, view]), images)


def test_rows_that_a_strategy_couples_or_that_cannot_be_divided_pass_together():
    rows = torch.rand(4, 1, 2, 2)
    coupled = [part("t", {WEAK: rows}, "ce"), part("t", {WEAK: rows}, "dice", by_rows=False)]
    odd = [part("u", {WEAK: rows, UNLABELED: torch.rand(5, 1, 2, 2)}, "ce")]
    assert [one.share for one in passes(coupled + odd, 1)] == [1, 1]


def model():
    return assemble(RecipeText(small(), "f").validated(), PLUGINS).model


def test_the_fused_pass_is_each_task_on_its_own():
    net = model().eval()
    images = {"lungs": torch.rand(2, 1, 16, 16), "diagnosis": torch.rand(3, 1, 16, 16)}
    fused = net(images)
    assert list(fused) == ["lungs", "diagnosis"]
    for name, rows in images.items():
        assert torch.allclose(fused[name], net.logits(name, rows), atol=1e-5)


@pytest.mark.parametrize("name", ["keys", "values", "items", "type", "training", "forward", "half", "copy"])
def test_a_task_may_have_any_name(name):
    content = small(balancer={"use": "uncertainty"})
    content["tasks"][name] = content["tasks"].pop("diagnosis")
    content["tasks"]["lungs"]["bridge"]["guided_by"] = name
    experiment = assemble(RecipeText(content, "f").validated(), PLUGINS)
    net = experiment.model.train().eval()
    logits = net({task: torch.rand(2, 1, 32, 32) for task in (name, "lungs")})
    assert logits[name].shape == (2, 2)
    assert dict(net.heads.items()).keys() == net.heads.keys() == {name, "lungs"}
    assert set(experiment.balancer.state_dict()) >= {"log_variances.lungs"}
    assert experiment.balancer({name: torch.ones(()), "lungs": torch.ones(())}) == 2
    copy = assemble(RecipeText(content, "f").validated(), PLUGINS).model
    copy.load_state_dict(net.state_dict())


def test_weights_have_the_names_of_ordinary_tasks():
    names = {".".join(name.split(".")[:2]) for name in model().state_dict() if name.startswith(("heads", "bridges"))}
    assert {"heads.diagnosis", "heads.lungs"} <= names
    assert all(name.split(".")[1] in ("diagnosis", "lungs") for name in names)


def test_a_frozen_predictor_restores_mixed_flags_also_after_an_error():
    net = model().train()
    net.backbone.blocks[1].eval()
    flags = [found.training for found in net.modules()]
    first, second = (net.predictor("diagnosis")(torch.full((2, 1, 16, 16), 0.5)) for _ in range(2))
    assert torch.equal(first, second), "no dropout"
    assert [found.training for found in net.modules()] == flags
    with pytest.raises(RuntimeError), mode(net, training=False):
        raise RuntimeError
    assert [found.training for found in net.modules()] == flags
    assert net.predictor("lungs").output == LUNG


class Undetached(Bridge):
    """Adds its guide's logits, with their graph, to the finest level."""

    def __init__(self, pyramid, /):
        super().__init__()
        self.pyramid, self.reads = pyramid, frozenset({"diagnosis"})

    def forward(self, images, features, guides):
        finest, *others = features
        logits = guides["diagnosis"](images)
        return (finest + logits.mean(1)[:, None, None, None], *others)


def test_no_gradient_of_a_guide_reaches_a_parameter():
    """Not even if the bridge forgets to detach; the backbone still learns from the task's own features."""
    net = model()
    plain = copy.deepcopy(net)
    net.bridges["lungs"], plain.bridges["lungs"] = Undetached(net.backbone.pyramid), Detached(net.backbone.pyramid)
    images = torch.rand(2, 1, 32, 32)
    for one in (net, plain):
        one.heads["lungs"] = SumOfLevels()
        torch.manual_seed(0)
        one.train()({"lungs": images})["lungs"].sum().backward()
    assert all(weight.grad is None for weight in net.heads["diagnosis"].parameters())
    assert all(weight.requires_grad for weight in net.parameters())
    for own, other in zip(net.parameters(), plain.parameters(), strict=True):
        assert (own.grad is None) == (other.grad is None)
        assert own.grad is None or torch.equal(own.grad, other.grad), "bit for bit"
    assert any(weight.grad is not None for weight in net.backbone.parameters())


class Detached(Undetached):
    def forward(self, images, features, guides):
        finest, *others = features
        logits = guides["diagnosis"](images).detach()
        return (finest + logits.mean(1)[:, None, None, None], *others)


class SumOfLevels(torch.nn.Module):
    def forward(self, features):
        return features[0] ** 2


def test_a_guide_is_differentiable_in_the_images():
    net = model().train()
    images = torch.rand(1, 1, 32, 32).requires_grad_()
    (gradient,) = torch.autograd.grad(net.predictor("diagnosis")(images)[:, 0].sum(), images)
    with mode(net, training=False):
        (expected,) = torch.autograd.grad(net.logits("diagnosis", images)[:, 0].sum(), images)
    assert torch.equal(gradient, expected)
    assert gradient.abs().sum() > 0


def test_a_guide_that_has_a_guide():
    """Frozen through and through."""
    net = model()
    del net.bridges["lungs"]
    net.heads["lungs"] = SumOfLevels()
    net.bridges["diagnosis"] = Undetached(net.backbone.pyramid)
    net.bridges["diagnosis"].reads = frozenset({"lungs"})
    net.bridges["diagnosis"].forward = lambda images, features, guides: (
        features[0] + guides["lungs"](images).mean(),
        *features[1:],
    )
    logits = net.predictor("diagnosis")(torch.rand(1, 1, 32, 32).requires_grad_())
    logits.sum().backward()
    assert all(weight.grad is None for weight in net.parameters())


def test_images_are_normalised_by_the_model():
    net = model().eval()
    seen = []
    net.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    net.logits("diagnosis", torch.full((1, 1, 32, 32), 0.75))
    assert torch.allclose(seen[0], torch.ones(1, 1, 32, 32)), "(0.75 − 0.5) / 0.25"


def test_rows_of_an_empty_set_have_no_images(data):
    rows = data(CLASSES).labeled
    assert rows.images(np.array([], dtype=np.int64)).shape == (0, 1, 16, 16)
