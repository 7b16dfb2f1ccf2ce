"""Counter-based randomness: a random number is a pure function of names and numbers, never of earlier ones.

The mixing function is SplitMix64's finaliser (Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014), chained over the words of the counter.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

_GAMMA = np.uint64(0x9E3779B97F4A7C15)


def _mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        words = words + _GAMMA
        words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def key(*parts: int | str) -> int:
    """A 64-bit key derived from names and numbers; the same on every machine."""
    text = "\x1f".join(f"{type(part).__name__[0]}{part}" for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def permutation(length: int, *parts: int | str) -> NDArray[np.int64]:
    """A permutation of 0..length-1 that is a pure function of `parts`."""
    return np.random.Generator(np.random.Philox(key=key(*parts))).permutation(length)


class RandomStream:
    """Uniform random numbers for the rows of one view at one step.

    :param keys: one 64-bit key per row.
    :param device: where the numbers are needed.
    """

    def __init__(self, keys: NDArray[np.uint64], device: torch.device | str = "cpu") -> None:
        self.keys = keys
        self.device = device

    @classmethod
    def of(
        cls, samples: Sequence[int] | NDArray[np.uint64], *context: int | str, device: torch.device | str = "cpu"
    ) -> "RandomStream":
        """The stream of these samples in a context such as (seed, task, step, view)."""
        rows = np.asarray(samples, dtype=np.uint64)
        return cls(_mix(_mix(rows) ^ np.uint64(key(*context))), device)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, rows: Tensor | slice | NDArray[np.int64]) -> "RandomStream":
        """The stream of some of the rows."""
        index = rows.cpu().numpy() if isinstance(rows, Tensor) else rows
        return RandomStream(self.keys[index], self.device)

    def uniform(self, name: str, count: int = 1) -> Float[Tensor, "rows {count}"]:
        """Numbers in [0, 1), float32; the same name always gives the same numbers."""
        with np.errstate(over="ignore"):
            base = _mix(self.keys ^ np.uint64(key(name)))[:, None]
            words = _mix(base + np.arange(count, dtype=np.uint64)[None, :] * _GAMMA)
        values = (words >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
        return torch.from_numpy(values).to(self.device)
