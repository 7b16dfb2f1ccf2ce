"""The contract of a metric."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import torch
from torch import Tensor


class Metric(Protocol):
    """Built by a factory `name(output, /, *, options)`; a pure function of a whole evaluation set, on the CPU.

    Three attributes, on the class or the instance, say all that others need to know about its values. A fourth,
    `by_batches`, may be left out. True: it may be called for a few images at a time, since its values for all of them
    are those of the parts, one after another if there is one per image, else added up (a count). Otherwise it is called
    once, and all predictions are kept in memory until then. A fifth, `takes_unknown`, likewise: whether `targets` may
    have NaN, in place of a class or throughout a structure of which nothing is known for an image. Such a label counts
    neither for nor against the prediction; a value per image is NaN where nothing is known of the image, and left out.
    """

    @property
    def higher_is_better(self) -> bool | None:
        """None if neither, as for a count; such a metric never selects weights."""

    @property
    def unit(self) -> str:
        """The unit of the values, such as 'px'; empty for a fraction or a probability."""

    @property
    def selects(self) -> bool:
        """Whether this metric selects the weights, ahead of the task's metrics that do not claim to."""

    def __call__(self, probabilities: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Values by name, the main one first: a scalar, or one per image (shape (rows,)), kept and averaged.

        :param probabilities: (rows, classes) or (rows, structures, height, width), float32 in [0, 1].
        :param targets: (rows,) int64, (rows, classes) float, or masks shaped like `probabilities`, float 0/1.
        """


def wrong_facts(metric: Metric) -> list[str]:
    """What is wrong with the attributes; empty if they are as they should be."""
    problems = []
    if not isinstance(metric.higher_is_better, bool | None):
        problems.append(f"higher_is_better is {metric.higher_is_better!r:.40}, expected True, False or None")
    if not isinstance(metric.unit, str):
        problems.append(f"unit is {metric.unit!r:.40}, expected text, empty for a share")
    if not isinstance(metric.selects, bool):
        problems.append(f"selects is {metric.selects!r:.40}, expected True or False")
    elif metric.selects and metric.higher_is_better is None:
        problems.append("selects is True, but higher_is_better is None: it cannot select weights")
    if not isinstance(by_batches := getattr(metric, "by_batches", False), bool):
        problems.append(f"by_batches is {by_batches!r:.40}, expected True or False")
    if not isinstance(taken := getattr(metric, "takes_unknown", False), bool):
        problems.append(f"takes_unknown is {taken!r:.40}, expected True or False")
    return problems


def is_by_batches(metric: Metric) -> bool:
    """Whether it may be called for a few images at a time."""
    return bool(getattr(metric, "by_batches", False))


def takes_unknown(metric: Metric) -> bool:
    """Whether its targets may have NaN where nothing is known."""
    return bool(getattr(metric, "takes_unknown", False))


def wrong_value(value: object, rows: int) -> str:
    """What is wrong with a value for this number of images; empty if it is as it should be."""
    if not isinstance(value, Tensor):
        return f"is a {type(value).__name__}, expected a tensor"
    if tuple(value.shape) not in ((), (rows,)):
        return f"has shape {tuple(value.shape)}, expected () or ({rows},), one for each image"
    if value.is_complex():
        return "is complex, expected real numbers"
    if value.layout != torch.strided or value.device.type != "cpu":
        return f"is a {value.layout} tensor on {value.device}, expected a dense one on the CPU"
    return ""


def selecting_metric(metrics: Iterable[Metric]) -> Metric | None:
    """The first that claims to select, else the first for which higher or lower is better; None if there is neither."""
    able = [metric for metric in metrics if metric.higher_is_better is not None]
    return next((metric for metric in able if metric.selects), able[0] if able else None)
