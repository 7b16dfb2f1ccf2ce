"""An image that a browser sends: taken up to a limit, told by its content, and kept in memory alone."""

import hashlib
from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from ssmtl.data.images import ImageFile
from ssmtl.errors import DataError

MIB = 2**20

STARTS = {
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "JPEG": (b"\xff\xd8\xff",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
}
"""First bytes of the files that are taken, besides DICOM."""

NAME = Path("the file")
"""What messages call it: its own name stays in the browser."""


class TooLargeError(DataError):
    """More bytes than the limit."""


@dataclass(frozen=True)
class UploadedImage(ImageFile):
    """A file in memory."""

    content: bytes = field(default=b"", repr=False)

    def fingerprint(self) -> str:
        """Of its bytes."""
        return hashlib.blake2b(self.content).hexdigest()

    def stream(self) -> BinaryIO:
        """Its bytes."""
        return BytesIO(self.content)

    def _bytes(self) -> bytes:
        return self.content


async def taken(chunks: AsyncIterable[bytes], announced: str | None, limit: int) -> bytes:
    """The bytes, of which never more than the limit and one chunk are in memory.

    :param announced: the request's Content-Length. :param limit: in bytes.
    :raises TooLargeError: as soon as there are more.
    """
    content = bytearray()
    too_large = TooLargeError(
        f"{NAME} is larger than {limit / MIB:.3g} MiB; --max-upload of ssmtl view sets this limit"
    )
    if announced is not None and announced.isdecimal() and int(announced) > limit:
        raise too_large
    async for chunk in chunks:
        content += chunk
        if len(content) > limit:
            raise too_large
    return bytes(content)


def uploaded(content: bytes) -> UploadedImage:
    """:raises DataError: if its first bytes are not those of a PNG, JPEG, TIFF or DICOM file."""
    if not content:
        raise DataError(f"{NAME} is empty (0 bytes)")
    if content[128:132] != b"DICM" and not any(content.startswith(starts) for starts in STARTS.values()):
        raise DataError(f"{NAME} is not an image that is taken here; expected {', '.join(STARTS)} or DICOM")
    return UploadedImage(NAME, content)
