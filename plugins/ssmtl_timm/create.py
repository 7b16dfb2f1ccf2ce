"""Creates a timm model, or says why timm cannot."""

import difflib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ssmtl import SsmtlError
from ssmtl_timm.weights import copied, overlay

LISTED = "`timm.list_models()` lists them"

REFUSALS = (AssertionError, RuntimeError, ValueError, IndexError)
"""What timm's models raise for images of a size that they were not built for."""


def create(
    model: str,
    image_channels: int,
    pretrained: bool,
    levels: Sequence[int] | None,
    image_size: int | tuple[int, int] | None,
    weights: str | None = None,
) -> nn.Module:
    """A timm model whose forward returns its levels.

    :param weights: a file, or `lite0`, in place of what timm downloads.
    :param image_size: of the images, in pixels; passed on to timm if the model takes no such image by default.
    :raises ValueError: for a name or a level that timm does not know, or images of a size that the model cannot take.
    :raises SsmtlError: if the pretrained weights are not available.
    """
    import timm

    if not timm.is_model(model):
        raise ValueError(f"timm has no model '{model}' ({_nearest(model, timm.list_models(), LISTED)})")
    if pretrained and weights is not None:
        raise ValueError("both 'pretrained' and 'weights' are given; expected one of them")
    chosen: dict[str, Any] = {} if levels is None else {"out_indices": tuple(levels)}
    if weights is not None:
        pretrained, chosen["pretrained_cfg_overlay"] = True, overlay(model, weights)
    built = _created(model, image_channels, pretrained, chosen)
    refusal = _refusal(built, image_channels, image_size)
    if refusal is None:
        return built
    try:
        built = _created(model, image_channels, pretrained, {**chosen, "img_size": image_size})
    except TypeError:  # the model has no such parameter
        pass
    else:
        refusal = _refusal(built, image_channels, image_size)
    if refusal is None:
        return built
    pixels = " × ".join(map(str, image_size)) if isinstance(image_size, tuple) else image_size
    raise ValueError(
        f"timm's '{model}' takes no images of {pixels} pixels ({refusal}); choose another image.size or model"
    )


def _created(model: str, image_channels: int, pretrained: bool, chosen: dict[str, Any]) -> nn.Module:
    import timm

    if "pretrained_cfg_overlay" in chosen:
        chosen = {**chosen, "pretrained_cfg_overlay": copied(chosen["pretrained_cfg_overlay"])}
    try:
        with _first_retry_only(), _without_classifier():
            return timm.create_model(model, pretrained, features_only=True, in_chans=image_channels, **chosen)
    except IndexError as error:
        levels = chosen.get("out_indices", ())
        raise ValueError(f"timm's '{model}' does not have all of the levels {levels}") from error
    except (OSError, RuntimeError) as error:
        if "Invalid pretrained tag" in str(error):
            name, tag = model.split(".", 1)
            tags = [known.split(".", 1)[1] for known in timm.list_pretrained(f"{name}.*")]
            hint = _nearest(tag, tags, f"its tags: {', '.join(tags)}" if tags else "it has none: write the name alone")
            raise ValueError(f"timm has no weights '{tag}' of '{name}' ({hint})") from error
        if not pretrained:
            raise ValueError(f"timm cannot build '{model}' as a pyramid: {error}") from error
        raise SsmtlError(
            f"the pretrained weights of timm's '{model}' are not available: {str(error).splitlines()[0]} "
            "Write `pretrained: false`, or download them on a machine that reaches huggingface.co "
            f"(`timm.create_model('{model}', pretrained=True)`) and copy its cache, by default ~/.cache/huggingface"
        ) from error


@torch.no_grad()
def _refusal(built: nn.Module, image_channels: int, image_size: int | tuple[int, int] | None) -> str | None:
    """Why the model takes no image of this size; None if it does. The model is left as it was."""
    if image_size is None:
        return None
    frame = (image_size, image_size) if isinstance(image_size, int) else image_size
    flags = [(part, part.training) for part in built.modules()]
    try:
        built.eval()(torch.full((1, image_channels, *frame), 0.5))
    except REFUSALS as error:
        return str(error).rstrip(".") or "it does not say why"
    finally:
        for part, training in flags:
            part.training = training
    return None


@contextmanager
def _first_retry_only() -> Iterator[None]:
    """Without a network, huggingface_hub logs every one of its retries: the first says enough."""
    logger, shown = logging.getLogger("huggingface_hub.utils._http"), 0

    def first(_record: logging.LogRecord) -> bool:
        nonlocal shown
        shown += 1
        return shown == 1

    logger.addFilter(first)
    try:
        yield
    finally:
        logger.removeFilter(first)


@contextmanager
def _without_classifier() -> Iterator[None]:
    """timm warns that the weights have a classifier, and the model none."""
    logger = logging.getLogger("timm.models._builder")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _nearest(name: str, known: Sequence[str], otherwise: str) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{close[0]}'?" if close else otherwise
