"""Semi-supervised classification: strategies from the literature."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Strategy


@hookimpl
def ssmtl_strategies() -> Mapping[str, type["Strategy"]]:
    from ssmtl_classification.adamatch import AdaMatch
    from ssmtl_classification.comatch import CoMatch
    from ssmtl_classification.dash import Dash
    from ssmtl_classification.defixmatch import DeFixMatch
    from ssmtl_classification.flexmatch import FlexMatch
    from ssmtl_classification.freematch import FreeMatch
    from ssmtl_classification.mean_teacher import MeanTeacher
    from ssmtl_classification.pi_model import PiModel
    from ssmtl_classification.pseudo_label import PseudoLabel
    from ssmtl_classification.simmatch import SimMatch
    from ssmtl_classification.softmatch import SoftMatch
    from ssmtl_classification.tsa_cross_entropy import AnnealedCrossEntropy
    from ssmtl_classification.uda import UnsupervisedDataAugmentation
    from ssmtl_classification.vat import VirtualAdversarialTraining

    return {
        "adamatch": AdaMatch,
        "comatch": CoMatch,
        "dash": Dash,
        "defixmatch": DeFixMatch,
        "flexmatch": FlexMatch,
        "freematch": FreeMatch,
        "mean_teacher": MeanTeacher,
        "pi_model": PiModel,
        "pseudo_label": PseudoLabel,
        "simmatch": SimMatch,
        "softmatch": SoftMatch,
        "tsa_cross_entropy": AnnealedCrossEntropy,
        "uda": UnsupervisedDataAugmentation,
        "vat": VirtualAdversarialTraining,
    }
