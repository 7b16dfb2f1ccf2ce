"""The device, the precision and the processes of a run."""

from datetime import timedelta
from typing import TYPE_CHECKING

from ssmtl.errors import RunError
from ssmtl.importing import uncollected, without
from ssmtl.recipe.models import Recipe
from ssmtl.runs.allocator import keep_pages

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def make_fabric(recipe: Recipe) -> "Fabric":
    """Where the process trains; from here on it keeps its memory.

    :raises RunError: if this machine lacks the device, or the device the precision.
    """
    keep_pages()
    with uncollected(), without("torchmetrics"):  # which is imported only to look at its version, in a second or two
        from lightning_fabric import Fabric
        from lightning_fabric.strategies.ddp import DDPStrategy

    train = recipe.train
    several = DDPStrategy(start_method="spawn", timeout=timedelta(seconds=train.timeout))
    strategy = "auto" if train.devices == 1 else several
    precision = "32-true" if train.precision == "32" else train.precision
    try:
        if precision == "16-mixed" and Fabric(accelerator=train.device, devices=1).device.type == "cpu":
            raise ValueError("a CPU does not support 16-mixed (Fabric would use bf16-mixed); set bf16-mixed or 32")
        return Fabric(accelerator=train.device, devices=train.devices, strategy=strategy, precision=precision)
    except Exception as error:
        raise RunError(
            f"train: device {train.device}, devices {train.devices}, precision {train.precision}: {error}"
        ) from error
