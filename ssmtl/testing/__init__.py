"""Contract checks for plugin authors: one for each kind of component, each raising AssertionError with what is wrong.

    def test_my_bridge() -> None:
        check_bridge(MyBridge, guided_by="diagnosis")

Keyword arguments are the component's options, as a recipe would give them.
"""

from ssmtl.testing.augmentation import check_augmentation
from ssmtl.testing.backbone import check_backbone
from ssmtl.testing.balancer import check_balancer
from ssmtl.testing.bridge import check_bridge
from ssmtl.testing.constructor import check_options
from ssmtl.testing.head import check_head
from ssmtl.testing.metric import check_metric
from ssmtl.testing.source import check_source
from ssmtl.testing.strategy import check_strategy
from ssmtl.testing.tracker import check_tracker

__all__ = [
    "check_augmentation",
    "check_backbone",
    "check_balancer",
    "check_bridge",
    "check_head",
    "check_metric",
    "check_options",
    "check_source",
    "check_strategy",
    "check_tracker",
]
