"""What an exported file gives: the probabilities of every task and, if wanted, the maps of its bridges."""

import torch
from torch import Tensor, nn

from ssmtl.contracts.shapes import Images
from ssmtl.inference.network import Network


class NamedOutputs(nn.Module):
    """Images in [0, 1] to tensors by name: 'lungs' of the task, 'lungs.saliency' of a map of its bridge.

    :param maps: whether to add the maps that bridges give their heads; of several runs, their mean.
    """

    def __init__(self, network: Network, maps: bool) -> None:
        super().__init__()
        self.network, self.maps = network, maps

    def forward(self, images: Images) -> dict[str, Tensor]:
        result: dict[str, Tensor] = self.network(images)
        if not self.maps:
            return result
        members = [self.network.member(number) for number in range(len(self.network.members))]
        for task in self.network.outputs:
            every = [member.bridge_maps(task, images) for member in members]
            for name in every[0]:
                result[f"{task}.{name}"] = torch.stack([one[name] for one in every if name in one]).mean(0)
        return result
