"""Passes through the network whose numbers for an image do not depend on which images are beside it."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ssmtl.contracts.random_stream import key
from ssmtl.errors import RunError
from ssmtl.inference.decoded_image import DecodedImage
from ssmtl.inference.network import Network
from ssmtl.inference.options import Options
from ssmtl.inference.views import ImageView, views_of
from ssmtl.model.input_gradient import input_gradient

ROWS = 16
"""Images of one pass on an accelerator, where a lone image would waste it; a smaller group is filled up with black.

How a convolution adds up its products depends on how many rows it is given, so that number is fixed. On a CPU it is 1:
groups of 8 or 16 images of 256 pixels took 1.5 to 2 times as long as the same images one by one.
"""

DRAWING = threading.Lock()
"""PyTorch has one generator for all threads: whoever draws from it seeds it first, and must be alone till the end."""


@dataclass(frozen=True)
class RawPrediction:
    """Of one image, on the CPU, by task.

    :param probabilities: (classes) or (structures, height, width). :param saliency: (classes, height, width).
    :param samples: the probabilities of each run and draw; empty if there is one alone.
    """

    probabilities: Mapping[str, Tensor]
    samples: Mapping[str, Sequence[Tensor]]
    saliency: Mapping[str, Tensor]


def rows_of_a_pass(device: torch.device, *, random: bool) -> int:
    """What is random is drawn for each image by itself, so that each is passed by itself."""
    return 1 if device.type == "cpu" or random else ROWS


def is_random(network: Network, options: Options) -> bool:
    """Whether a pass draws random numbers."""
    return network.draws or options.dropout > 0


def raw_predictions(
    network: Network, pictures: Sequence[DecodedImage], options: Options, device: torch.device
) -> list[RawPrediction]:
    """:param pictures: at most `rows_of_a_pass`."""
    rows, first = rows_of_a_pass(device, random=is_random(network, options)), pictures[0].levels
    levels = np.zeros((rows, *first.shape), np.uint8)
    for row, picture in enumerate(pictures):
        levels[row] = picture.levels
    images = torch.from_numpy(levels).to(device).float().div_(255)
    alone = DRAWING if is_random(network, options) else nullcontext()
    with alone, torch.no_grad():  # not inference_mode: a bridge may differentiate
        with torch.random.fork_rng(enabled=network.draws):
            if network.draws:
                torch.manual_seed(key("evaluation", pictures[0].seed()) % 2**63)
            samples = list(_samples(network, images, options, pictures[0].seed() if options.dropout else ""))
        saliency = _saliency(network, images) if options.saliency else {}
    mean = {task: torch.stack([one[task] for one in samples]).mean(0).cpu() for task in network.outputs}
    several = samples if len(samples) > 1 else []
    return [
        RawPrediction(
            {task: values[row] for task, values in mean.items()},
            {task: [one[task][row].cpu() for one in several] for task in network.outputs if several},
            {task: values[row].cpu() for task, values in saliency.items()},
        )
        for row in range(len(pictures))
    ]


def _samples(network: Network, images: Tensor, options: Options, content: str) -> Iterator[dict[str, Tensor]]:
    """By task, of each run and draw, the mean over the views."""
    views = views_of(options.tta, *images.shape[-2:])
    for number in range(len(network.members)):
        if not options.dropout:
            yield _mean_over(views, network, number, images)
            continue
        for draw in range(options.dropout):
            with torch.random.fork_rng(), _dropping(network.members[number]):
                torch.manual_seed(key("dropout", content, draw) % 2**63)
                yield _mean_over(views, network, number, images)


def _mean_over(views: Sequence[ImageView], network: Network, number: int, images: Tensor) -> dict[str, Tensor]:
    if len(views) == 1:
        return network.of_member(number, images)
    seen = [network.of_member(number, view.see(images)) for view in views]
    result = {}
    for task, output in network.outputs.items():
        if output.kind != "masks":
            result[task] = torch.stack([one[task] for one in seen]).mean(0)
            continue
        undone = [view.undo(one[task]) for view, one in zip(views, seen, strict=True)]
        result[task] = torch.stack([masks * known for masks, known in undone]).sum(0) / sum(
            known for _, known in undone
        )
    return result


def _saliency(network: Network, images: Tensor) -> dict[str, Tensor]:
    """By classification task, (rows, classes, height, width): the mean over the runs."""
    maps = {}
    for task, output in network.outputs.items():
        if output.kind != "masks":
            members = [network.member(number) for number in range(len(network.members))]
            every = [
                torch.cat([input_gradient(images, one.predictor(task), at) for at in range(len(output.classes))], 1)
                for one in members
            ]
            maps[task] = torch.stack(every).mean(0)
    return maps


def _is_dropout(module: nn.Module) -> bool:
    """By its name, since a plugin may have a dropout of its own."""
    return "dropout" in type(module).__name__.lower()


@contextmanager
def _dropping(model: nn.Module) -> Iterator[None]:
    """Dropout on, and nothing else that training does: statistics stay as they are."""
    parts = [module for module in model.modules() if _is_dropout(module)]
    for part in parts:
        part.train()
    try:
        yield
    finally:
        for part in parts:
            part.eval()


def check_dropout(network: Network) -> None:
    """:raises RunError: if a run's network has nothing to drop."""
    for number, member in enumerate(network.members):
        if not any(_is_dropout(module) for module in member.modules()):
            raise RunError(f"dropout: the network of run {number + 1} has no dropout, so that its passes cannot differ")
