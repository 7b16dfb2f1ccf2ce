"""TensorBoard, MLflow and Weights & Biases, each through its own library."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Tracker


@hookimpl
def ssmtl_trackers() -> Mapping[str, type["Tracker"]]:
    from ssmtl_trackers.mlflow_run import MlflowTracker
    from ssmtl_trackers.tensorboard_events import TensorBoardTracker
    from ssmtl_trackers.wandb_run import WandbTracker

    return {"mlflow": MlflowTracker, "tensorboard": TensorBoardTracker, "wandb": WandbTracker}
