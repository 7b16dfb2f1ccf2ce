"""The amplitudes of an image's frequencies, mixed with those of an image of another source."""

from typing import Annotated

import torch
from jaxtyping import Bool, Float
from pydantic import Field, PositiveInt
from torch import Tensor

from ssmtl import Images, Masks, RandomStream, References
from ssmtl_augment.partners import From, drawn, kept, share


class FourierMix:
    """Inside a window of low frequencies, the amplitude becomes (1 − λ) |F x| + λ |F x'|; the phase of x stays.

    By default AmpMix of Xu et al., "A Fourier-based Framework for Domain Generalization", CVPR 2021: all frequencies,
    λ ~ U(0, alpha). With `alpha: null` and a small `beta` it is FDA of Yang and Soatto, "FDA: Fourier Domain Adaptation
    for Semantic Segmentation", CVPR 2020: λ = 1 where |f| ≤ beta along both sides, f in cycles per pixel, so that the
    window is 2 beta of the height and of the width; there x' is of the target domain. Each channel by itself, cut to
    [0, 1]; masks stay as they are. Black around a smaller image (`fit: pad`) counts as part of it.

    :param beta: half of the window, as a share of each side; 0.5: everything. FDA has 0.01, 0.05 and 0.09.
    :param alpha: the greatest λ; null: λ is 1.
    :param partners: training images of the sources of other tasks, or of any source, the image's own included.
    :param references: the most images of each source that are drawn from.
    :param probability: with which an image is changed.
    """

    moved_by: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        beta: Annotated[float, Field(ge=0, le=0.5)] = 0.5,
        alpha: Annotated[float, Field(ge=0, le=1)] | None = 1.0,
        partners: From = "other",
        references: PositiveInt = 64,
        probability: Annotated[float, Field(ge=0, le=1)] = 1.0,
    ) -> None:
        self.beta, self.alpha = beta, alpha
        self.partners, self.references, self.probability = partners, references, probability
        self.bank: Tensor | None = None

    def begin(self, references: References) -> None:
        self.bank = kept(references, self.partners)

    @torch.no_grad()
    def __call__(self, images: Images, masks: Masks | None, stream: RandomStream) -> tuple[Images, Masks | None]:
        own, other = torch.fft.rfft2(images), torch.fft.rfft2(drawn(self.bank, stream))
        part = share(stream, self.probability, self.alpha)
        window = _window(images.shape[-2], images.shape[-1], self.beta, images.device)
        amplitude = own.abs() + part * window * (other.abs() - own.abs())
        mixed = torch.fft.irfft2(torch.polar(amplitude, own.angle()), s=images.shape[-2:])
        return mixed.clamp(0, 1).where(part > 0, images), masks


def _window(height: int, width: int, beta: float, device: torch.device) -> Bool[Tensor, "{height} half"]:
    down, across = torch.fft.fftfreq(height, device=device), torch.fft.rfftfreq(width, device=device)
    inside: Float[Tensor, "{height} half"] = torch.maximum(down.abs()[:, None], across[None, :])
    return inside <= beta
