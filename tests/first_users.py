"""Settings that turn MultiMix into other methods, one for each extension of the contracts."""

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
    "anatomical_gate": (
        "tasks.lungs.bridge=null",
        "tasks.diagnosis.bridge={use: anatomical_gate, guided_by: lungs}",
    ),
    "flexmatch": ("tasks.diagnosis.strategies.1={use: flexmatch, threshold: 0.5}",),
    "unimatch": (f"{MASKS}=[{{use: soft_dice}}, {{use: unimatch, threshold: 0.5}}]", PIXELWISE),
    "mtpsl": (f"{MASKS}=[{{use: soft_dice}}, {{use: mtpsl, partner: diagnosis}}]",),
    "cps": (f"{MASKS}=[{{use: soft_dice}}, {{use: cps}}]",),
    "mask teachers": (
        f"{MASKS}=[{{use: soft_dice}}, {{use: ua_mt, passes: 2}}, {{use: cutmix_seg, threshold: 0.5}}, {{use: bcp}}, "
        "{use: unimatch_v2, threshold: 0.5}]",
        PIXELWISE,
    ),
    "mask decoders": (
        f"{MASKS}=[{{use: soft_dice}}, {{use: mc_net}}, {{use: urpc}}, {{use: cct}}, {{use: dtc, steepness: 10}}]",
    ),
    "auxiliary": (
        f"{MASKS}=[{{use: soft_dice}}, {{use: jtr, partners: [diagnosis]}}, {{use: masked_image, weight: 0.1}}]",
        "tasks.diagnosis.strategies=[{use: cross_entropy}, {use: masked_image}]",
    ),
    "torchjd": ("balancer={use: torchjd, aggregator: UPGrad}",),
    "torchjd over strategies": ("balancer={use: torchjd, aggregator: PCGrad, over: strategies}",),
}
"""By name, settings of the recipe."""
