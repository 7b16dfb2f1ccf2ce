"""Creates a timm model, or says why timm cannot."""

import difflib
from collections.abc import Sequence
from typing import Any

from torch import nn

from ssmtl import SsmtlError


def create(model: str, image_channels: int, pretrained: bool, levels: Sequence[int] | None) -> nn.Module:
    """A timm model whose forward returns its levels.

    :raises ValueError: for a name or a level that timm does not know.
    :raises SsmtlError: if the pretrained weights are not available.
    """
    import timm

    if not timm.is_model(model):
        raise ValueError(f"timm has no model '{model}' ({_nearest(model, timm.list_models())})")
    chosen: dict[str, Any] = {} if levels is None else {"out_indices": tuple(levels)}
    try:
        return timm.create_model(model, pretrained, features_only=True, in_chans=image_channels, **chosen)
    except IndexError as error:
        raise ValueError(f"timm's '{model}' does not have all of the levels {tuple(levels or ())}") from error
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise ValueError(f"timm cannot build '{model}' as a pyramid: {error}") from error
        raise SsmtlError(
            f"the pretrained weights of timm's '{model}' are not available: {str(error).splitlines()[0]} "
            "Write `pretrained: false`, or download them on a machine that reaches huggingface.co "
            f"(`timm.create_model('{model}', pretrained=True)`) and copy its cache, by default ~/.cache/huggingface"
        ) from error


def _nearest(model: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(model, known, n=1)
    return f"did you mean '{close[0]}'?" if close else "`timm.list_models()` lists them"
