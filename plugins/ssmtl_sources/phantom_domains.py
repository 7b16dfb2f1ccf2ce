"""How the four domains differ: parameters of a radiograph, as ranges of uniform distributions.

They imitate the differences between the data sets in figure 2b of the paper: chex is bright with medium contrast, jsrt
wide and clean, nihx dark, flat and noisy, and mcu has much black around the body.
"""

from dataclasses import dataclass
from typing import Literal

from ssmtl_sources.phantom_fields import Range

DomainName = Literal["chex", "jsrt", "nihx", "mcu"]


@dataclass(frozen=True)
class Domain:
    """Ranges of the uniform distributions behind a radiograph of one domain; lengths in half image widths.

    :param width: half the width of the rib cage.
    :param apex: height of the lung apices above the centre.
    :param dome: depth of the diaphragm's dome below the centre.
    :param heart: radius of the heart, as a fraction of `width`.
    :param rib_pitch: distance between ribs.
    :param rib_slope: how far a posterior rib falls from the spine to the side.
    :param arms: how far the shoulders extend beyond the rib cage.
    :param breasts: attenuation of the breasts' shadows.
    :param nodules: probability of small round nodules, in normal radiographs too.
    :param zoom: scale of the body in the image.
    :param tilt: standard deviation of the body's rotation in the image plane, in degrees.
    :param shift: standard deviation of the body's displacement.
    :param turn: largest rotation about the spine, expressed as a displacement of the mediastinum.
    :param black: brightness of the air around the body.
    :param white: attenuation that is shown as white; smaller values make the image brighter.
    :param gamma: exponent of the tone curve; above 1 darkens the greys.
    :param noise: standard deviation of the grain, as a fraction of full brightness.
    :param vignette: darkening of the corners.
    :param border: width of the collimator's black border.
    :param marker: probability of a burnt-in side marker.
    :param devices: probability of tubes and leads.
    """

    width: Range
    apex: Range
    dome: Range
    heart: Range
    rib_pitch: Range
    rib_slope: Range
    arms: Range
    breasts: Range
    nodules: float
    zoom: Range
    tilt: float
    shift: float
    turn: float
    black: Range
    white: Range
    gamma: Range
    noise: Range
    vignette: Range
    border: Range
    marker: float
    devices: float


DOMAINS: dict[DomainName, Domain] = {
    "chex": Domain(
        width=(0.60, 0.74), apex=(0.56, 0.72), dome=(0.24, 0.42), heart=(0.42, 0.56),
        rib_pitch=(0.13, 0.16), rib_slope=(0.02, 0.16), arms=(0.02, 0.25), breasts=(0.0, 0.0), nodules=0.0,
        zoom=(0.95, 1.2), tilt=3.0, shift=0.05, turn=0.08,
        black=(0.0, 0.06), white=(1.35, 1.7), gamma=(0.7, 1.0), noise=(0.012, 0.03), vignette=(0.0, 0.15),
        border=(0.0, 0.04), marker=0.7, devices=0.12,
    ),
    "jsrt": Domain(
        width=(0.68, 0.82), apex=(0.66, 0.84), dome=(0.34, 0.58), heart=(0.32, 0.46),
        rib_pitch=(0.15, 0.19), rib_slope=(0.18, 0.34), arms=(0.1, 0.4), breasts=(0.0, 0.12), nodules=0.6,
        zoom=(0.88, 1.12), tilt=2.0, shift=0.05, turn=0.03,
        black=(0.0, 0.03), white=(1.35, 1.55), gamma=(0.95, 1.3), noise=(0.004, 0.01), vignette=(0.0, 0.08),
        border=(0.0, 0.02), marker=0.0, devices=0.0,
    ),
    "nihx": Domain(
        width=(0.62, 0.80), apex=(0.52, 0.78), dome=(0.20, 0.50), heart=(0.36, 0.56),
        rib_pitch=(0.14, 0.19), rib_slope=(0.12, 0.34), arms=(0.1, 0.45), breasts=(0.0, 0.22), nodules=0.15,
        zoom=(0.85, 1.2), tilt=5.5, shift=0.09, turn=0.12,
        black=(0.02, 0.14), white=(1.7, 2.3), gamma=(0.85, 1.3), noise=(0.025, 0.055), vignette=(0.05, 0.3),
        border=(0.0, 0.06), marker=0.6, devices=0.55,
    ),
    "mcu": Domain(
        width=(0.66, 0.80), apex=(0.62, 0.80), dome=(0.30, 0.54), heart=(0.32, 0.48),
        rib_pitch=(0.15, 0.19), rib_slope=(0.16, 0.34), arms=(0.05, 0.4), breasts=(0.0, 0.15), nodules=0.2,
        zoom=(0.72, 0.94), tilt=3.0, shift=0.07, turn=0.05,
        black=(0.0, 0.02), white=(1.4, 1.8), gamma=(1.2, 1.8), noise=(0.01, 0.025), vignette=(0.05, 0.2),
        border=(0.08, 0.2), marker=0.4, devices=0.05,
    ),
}  # fmt: skip
