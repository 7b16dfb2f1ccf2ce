"""A trained run, or several as an ensemble, as one object that predicts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from ssmtl.contracts.head import Output
from ssmtl.contracts.shapes import Size
from ssmtl.contracts.source import Pixels
from ssmtl.data.fit import Fit
from ssmtl.errors import DataError
from ssmtl.experiment.attribution import attributed
from ssmtl.experiment.experiment import Experiment
from ssmtl.inference.decision import Thresholds
from ssmtl.inference.decoded_image import DecodedImage, Image, Unreadable, decoded, named
from ssmtl.inference.finish import finished
from ssmtl.inference.network import Network
from ssmtl.inference.options import Options, Tta
from ssmtl.inference.passes import RawPrediction, check_dropout, raw_predictions
from ssmtl.inference.prediction import Prediction
from ssmtl.inference.streams import by_group, by_image

Used = TypeVar("Used")


@dataclass(frozen=True)
class Model:
    """What `ssmtl.load` returns.

    :param module: images in [0, 1], float32 (rows, channels, height, width), to a dict of probabilities by task: (rows,
        classes) or (rows, structures, height, width). In evaluation mode, on `device`.
    :param tasks: by name, what each one says: its kind, and its classes or structures.
    :param fit: how images become those that the network sees. :param channels: of these.
    :param names: of the runs. :param weights: SHA-256 of the weights of each.
    :param thresholds: by task and class, at which it is decided; see `ssmtl.inference.decision`.
    :param decides: a sentence for each classification task: how it is decided, and how it was calibrated.
    :param experiments: what the runs were.
    """

    module: Network = field(repr=False)
    tasks: Mapping[str, Output]
    fit: Fit
    channels: int
    device: torch.device
    names: tuple[str, ...]
    weights: tuple[str, ...]
    thresholds: Thresholds = field(repr=False)
    decides: tuple[str, ...] = field(repr=False)
    experiments: tuple[Experiment, ...] = field(repr=False)

    @property
    def size(self) -> Size:
        """Of these, in pixels, as the recipe gives it: the side of square ones, else (height, width)."""
        return self.fit.size

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of these: (channels, height, width)."""
        return (self.channels, *self.fit.frame)

    def predict(
        self,
        images: Image | Iterable[Image],
        *,
        tta: Tta = "none",
        saliency: bool = False,
        dropout: int = 0,
        batch_size: int = 16,
    ) -> list[Prediction]:
        """What the model says of each image, in their order. All results are in memory: for many images, use `each`.

        :param images: one or several: paths of image files; arrays (height, width) or (height, width, 3); tensors
            (height, width), (channels, height, width) or (rows, channels, height, width). Values are unsigned integers,
            whose full range is that of the type, or floats in [0, 1]; any size.
        :param tta, saliency, dropout: see `ssmtl.inference.options.Options`.
        :param batch_size: how many images are decoded ahead; the numbers do not depend on it.
        :raises DataError: naming the first image that cannot be read.
        :raises SsmtlError: for an option that cannot be used.
        """
        results = []
        for one in self.each(named(images), Options(tta, saliency, dropout), batch_size):
            if isinstance(one, Unreadable):
                raise DataError(one.reason)
            results.append(one)
        return results

    def each(
        self, images: Iterable[tuple[str, Pixels]], options: Options | None = None, batch_size: int = 16
    ) -> Iterator[Prediction | Unreadable]:
        """As `predict`, one after the other; an image that cannot be read is said to be so, and the rest goes on.

        :param images: by name.
        """
        return self.stream(images, options or Options(), batch_size, lambda one: one)

    def stream(
        self,
        images: Iterable[tuple[str, Pixels]],
        options: Options,
        batch_size: int,
        use: Callable[[Prediction | Unreadable], Used],
    ) -> Iterator[Used]:
        """As `each`, with what `use` makes of every prediction, in threads: the predictions themselves are not kept."""
        self.check(options)
        if not isinstance(batch_size, int) or batch_size < 1:
            raise DataError(f"batch_size: {batch_size!r}; expected a whole number, 1 or more")
        on_cpu = self.device.type == "cpu"
        return (by_image if on_cpu else by_group)(self, images, options, batch_size, use)

    def check(self, options: Options) -> None:
        """:raises SsmtlError: if this model cannot do what is asked."""
        if options.dropout:
            check_dropout(self.module)
        sides = [name for one in self.tasks.values() for name in one.classes if {"left", "right"} & _words(name)]
        if options.tta == "mirror" and sides:
            raise DataError(f"tta: mirrored images exchange left and right, and there is a class '{sides[0]}'")

    def decoded(self, image: tuple[str, Pixels]) -> DecodedImage | Unreadable:
        """An image as the network sees it. :param image: name and pixels."""
        return decoded(*image, self.fit, self.channels)

    def raw(self, network: Network, images: Sequence[DecodedImage], options: Options) -> list[RawPrediction]:
        """What the network says of some images, or which of its components failed. :param network: it, or its copy."""
        first = self.experiments[0]
        members = [network.member(number) for number in range(len(network.members))]
        with attributed(first, "in a prediction", *members):
            return raw_predictions(network, images, options, self.device)

    def finished(self, image: DecodedImage, raw: RawPrediction) -> Prediction:
        """In the image's own geometry."""
        return finished(image, raw, self.tasks, self.thresholds)


def _words(name: str) -> set[str]:
    return set(name.lower().replace("_", " ").replace("-", " ").split())
