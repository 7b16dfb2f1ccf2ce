"""How many rows pass through backbones and heads in a training step, and which of these passes reach the weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from ssmtl.contracts.backbone import Backbone
from ssmtl.contracts.head import Head


@dataclass
class RowsThrough:
    """Rows, counted once for each pass.

    :param trained: through a backbone, with gradient in its weights. :param in_images: with gradient in the images
        alone. :param plain: without gradient. :param head: through any head. :param backward: back through a backbone.
    """

    trained: int = 0
    in_images: int = 0
    plain: int = 0
    head: int = 0
    backward: int = 0


@contextmanager
def rows_counted() -> Iterator[RowsThrough]:
    """Counts every backbone and every head that is called meanwhile, averages and second networks too."""
    rows = RowsThrough()

    def count(module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
        if isinstance(module, Head):
            rows.head += len(given[0][0])
        elif isinstance(module, Backbone):
            _count_backbone(rows, module, output)

    hook = register_module_forward_hook(count)
    try:
        yield rows
    finally:
        hook.remove()


def _count_backbone(rows: RowsThrough, module: Backbone, levels: tuple[Tensor, ...]) -> None:
    here, deepest = len(levels[0]), levels[-1]
    if not deepest.requires_grad:
        rows.plain += here
        return
    if any(parameter.requires_grad for parameter in module.parameters()):
        rows.trained += here
    else:
        rows.in_images += here

    def back(_gradient: Tensor) -> None:
        rows.backward += here

    deepest.register_hook(back)  # type: ignore[no-untyped-call]
