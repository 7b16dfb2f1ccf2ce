"""Many images through one model, in their order."""

import copy
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import torch

from ssmtl.contracts.source import Pixels
from ssmtl.data.in_order import in_order
from ssmtl.inference.decoded_image import DecodedImage, Unreadable
from ssmtl.inference.network import Network
from ssmtl.inference.options import Options
from ssmtl.inference.passes import RawPrediction, is_random, rows_of_a_pass
from ssmtl.inference.prediction import Prediction

if TYPE_CHECKING:
    from ssmtl.inference.model import Model

Used = TypeVar("Used")
Answer = Prediction | Unreadable


def by_image(
    model: "Model",
    images: Iterable[tuple[str, Pixels]],
    options: Options,
    batch_size: int,
    use: Callable[[Answer], Used],
) -> Iterator[Used]:
    """On a CPU: each thread takes an image from its file to its answer, on one core.

    An image through all cores waits for the slowest of them after every layer, and where other programs want a core
    too, for long. One thread alone if there is anything random, since all threads share one generator.
    """
    threads = torch.get_num_threads()
    alone = is_random(model.module, options)
    copies = _Copies(model.module)

    def work(image: tuple[str, Pixels]) -> Used:
        seen = model.decoded(image)
        if isinstance(seen, Unreadable):
            return use(seen)
        return use(model.finished(seen, model.raw(copies.own(), [seen], options)[0]))

    try:
        yield from in_order(work, images, batch_size, 1 if alone else threads, lambda: torch.set_num_threads(1))
    finally:
        torch.set_num_threads(threads)


def by_group(
    model: "Model",
    images: Iterable[tuple[str, Pixels]],
    options: Options,
    batch_size: int,
    use: Callable[[Answer], Used],
) -> Iterator[Used]:
    """On an accelerator: threads decode, groups of one fixed size pass through the network, threads finish."""

    def finish(answer: tuple[DecodedImage, RawPrediction] | Unreadable) -> Used:
        return use(answer if isinstance(answer, Unreadable) else model.finished(*answer))

    return in_order(finish, _raw(model, in_order(model.decoded, images, batch_size), options))


def _raw(
    model: "Model", images: Iterable[DecodedImage | Unreadable], options: Options
) -> Iterator[tuple[DecodedImage, RawPrediction] | Unreadable]:
    rows = rows_of_a_pass(model.device, random=is_random(model.module, options))
    group: list[DecodedImage | Unreadable] = []
    for image in images:
        group.append(image)
        if sum(isinstance(one, DecodedImage) for one in group) == rows:
            yield from _of_group(model, group, options)
            group = []
    yield from _of_group(model, group, options)


def _of_group(
    model: "Model", group: list[DecodedImage | Unreadable], options: Options
) -> Iterator[tuple[DecodedImage, RawPrediction] | Unreadable]:
    images = [one for one in group if isinstance(one, DecodedImage)]
    answers = iter(model.raw(model.module, images, options) if images else ())
    for one in group:
        yield (one, next(answers)) if isinstance(one, DecodedImage) else one


class _Copies:
    """A network for each thread: modules of its own, whose flags and parameters a pass may swap; the same weights."""

    def __init__(self, network: Network) -> None:
        self._network, self._by_thread = network, threading.local()
        self._lock = threading.Lock()

    def own(self) -> Network:
        """That of this thread."""
        if not hasattr(self._by_thread, "network"):
            shared = {id(tensor): tensor for tensor in (*self._network.parameters(), *self._network.buffers())}
            with self._lock:
                self._by_thread.network = copy.deepcopy(self._network, shared)
        network: Network = self._by_thread.network
        return network
