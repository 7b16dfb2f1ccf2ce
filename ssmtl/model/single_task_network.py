"""A network for one task alone, as a strategy may have besides the shared one."""

from torch import nn

from ssmtl.contracts.shapes import Images, Logits
from ssmtl.model.multi_task_model import MultiTaskModel


class SingleTaskNetwork(nn.Module):
    """Images in [0, 1] to the task's logits, float32."""

    def __init__(self, model: MultiTaskModel, task: str) -> None:
        super().__init__()
        self.model, self.task = model, task

    def forward(self, images: Images) -> Logits:
        """Logits in the network's current mode."""
        return self.model.logits(self.task, images).float()
