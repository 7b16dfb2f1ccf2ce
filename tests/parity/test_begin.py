"""What components make in `begin`, and results that their contracts do not allow."""

import pytest
import torch
from small_multimix import prepared_of, state_of, train
from torch import nn

from ssmtl import View, testing
from ssmtl.builtins.cross_entropy import CrossEntropy
from ssmtl.builtins.fixed import Fixed
from ssmtl.builtins.pooled_linear import PooledLinear
from ssmtl.errors import DataError, RecipeError, SsmtlError
from ssmtl.experiment.plan import plan_of
from ssmtl_bridges.anatomical_gate import AnatomicalGate
from ssmtl_torchjd.aggregated import Aggregated

LABELED = View("labeled", "weak")
GATE = "tasks.diagnosis.bridge={use: anatomical_gate, guided_by: lungs}"
TWINS = "tasks.diagnosis.strategies=[{use: cross_entropy}, {use: cps}]"
PARTNER = "tasks.lungs.strategies=[{use: soft_dice}, {use: mtpsl, partner: diagnosis}]"


class BegunHead(PooledLinear):
    def begin(self, facts):
        self.scale = nn.Linear(facts.pyramid.channels[-1], 1)
        self.register_buffer("prior", torch.zeros(len(facts.output.classes)) + facts.images["labeled"])

    def forward(self, features):
        mean = features[-1].mean((2, 3))
        return self.linear(mean) * self.scale(mean) + self.prior


@pytest.mark.parametrize("setting", ["seed=0", TWINS, PARTNER])
def test_a_head_makes_its_layers_when_it_is_told_the_facts(setting, monkeypatch):
    """The plan, guides, second networks and training all meet a head that was told them."""
    monkeypatch.setattr(PooledLinear, "begin", BegunHead.begin)
    monkeypatch.setattr(PooledLinear, "forward", BegunHead.forward)
    experiment, _, _ = prepared_of(setting)
    assert plan_of(experiment)["megabytes"] >= 0
    assert not hasattr(experiment.model.head_of("diagnosis"), "scale"), "only a copy was tried"
    state = state_of(setting)
    train(state, 2)
    assert state.experiment.model.state_dict()["heads.diagnosis.prior"].tolist() == [12, 12]


def test_the_check_of_a_head_tells_it_the_facts():
    testing.check_head(BegunHead, classes=["a", "b"])


@pytest.mark.parametrize("make", [Fixed, Aggregated])
def test_a_balancer_makes_its_buffers_when_it_is_told_the_facts(make, monkeypatch):
    def begin(self, facts):
        self.register_buffer("weights", torch.ones(len(facts)))

    def forward(self, losses):
        return (torch.stack([losses[task] for task in sorted(losses)]) * self.weights).sum()

    name = "fixed" if make is Fixed else "torchjd"
    monkeypatch.setattr(make, "begin", begin)
    monkeypatch.setattr(make, "forward", forward)
    testing.check_balancer(make)
    train(state_of(f"balancer.use={name}"), 1)
    monkeypatch.setattr(make, "begin", lambda self, facts: {}["nothing"])
    with pytest.raises(RecipeError, match=r"balancer.*KeyError"):
        state_of(f"balancer.use={name}")


@pytest.mark.parametrize(
    "wrong", [lambda one: one.to("meta"), lambda one: one.to_sparse(), lambda one: one + 0j, lambda one: one > 0]
)
def test_a_combined_gradient_of_another_device_layout_or_type_is_refused(wrong, monkeypatch):
    state = state_of("balancer.use=torchjd")
    monkeypatch.setattr(Aggregated, "combine", lambda self, gradients, losses, step: wrong(gradients.sum(0)))
    said = r"the balancer torchjd of plugin torchjd .*combines gradients into torch.*expected"
    with pytest.raises(SsmtlError, match=said):
        train(state, 1)


@pytest.mark.parametrize("wrong", [lambda *_: None, lambda *_: torch.zeros(2, 2)])
def test_a_balancer_that_returns_something_else_is_named_before_the_training(wrong, monkeypatch):
    monkeypatch.setattr(Aggregated, "combine", wrong)
    said = r"balancer: combines gradients of shape \(2, 2\) into one .*, expected \(2,\)"
    with pytest.raises(RecipeError, match=said):
        state_of("balancer.use=torchjd")


@pytest.mark.parametrize("wrong", [lambda levels: levels[:-1], lambda levels: tuple(one[:, :1] for one in levels)])
def test_features_that_no_head_can_read_are_the_mistake_of_the_strategy(wrong, monkeypatch):
    def loss(self, batch, outputs, progress):
        return outputs.decode(wrong(outputs.features(LABELED))).mean()

    monkeypatch.setattr(CrossEntropy, "loss", loss)
    said = r"tasks.diagnosis.strategies.0: features .*expected.*the strategy 'diagnosis.cross_entropy'"
    with pytest.raises(RecipeError, match=said):
        state_of()


@pytest.mark.parametrize(
    ("make", "name", "value", "setting"),
    [
        (CrossEntropy, "views", [LABELED], "seed=0"),
        (CrossEntropy, "teacher_decay", 1.5, "seed=0"),
        (AnatomicalGate, "learns_from", ["lungs"], GATE),
    ],
)
def test_what_a_component_says_of_itself_has_the_right_type(make, name, value, setting, monkeypatch):
    monkeypatch.setattr(make, name, property(lambda self: value, lambda self, new: None), raising=False)
    with pytest.raises(RecipeError, match=rf"plugin .*: {name} is .*, expected"):
        state_of("tasks.lungs.bridge=null", setting)


def test_buffers_that_change_their_shape_cannot_be_resumed():
    class Growing(CrossEntropy):
        def after_step(self, batch, outputs, progress):
            self.register_buffer("seen", torch.zeros(2))

    with pytest.raises(AssertionError, match=r"after_step turns the shapes .*make them in begin"):
        testing.check_strategy(Growing)


def test_a_strategy_that_asks_for_unlabelled_images_where_there_are_none():
    with pytest.raises(DataError, match="task 'diagnosis': its strategies ask for unlabelled images; there is none"):
        prepared_of("tasks.diagnosis.labeled=all", "tasks.diagnosis.unlabeled_includes_labeled=false")
