"""The raw files of the JSRT database: 2048 x 2048 values of 12 bits, two bytes each, high byte first; no header."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssmtl import DataError, open_file

SIDE = 2048  # pixels
BITS = 12
STRAY = 0.01  # fraction of pixels that may exceed 12 bits; beyond it the byte order is taken to be wrong


@dataclass(frozen=True)
class RawImage:
    """One `.IMG` file, as `ssmtl.Pixels`.

    :param invert: low values become bright. In the files air has high values, as air is dark on film; after
        inversion bones are white.
    """

    path: Path
    invert: bool = True

    @property
    def name(self) -> str:
        return str(self.path)

    def fingerprint(self) -> str:
        """Hash (BLAKE2b) of the file's bytes, and whether the image is inverted.

        :raises DataError: if the file cannot be read.
        """
        digest = hashlib.blake2b(self._bytes(), digest_size=16).hexdigest()
        return f"{digest}-{'inverted' if self.invert else 'as-stored'}"

    def read(self) -> NDArray[np.uint16]:
        """uint16 of shape (2048, 2048); the 12 bits are scaled to the full range of 16.

        :raises DataError: if the file has another size, or its values exceed 12 bits.
        """
        content = self._bytes()
        if len(content) != 2 * SIDE * SIDE:
            raise DataError(
                f"{self.path} has {len(content)} bytes; expected {2 * SIDE * SIDE} ({SIDE}x{SIDE} pixels of 2 bytes)"
            )
        stored = np.frombuffer(content, ">u2").reshape(SIDE, SIDE).astype(np.uint16)
        top = 2**BITS - 1
        if np.mean(stored > top) > STRAY:
            raise DataError(f"{self.path} has values up to {stored.max()}; expected at most {top}, high byte first")
        grey = np.minimum(stored, top)
        if self.invert:
            grey = top - grey
        spread: NDArray[np.uint16] = (grey << (16 - BITS)) | (grey >> (2 * BITS - 16))
        return spread

    def _bytes(self) -> bytes:
        try:
            with open_file(self.path) as file:
                return file.read()
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror or error}") from error
