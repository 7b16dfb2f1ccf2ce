"""Counter-based randomness: a random number is a pure function of names and numbers, never of earlier ones.

The mixing function is SplitMix64's finaliser (Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014), chained over the words of the counter.
"""

import hashlib
import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from torch import Tensor

from ssmtl.contracts.upload import upload

_GAMMA = 0x9E3779B97F4A7C15 - 2**64


def _mix(words: Tensor) -> Tensor:
    """64-bit words, as int64: what overflows is cut off, and bits shifted in are 0."""
    words = words + _GAMMA
    words = (words ^ (words >> 30 & 2**34 - 1)) * (0xBF58476D1CE4E5B9 - 2**64)
    words = (words ^ (words >> 27 & 2**37 - 1)) * (0x94D049BB133111EB - 2**64)
    return words ^ (words >> 31 & 2**33 - 1)


def _signed(word: int) -> int:
    return word - 2**64 if word >= 2**63 else word


def key(*parts: int | str) -> int:
    """A 64-bit key derived from names and numbers; the same on every machine."""
    text = "\x1f".join(f"{type(part).__name__[0]}{part}" for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def permutation(length: int, *parts: int | str) -> NDArray[np.int64]:
    """A permutation of 0..length-1 that is a pure function of `parts`."""
    return np.random.Generator(np.random.Philox(key=key(*parts))).permutation(length)


class RandomStream:
    """Uniform random numbers for the rows of one view at one step.

    :param keys: one 64-bit key per row, on the CPU or where the numbers are drawn.
    :param device: where the numbers are drawn; they are the same on every device.
    """

    def __init__(self, keys: Int64[Tensor, " rows"], device: torch.device | str = "cpu") -> None:
        self.keys = keys
        self.device = device

    @classmethod
    def of(
        cls, samples: Sequence[int] | NDArray[np.uint64], *context: int | str, device: torch.device | str = "cpu"
    ) -> "RandomStream":
        """The stream of these samples in a context such as (seed, task, step, view)."""
        rows = torch.from_numpy(np.asarray(samples, dtype=np.uint64).view(np.int64))
        return cls(_mix(_mix(rows) ^ _signed(key(*context))), device)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, rows: Tensor | slice) -> "RandomStream":
        """The stream of some of the rows. An index on a GPU is waited for."""
        return RandomStream(self.keys[rows.cpu() if isinstance(rows, Tensor) else rows], self.device)

    def other(self, number: int) -> "RandomStream":
        """A stream with other numbers; number 0 is this one."""
        keys = _mix(self.keys ^ _signed(key("other", number))) if number else self.keys
        return RandomStream(keys, self.device)

    def uniform(self, name: str, count: int = 1) -> Float[Tensor, "rows {count}"]:
        """Numbers in [0, 1), float32; the same name always gives the same numbers."""
        base = _mix(self._keys_there ^ _signed(key(name)))[:, None]
        words = _mix(base + torch.arange(count, device=self.device)[None, :] * _GAMMA)
        return (words >> 40 & 2**24 - 1).float() * 2.0**-24

    def normal(self, name: str, count: int = 1) -> Float[Tensor, "rows {count}"]:
        """Numbers from the standard normal distribution, at most 5.8 in size (Box and Muller, 1958).

        The same name always gives the same numbers; devices may differ in the last bits.
        """
        radius, angle = self.uniform(name, 2 * count).view(len(self), count, 2).unbind(2)
        numbers: Tensor = (-2 * (1 - radius).log()).sqrt() * (2 * math.pi * angle).cos()
        return numbers

    @cached_property
    def _keys_there(self) -> Tensor:
        return upload(self.keys, torch.device(self.device))
