"""Augmentations of plain tensor operations: intensities, also towards other sources, and shapes with their masks."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Augmentation


@hookimpl
def ssmtl_augmentations() -> Mapping[str, Callable[..., "Augmentation"]]:
    from ssmtl_augment.elastic_affine import ElasticAffine
    from ssmtl_augment.fourier_mix import FourierMix
    from ssmtl_augment.histogram_match import HistogramMatch
    from ssmtl_augment.intensity import IntensityRandomization

    return {
        "elastic_affine": ElasticAffine,
        "fourier_mix": FourierMix,
        "histogram_match": HistogramMatch,
        "intensity": IntensityRandomization,
    }
