"""Knows an instance that is still arriving: a file inside the archive's folder that nothing refers to yet.

Must not know what is written into it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast

BUFFER = 1 << 20  # octets that a stream gathers
_BINARY = getattr(os, "O_BINARY", 0)  # Windows would change line ends


class Incoming:
    """A file that is being received, in pieces of any size. `size` counts octets so far.

    It belongs to one thread at a time. Leaving a `with` block closes it; the file is gone after `discard`, unless it
    was kept. It has its final name from the start: another one would have to be forced to the disk again.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{uuid.uuid4().hex}.dcm"
        self.size = 0
        self._kept = False
        self._digest = hashlib.sha256()
        # a bare handle: chunks come large from the network, and a reader must see every octet at once
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)

    def write(self, chunk: bytes | bytearray | memoryview) -> int:
        """Append a chunk; OSError when the disk is full, ValueError after `close`."""
        if self._handle < 0:
            raise ValueError("the file is closed")
        left = memoryview(chunk)
        self._digest.update(left)
        while left:
            left = left[os.write(self._handle, left) :]
        self.size += len(chunk)
        return len(chunk)

    @contextlib.contextmanager
    def stream(self) -> Iterator[BinaryIO]:
        """The file for somebody who writes to streams, in order and never back; closed with the block."""
        with io.BufferedWriter(_Stream(self), BUFFER) as stream:
            yield cast(BinaryIO, stream)
        self.close()

    @property
    def digest(self) -> bytes:
        """SHA-256 of what was written so far."""
        return self._digest.digest()

    def close(self) -> None:
        """No more octets follow; may be called again."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def flush(self) -> None:
        """Force the octets to the disk and close."""
        if self._handle < 0:
            self._handle = os.open(self.path, os.O_RDWR | _BINARY)
        try:
            os.fsync(self._handle)
        finally:
            self.close()

    def keep(self) -> None:
        """The file belongs to whoever says so; `discard` leaves it alone from now on."""
        self._kept = True

    def discard(self) -> None:
        """Remove the file unless it was kept; may be called again."""
        self.close()
        if not self._kept:
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Incoming:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()


class _Stream(io.RawIOBase):
    """A file that only ever goes on."""

    def __init__(self, into: Incoming) -> None:
        super().__init__()
        self._into = into

    def writable(self) -> bool:
        return True

    def write(self, octets: object) -> int:
        return self._into.write(cast(memoryview, octets))

    def tell(self) -> int:
        return self._into.size
