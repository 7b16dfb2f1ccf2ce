"""Settings that turn MultiMix into other methods."""

import pytest

CLASSES = "tasks.diagnosis.strategies"
MASKS = "tasks.lungs.strategies"
PIXELWISE = (
    "tasks.lungs.augment.strong={use: kornia_strong, pad: 0, horizontal_flip: false, "
    "only: [autocontrast, brightness, contrast, equalize, posterize, solarize]}"
)

FIRST_USERS = {
    "grad_cam": ("tasks.lungs.bridge={use: grad_cam, guided_by: diagnosis}",),
    "cross_stitch": (
        "tasks.lungs.bridge={use: cross_stitch, partner: diagnosis}",
        "tasks.diagnosis.bridge={use: cross_stitch, partner: lungs}",
    ),
    "nddr": (
        "tasks.lungs.bridge={use: nddr, partner: diagnosis}",
        "tasks.diagnosis.bridge={use: nddr, partner: lungs}",
    ),
    "pad_net": (
        "tasks.lungs.bridge={use: pad_net, partner: diagnosis}",
        "tasks.diagnosis.bridge={use: pad_net, partner: lungs}",
    ),
    "mtan": ("tasks.lungs.bridge={use: mtan}", "tasks.diagnosis.bridge={use: mtan}"),
    "smooth_grad": ("tasks.lungs.bridge={use: smooth_grad, guided_by: diagnosis, samples: 2}",),
    "anatomical_gate": (
        "tasks.lungs.bridge=null",
        "tasks.diagnosis.bridge={use: anatomical_gate, guided_by: lungs}",
    ),
    "anatomical_crop": (
        "tasks.lungs.bridge=null",
        "tasks.diagnosis.bridge={use: anatomical_crop, guided_by: lungs, least: 0.0}",
    ),
    "flexmatch": ("tasks.diagnosis.strategies.1={use: flexmatch, threshold: 0.5}",),
    "unimatch": (f"{MASKS}=[{{use: soft_dice}}, {{use: unimatch, threshold: 0.5}}]", PIXELWISE),
    "mtpsl": (f"{MASKS}=[{{use: soft_dice}}, {{use: mtpsl, partner: diagnosis}}]",),
    "references": (
        "tasks.lungs.augment.weak={use: histogram_match, references: 8}",
        "tasks.diagnosis.augment.strong={use: fourier_mix, references: 8, partners: any}",
    ),
    "cps": (f"{MASKS}=[{{use: soft_dice}}, {{use: cps}}]",),
    "mask teachers": (
        f"{MASKS}=[{{use: soft_dice}}, {{use: ua_mt, passes: 2}}, {{use: cutmix_seg, threshold: 0.5}}, {{use: bcp}}, "
        "{use: unimatch_v2, threshold: 0.5}]",
        PIXELWISE,
    ),
    "moved masks": (
        f"{MASKS}=[{{use: soft_dice}}, {{use: dense_fixmatch, threshold: 0.5, cutmix: 0.0}}]",
        "tasks.lungs.augment.strong=[{use: elastic_affine}, {use: intensity}]",
    ),
    "classmix": (f"{MASKS}=[{{use: soft_dice}}, {{use: classmix_seg, threshold: 0.5}}]",),
    "mask decoders": (
        f"{MASKS}=[{{use: soft_dice}}, {{use: mc_net}}, {{use: urpc}}, {{use: cct}}, {{use: dtc, steepness: 10}}]",
    ),
    "auxiliary": (
        f"{MASKS}=[{{use: soft_dice}}, {{use: jtr, partners: [diagnosis]}}, {{use: masked_image, weight: 0.1}}, "
        "{use: xtc, partner: diagnosis}]",
        "tasks.diagnosis.strategies=[{use: cross_entropy}, {use: masked_image}]",
    ),
    "no labels": (
        "tasks.reconstruction={source: chex, batch: 4, head: {use: no_output}, augment: {weak: {use: kornia_weak}}, "
        "strategies: [{use: masked_image, weight: 0.1}]}",
    ),
    "contrastive": (f"{CLASSES}=[{{use: cross_entropy}}, {{use: contrastive, width: 8}}]",),
    "classification": (
        f"{CLASSES}=[{{use: adamatch, threshold: 0.5, decay: 0.9}}, {{use: uda, threshold: 0.5}}, "
        "{use: dash, warm_up: 0.1, every: 0.1}, {use: freematch, fairness: 0.0, decay: 0.9}, "
        "{use: softmatch, decay: 0.9}, {use: defixmatch, threshold: 0.5}, {use: simmatch, threshold: 0.5, width: 8}]",
    ),
    "remixmatch": (f"{CLASSES}=[{{use: remixmatch, anchors: 2}}]",),
    "comatch": (f"{CLASSES}=[{{use: cross_entropy}}, {{use: comatch, threshold: 0.5, width: 8, memory: 30}}]",),
    "consistency": (
        f"{CLASSES}=[{{use: cross_entropy}}, {{use: pseudo_label}}, {{use: pi_model}}, {{use: mean_teacher}}, "
        "{use: vat, entropy: 0.1}]",
        f"{MASKS}=[{{use: soft_dice}}, {{use: mean_teacher, decay: 0.9}}]",
    ),
    "norm": ("norm=group",),
    "dwa": ("balancer={use: dwa, every: 1}",),
    "famo": ("balancer={use: famo}",),
    "gls": ("balancer={use: gls}",),
    "gradnorm": ("balancer={use: gradnorm}",),
    "rlw": ("balancer={use: rlw}",),
    "stch": ("balancer={use: stch}",),
    "nash_mtl": ("balancer={use: nash_mtl}",),
    "torchjd": ("balancer={use: torchjd, aggregator: UPGrad}",),
    "torchjd over strategies": ("balancer={use: torchjd, aggregator: PCGrad, over: strategies}",),
}
"""By name, settings of the recipe."""

QUICK = frozenset({"grad_cam", "cross_stitch", "anatomical_gate", "flexmatch", "unimatch", "mtpsl", "cps", "torchjd"})
"""One for each extension of the contracts; the others are tested among the slow tests."""


def cases(names):
    """For `pytest.mark.parametrize`."""
    slow = FIRST_USERS.keys() - QUICK
    return [pytest.param(name, marks=[pytest.mark.slow] if name in slow else []) for name in names]
