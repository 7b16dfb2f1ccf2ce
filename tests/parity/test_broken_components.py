"""Components that are wrong only in training are named, and what goes on beside a step disturbs nothing."""

import pytest
import torch
from first_users import FIRST_USERS
from small_multimix import NO_DROPOUT, state_of, train

from ssmtl import Batch
from ssmtl.builtins.cross_entropy import CrossEntropy
from ssmtl.builtins.fixed import Fixed
from ssmtl.errors import RecipeError, SsmtlError
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.testing.sample_model import SampleBackbone, sample_head
from ssmtl.training.finite import NotFiniteError
from ssmtl.training.teacher import predictor_of

TORCHJD = FIRST_USERS["torchjd"]


@pytest.mark.parametrize("rows", ["off", 1])
@pytest.mark.parametrize(
    ("total", "said"),
    [
        (lambda losses: torch.stack([*losses.values()]), r"gives a tensor of shape \(2,\); expected one number"),
        (lambda losses: sum(losses.values()).detach(), r"gives a tensor of shape \(\), detached"),
        (lambda losses: 1.0, "gives float; expected one number"),
    ],
)
def test_a_balancer_whose_total_is_wrong(rows, total, said, monkeypatch):
    state = state_of(f"train.micro_batch={rows}")
    monkeypatch.setattr(Fixed, "forward", lambda self, losses: total(losses))
    with pytest.raises(SsmtlError, match=f"the balancer fixed of plugin builtins .*{said}"):
        train(state, 1)


def test_a_balancer_of_gradients_that_is_wrong(monkeypatch):
    state = state_of(*TORCHJD)
    balancer = type(state.experiment.balancer)
    monkeypatch.setattr(balancer, "combine", lambda self, gradients, losses, step: gradients[:, :-1].sum(0))
    with pytest.raises(
        SsmtlError, match=r"the balancer torchjd of plugin torchjd .*combines gradients of shape .*expected"
    ):
        train(state, 1)
    monkeypatch.setattr(balancer, "combine", lambda self, gradients, losses, step: gradients[0] * torch.nan)
    with pytest.raises(NotFiniteError, match=r"what the balancer torchjd .* makes of finite gradients"):
        train(state, 1)


def test_a_loss_that_is_not_one_number_in_some_pass(monkeypatch):
    state = state_of("train.micro_batch=1")
    monkeypatch.setattr(CrossEntropy, "loss", lambda self, batch, outputs, progress: torch.ones(2, requires_grad=True))
    with pytest.raises(
        SsmtlError, match=r"'diagnosis.cross_entropy' gives a loss of shape \(2,\), expected one number"
    ):
        train(state, 1)


def test_rows_that_are_not_aligned_and_no_batch_at_all(monkeypatch):
    state = state_of()
    monkeypatch.setattr(CrossEntropy, "prepare", lambda self, batch, predict: None)
    with pytest.raises(
        SsmtlError, match=r"'diagnosis.cross_entropy': prepare returns NoneType, expected an ssmtl.Batch"
    ):
        train(state, 1)

    def fewer(self, batch, predict):
        return Batch({view: rows[:-1] for view, rows in batch.images.items()}, batch.targets, batch.streams)

    monkeypatch.setattr(CrossEntropy, "prepare", fewer)
    with pytest.raises(SsmtlError, match=r"prepare gives 3 images and 4 targets of labeled/weak"):
        train(state, 1)


@pytest.mark.parametrize(
    "setting",
    [
        "tasks.diagnosis.bridge={use: cross_stitch, partner: diagnosis}",
        "tasks.lungs.strategies=[{use: soft_dice}, {use: mtpsl, partner: lungs}]",
    ],
)
def test_a_partner_that_is_the_task_itself_is_refused(setting):
    with pytest.raises(RecipeError, match=r"its own task|is the task itself"):
        state_of(setting)


def test_normalisation_goes_with_the_images_through_every_guide():
    """The bridge of one task reads another whose bridge reads a third; each has its own normalisation."""
    from ssmtl_bridges.grad_cam import GradCam

    torch.manual_seed(0)
    backbone = SampleBackbone(plain=True)
    bridge = GradCam(backbone.pyramid, guided_by="a")
    heads = {"a": sample_head("multiclass", backbone.pyramid), "b": sample_head("masks", bridge.pyramid)}
    model = MultiTaskModel(backbone, heads, {"b": bridge}, {"a": ([0.5], [0.25]), "b": ([0.1], [2.0])}).eval()
    images = torch.rand(2, 1, 32, 32)
    alone = model.decode("b", images, model.encode_for("b", images, "a"), images_of="a").logits
    torch.testing.assert_close(model.predictor("b", images_of="a")(images), alone)
    same = MultiTaskModel(backbone, heads, {"b": bridge}, {"a": ([0.5], [0.25]), "b": ([0.5], [0.25])}).eval()
    torch.testing.assert_close(same.logits("b", images), alone)


def test_predictions_and_second_losses_leave_running_statistics_alone(monkeypatch):
    """Batch normalisation learns from the pass that has a gradient, and from no other."""
    norm = "backbone={use: timm, model: test_resnet, pretrained: false}"
    state = state_of(norm, "tasks.lungs.bridge=null", "tasks.lungs.head={use: smp_decoder, classes: [lung], width: 4}")
    buffers = {name: value.clone() for name, value in state.experiment.model.named_buffers()}
    strategy = state.experiment.tasks[0].terms[0].strategy
    state.experiment.model.train()
    predictor_of(state, "diagnosis", strategy)(torch.rand(2, 1, 32, 32), training=True)
    assert all(torch.equal(buffers[name], value) for name, value in state.experiment.model.named_buffers())
    monkeypatch.setattr(Fixed, "after_step", lambda self, losses: None)
    monkeypatch.setattr(Fixed, "wants_new_losses", True)
    train(state, 2)
    tracked = {value.item() for name, value in state.experiment.model.named_buffers() if name.endswith("tracked")}
    assert tracked == {2}


def test_outputs_that_do_not_exist_are_named():
    state = state_of(*NO_DROPOUT)
    found = []

    def ask(self, batch, outputs, progress):
        view = next(iter(batch.images))
        for wrong in (lambda: outputs.of("lung", view), lambda: outputs.features(type(view)("unlabeled", "nowhere"))):
            with pytest.raises(
                ValueError, match=r"did you mean 'lungs'|this strategy's views are labeled/weak"
            ) as said:
                wrong()
            found.append(str(said.value))
        return outputs[view].sum()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CrossEntropy, "loss", ask)
        train(state, 1)
    assert len(found) == 2
