"""Sample options for components that require some, and for those worth testing in several ways."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ssmtl.registry.options import options_model
from ssmtl.registry.plugins import KINDS, load_plugins
from ssmtl.registry.registry import Entry

Options = dict[str, Any]

PLUGINS = load_plugins()

NARROW = [4, 4, 6, 6, 8]

SAMPLES: dict[tuple[str, str], list[Options]] = {
    ("backbone", "multimix_encoder"): [{"widths": NARROW}, {"widths": [4, 6], "dropout": 0.0}],
    ("backbone", "timm"): [{"model": "test_resnet"}, {"model": "test_resnet", "levels": [0, 2]}],
    ("head", "pooled_linear"): [
        {"classes": ["a", "b"]},
        {"classes": ["a", "b", "c"], "max_pool": False},
        {"classes": ["a"], "multilabel": True},
    ],
    ("head", "multimix_decoder"): [
        {"classes": ["lung"]},
        {"classes": ["a", "b"], "widths": [8, 6, 4, 4], "exclusive": True},
    ],
    ("head", "pooled_numbers"): [{"numbers": ["age"]}, {"numbers": ["a", "b"], "max_pool": False}],
    ("head", "ordinal_linear"): [{"classes": ["a", "b", "c"]}, {"classes": ["a", "b", "c", "d"], "max_pool": False}],
    ("head", "smp_decoder"): [
        {"classes": ["a", "b"], "width": 4, "exclusive": True},
        {"classes": ["a"], "width": 4, "norm": "instancenorm"},
        {"classes": ["a"], "width": 4, "decoder": "upernet"},
        {"classes": ["a"], "width": 4, "decoder": "pspnet"},
    ],
    ("bridge", "saliency"): [
        {"guided_by": "diagnosis"},
        {"guided_by": "diagnosis", "stride": 1, "normalize": "none", "target": "b"},
    ],
    ("bridge", "grad_cam"): [{"guided_by": "diagnosis"}, {"guided_by": "diagnosis", "stride": 1}],
    ("bridge", "cross_stitch"): [{"partner": "diagnosis"}, {"partner": "diagnosis", "own": 0.5}],
    ("bridge", "nddr"): [{"partner": "diagnosis"}, {"partner": "diagnosis", "own": 0.5}],
    ("bridge", "pad_net"): [{"partner": "diagnosis"}],
    ("bridge", "smooth_grad"): [{"guided_by": "diagnosis", "samples": 2, "stride": 1}],
    ("bridge", "anatomical_crop"): [{"guided_by": "lungs"}, {"guided_by": "lungs", "margin": 0.0, "least": 0.0}],
    ("bridge", "anatomical_gate"): [{"guided_by": "lungs"}, {"guided_by": "lungs", "outside": 0.0}],
    ("strategy", "cross_entropy"): [
        {},
        {"label_smoothing": 0.1, "augment": "strong"},
        {"class_weights": "balanced", "focal": 2.0},
        {"class_weights": [1.0, 3.0], "focal": 0.5},
    ],
    ("strategy", "soft_dice"): [{}, {"over": "batch", "smooth": 0.5}],
    ("strategy", "fixmatch"): [{}, {"threshold": 0.0, "frozen": True, "teacher": "ema"}],
    ("strategy", "kl_consistency"): [{}, {"pairing": "foreground_rate"}],
    ("strategy", "mixmatch"): [{}, {"views": 1, "temperature": 1.0, "teacher": "ema"}],
    ("strategy", "remixmatch"): [{"anchors": 2}, {"anchors": 1, "anchor": 0.0, "rotation": 0.0, "remembers": 3}],
    ("strategy", "flexmatch"): [{}, {"threshold": 0.5}],
    ("strategy", "pseudo_label"): [{}, {"threshold": 0.6}],
    ("strategy", "mean_teacher"): [{}, {"decay": None, "noise": 0.0}],
    ("strategy", "uda"): [{"threshold": 0.5}, {"threshold": 0.0, "temperature": 1.0}],
    ("strategy", "tsa_cross_entropy"): [{"schedule": name} for name in ("linear", "log", "exp")],
    ("strategy", "dash"): [{"warm_up": 0.0}, {"warm_up": 0.0, "every": 0.5}],
    ("strategy", "freematch"): [{}, {"fairness": 0.0, "decay": 0.5}],
    ("strategy", "softmatch"): [{}, {"align": False, "narrow": 2.0, "decay": 0.5}],
    ("strategy", "adamatch"): [{}, {"threshold": 0.5, "decay": 0.5}],
    ("strategy", "defixmatch"): [{"threshold": 0.5}, {"threshold": 0.0}],
    ("strategy", "simmatch"): [{"width": 4}, {"width": 4, "threshold": 0.5, "smoothing": 0.5}],
    ("strategy", "comatch"): [{"width": 4, "memory": 7}, {"width": 4, "memory": 50, "threshold": 0.5, "edge": 0.4}],
    ("strategy", "vat"): [{}, {"entropy": 1.0, "iterations": 2}],
    ("strategy", "unimatch"): [{"threshold": 0.5}, {"threshold": 0.5, "cutmix": 1.0, "features": 0.0}],
    ("strategy", "unimatch_v2"): [{"threshold": 0.5, "drop": 1.0}, {"threshold": 0.5, "cutmix": 1.0, "drop": 0.0}],
    ("strategy", "dense_fixmatch"): [{"threshold": 0.5}, {"threshold": 0.5, "cutmix": 1.0}],
    ("strategy", "cutmix_seg"): [{"threshold": 0.5}, {"threshold": 0.5, "cutmix": 0.0}],
    ("strategy", "classmix_seg"): [{"threshold": 0.5}, {"threshold": 0.5, "mix": 0.0}],
    ("strategy", "bcp"): [{}, {"unlabeled": 0.0, "share": 0.5}],
    ("strategy", "ua_mt"): [{"passes": 2}, {"passes": 1, "noise": 0.0, "decay": None}],
    ("strategy", "mc_net"): [{}, {"decoders": 1, "temperature": 1.0}],
    ("strategy", "urpc"): [{}, {"scales": 1, "consistency": 1.0}],
    ("strategy", "dtc"): [{"steepness": 10.0}, {"distances": 0.0}],
    ("strategy", "mtpsl"): [{"partner": "another task"}, {"partner": "another task", "regularize": 0.0}],
    ("strategy", "jtr"): [{"partners": ["another", "one more"]}, {"partners": ["another"], "width": 4}],
    ("strategy", "xtc"): [{"partner": "another"}, {"partner": "another", "width": 4, "mapping": 0.5}],
    ("strategy", "contrastive"): [{"width": 3, "temperature": 0.1, "augment": "weak"}],
    ("strategy", "masked_image"): [{}, {"patches": 2, "hidden": 0.5}],
    ("balancer", "dwa"): [{}, {"every": 1, "temperature": 0.5}],
    ("balancer", "famo"): [{}, {"lr": 0.5, "decay": 0.0}],
    ("balancer", "gradnorm"): [{}, {"alpha": 0.0, "lr": 0.5}],
    ("balancer", "stch"): [{}, {"mu": 1.0, "preference": {"first": 3.0}, "ideal": -0.1}],
    ("balancer", "cagrad"): [{}, {"c": 0.0}],
    ("balancer", "nash_mtl"): [{}, {"max_norm": 0.0}],
    ("balancer", "torchjd"): [{}, {"aggregator": "PCGrad"}, {"aggregator": "CAGrad", "options": {"c": 0.5}}],
    ("augmentation", "rand_augment"): [{}, {"operations": 3, "magnitude": 0.0}],
    ("augmentation", "intensity"): [{}, {"probability": 1.0, "blur": 0.0}],
    ("augmentation", "fourier_mix"): [{}, {"beta": 0.05, "alpha": None, "partners": "any", "probability": 0.5}],
    ("augmentation", "histogram_match"): [{}, {"partners": "any", "probability": 0.5, "strength": 0.5}],
    ("augmentation", "elastic_affine"): [{}, {"rotate": 45.0, "elastic": 0.0}],
    ("augmentation", "kornia_weak"): [{}, {"horizontal_flip": False, "pad": 0.0}],
    ("augmentation", "kornia_strong"): [{}, {"probability": 0.5}, {"operations": 4, "magnitude": 0.3}],
    ("source", "phantom"): [{"domain": name, "images": 12, "size": 32} for name in ("chex", "jsrt", "nihx", "mcu")],
    ("source", "digits"): [{}],
    ("source", "manifest"): [{"root": ".", "label": "label", "masks": {"lung": "lung"}, "patient": "patient"}],
    ("source", "jsrt"): [{"root": "."}, {"root": ".", "split": "train_on_fold1"}],
}
"""Options by kind and name; add an entry for each component with required options."""


def cases(kind: str) -> list[tuple[str, Options]]:
    """Name and sample options of every registered component of the kind."""
    return [(name, options) for name, entry in PLUGINS[kind].items() for options in samples_of(kind, entry)]


def samples_of(kind: str, entry: Entry) -> list[Options]:
    """:raises AssertionError: if the component requires options and has no sample."""
    if (kind, entry.name) in SAMPLES:
        return SAMPLES[kind, entry.name]
    if kind == "source":
        return [{"root": "."}]
    return [{}]


def lacking() -> list[str]:
    """Components with required options that are missing in their samples."""
    return [
        f"the {kind} '{name}' needs {option}: add samples to tests/contract/component_samples.py"
        for kind in KINDS
        if kind != "recipe"
        for name, entry in PLUGINS[kind].items()
        for options in samples_of(kind, entry)
        for option, field in options_model(entry.make, name).model_fields.items()
        if field.is_required() and option not in options
    ]


def write_manifest(root: Path, grey_image: Callable[..., Path], blob: Callable[..., Path]) -> None:
    """Three images of two patients, the second without a mask."""
    grey_image(root / "a.png")
    grey_image(root / "b.png", seed=1, mode="RGB")
    grey_image(root / "c.png", seed=2)
    blob(root / "a_lung.png")
    shutil.copy(root / "a_lung.png", root / "c_lung.png")
    lines = ["image,label,lung,patient", "a.png,sick,a_lung.png,p1", "b.png,well,,p2", "c.png,,c_lung.png,p2", ""]
    (root / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")


def write_folders(root: Path, grey_image: Callable[..., Path]) -> None:
    """One folder per class."""
    for number, name in enumerate(("sick/1.png", "sick/2.jpg", "well/1.png")):
        grey_image(root / name, seed=number)
