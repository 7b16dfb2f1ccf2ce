"""One training step of many kinds of timm encoder with decoders, with and without the saliency bridge:

    python benchmarks/sweep.py benchmarks/sweep.csv

One row per combination: whether the step could be taken, with a finite loss and gradients, or what refused it. Then
each encoder with `norm`, and a U-Net. Without the network: weights are random.
"""

import argparse
import csv
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, get_args

import torch
from lightning_fabric import Fabric

from ssmtl import SsmtlError
from ssmtl.contracts.folders import Folders
from ssmtl.contracts.norm import Norm
from ssmtl.data.task_data import TaskData
from ssmtl.errors import RecipeError
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.prepare import prepare
from ssmtl.recipe.load import RecipeText
from ssmtl.registry.plugins import Plugins, load_plugins
from ssmtl.training.engine import training_step
from ssmtl.training.train_state import make_train_state
from ssmtl_smp.build import Decoder, levels_of

SIZE, BATCH, WIDTH = 64, 2, 8
"""Pixels of the images, rows of each task, and channels of the decoders (32 for `fpn`)."""

STRIDE = 8
"""The bridge is at the level that the decoder reads whose stride is nearest to this; PAN gets levels up to it."""

MODELS = {
    "resnet": "resnet10t", "convnext": "convnext_atto", "mobilenetv3": "lcnet_050",
    "efficientnet": "test_efficientnet", "ghostnet": "ghostnet_050", "regnet": "regnetx_002",
    "edgenext": "edgenext_xx_small", "dla": "dla46x_c", "cspnet": "cs3darknet_focus_s", "starnet": "starnet_s050",
    "efficientvit_mit": "efficientvit_b0", "efficientvit_msra": "efficientvit_m0", "fasternet": "fasternet_t0",
    "vovnet": "ese_vovnet19b_slim_dw", "repghost": "repghostnet_050", "levit": "levit_128s",
    "mobilevit": "mobilevit_xxs", "pvt_v2": "pvt_v2_b0", "byobnet": "repvgg_a0", "rexnet": "rexnetr_100",
    "hardcorenas": "hardcorenas_a", "inception_next": "inception_next_atto", "mambaout": "mambaout_femto",
    "hgnet": "hgnetv2_b0", "shvit": "shvit_s1", "swiftformer": "swiftformer_xs", "hrnet": "hrnet_w18_small",
    "nfnet": "nf_regnet_b0", "visformer": "visformer_tiny", "pit": "pit_ti_224", "repvit": "repvit_m0_9",
    "resnetv2": "resnetv2_18", "efficientformer_v2": "efficientformerv2_s0", "metaformer": "poolformerv2_s12",
    "tiny_vit": "tiny_vit_5m_224", "resnest": "resnest14d", "maxxvit": "maxvit_pico_rw_256",
    "swin_transformer": "swin_tiny_patch4_window7_224", "vision_transformer": "vit_tiny_patch16_224",
    "mlp_mixer": "mixer_s32_224", "inception_v4": "inception_v4",
}  # fmt: skip
"""By timm's module, one of its smallest models. The last three are no pyramids, or not of such images."""


BRIDGED = ("unet", "fpn", "deeplabv3plus", "pspnet", "upernet", "segformer")
"""Decoders that are tried with every encoder, without and with the bridge; the others with those of `FULL`."""

FULL = ("resnet", "convnext", "vision_transformer")
"""Encoders that are tried with every decoder and normalisation: strides from 2, from 4, and no pyramid."""


@dataclass(frozen=True)
class Combination:
    """:param levels: of the encoder, all if empty. :param bridge: 'saliency', or nothing."""

    family: str
    model: str
    levels: str
    decoder: Decoder
    bridge: str = ""
    norm: str = ""


@dataclass(frozen=True)
class Row(Combination):
    """:param outcome: 'ok', 'refused' by a message of ours, or 'failed'.

    :param unused: parameters of the encoder without a gradient: of levels that no head reads.
    """

    outcome: str = ""
    message: str = ""
    unused: int = 0
    seconds: float = 0.0


def combinations() -> Iterator[Combination]:
    """Encoders with decoders, without and with the bridge; then with a normalisation."""
    for family, model in MODELS.items():
        single = "2" if family in ("vision_transformer", "mlp_mixer") else ""
        for decoder in get_args(Decoder) if family in FULL else BRIDGED:
            levels = _upto_stride(model) if decoder == "pan" and not single else single
            for bridge in ("", "saliency") if decoder in BRIDGED else ("",):
                yield Combination(family, model, levels, decoder, bridge)
        for norm in get_args(Norm) if family in FULL else ("group", "domain"):
            yield Combination(family, model, single, "pspnet" if single else "unet", "", norm)
    yield Combination("vision_transformer", MODELS["vision_transformer"], "", "unet")


def tried(one: Combination) -> Row:
    """The step is taken, or not."""
    began, outcome, message, unused = time.perf_counter(), "ok", "", 0
    try:
        unused = _step(one)
    except RecipeError as error:
        outcome, message = "refused", str(error)
    except SsmtlError as error:
        outcome, message = "failed", str(error)
    return Row(**asdict(one), outcome=outcome, message=message, unused=unused, seconds=_seconds(began))


def _seconds(began: float) -> float:
    return round(time.perf_counter() - began, 1)


def _step(one: Combination) -> int:
    """:raises SsmtlError: if the loss or a gradient is not finite, or a head or bridge gets none."""
    experiment = assemble(RecipeText(_recipe(one), "sweep").validated(), _plugins(), "sweep")
    state = make_train_state(Fabric(accelerator="cpu", devices=1), experiment, _data())
    training_step(state, 0)
    without = [name for name, parameter in experiment.model.named_parameters() if parameter.grad is None]
    if any(not name.startswith("backbone.") for name in without):
        raise SsmtlError(f"no gradient: {', '.join(without)}")
    return len(without)


def _recipe(one: Combination) -> dict[str, Any]:
    sources = {name: {"use": "phantom", "domain": name, "images": 40, "size": SIZE} for name in ("chex", "jsrt")}
    backbone: dict[str, Any] = {"use": "timm", "model": one.model}
    if one.levels:
        backbone["levels"] = [int(level) for level in one.levels.split()]
    width = 32 if one.decoder == "fpn" else WIDTH
    shared = {"batch": BATCH, "labeled": 8, "augment": {"weak": {"use": "identity"}}}
    lungs: dict[str, Any] = {
        "source": "jsrt",
        "head": {"use": "smp_decoder", "classes": ["lung"], "decoder": one.decoder, "width": width},
        "strategies": [{"use": "soft_dice"}],
        **shared,
    }
    if one.bridge:
        lungs["bridge"] = {"use": one.bridge, "guided_by": "diagnosis", "stride": _bridged(one)}
    diagnosis = {
        "source": "chex",
        "head": {"use": "pooled_linear", "classes": ["normal", "pneumonia"]},
        "strategies": [{"use": "cross_entropy"}],
        **shared,
    }
    return {
        "name": "sweep",
        "image": {"size": SIZE},
        "sources": sources,
        "backbone": backbone,
        "norm": one.norm or None,
        "tasks": {"diagnosis": diagnosis, "lungs": lungs},
        "train": {"select_by": "last", "steps": 1, "evaluate_every": 1, "micro_batch": "off"},
    }


def _bridged(one: Combination) -> int:
    strides = _strides(one.model)
    if one.levels:
        strides = tuple(strides[int(level)] for level in one.levels.split())
    read = [strides[level] for level in levels_of(one.decoder, strides)]
    return min(read, key=lambda stride: abs(stride - STRIDE))


def _upto_stride(model: str) -> str:
    strides = _strides(model)
    levels = [str(level) for level, stride in enumerate(strides) if stride <= STRIDE and strides[0] < STRIDE]
    return " ".join(levels)


@cache
def _strides(model: str) -> tuple[int, ...]:
    import timm

    with torch.device("meta"):
        made: Any = timm.create_model(model, features_only=True)
    return tuple(made.feature_info.reduction())


@cache
def _plugins() -> Plugins:
    return load_plugins()


@cache
def _data() -> dict[str, TaskData]:
    """Of both tasks; it depends neither on the encoder nor on the decoder."""
    first = Combination("resnet", MODELS["resnet"], "", "unet")
    experiment: Experiment = assemble(RecipeText(_recipe(first), "sweep").validated(), _plugins(), "sweep")
    return dict(prepare(experiment, _plugins(), Folders()).tasks)


def main() -> None:
    """Write every row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--families", nargs="*", help="only these")
    chosen = parser.parse_args()
    with chosen.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        for one in combinations():
            if not chosen.families or one.family in chosen.families:
                writer.writerow(asdict(tried(one)))
                file.flush()


if __name__ == "__main__":
    main()
