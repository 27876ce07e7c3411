"""Knows an instance that is still arriving: a temporary file inside the archive's folder.

Must not know what is written into it.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from pathlib import Path
from types import TracebackType


class Incoming:
    """A file that is being received, in pieces of any size. `size` counts octets so far.

    It belongs to one thread at a time. Leaving a `with` block closes it; it is gone after `discard` or after the
    archive stored it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{uuid.uuid4().hex}.part"
        self.size = 0
        self._digest = hashlib.sha256()
        # unbuffered: chunks come large from the network, and a reader must see every octet at once
        self._file = self.path.open("xb", buffering=0)

    def write(self, chunk: bytes | bytearray | memoryview) -> int:
        """Append a chunk; OSError when the disk is full, ValueError after `close`."""
        left = memoryview(chunk)
        self._digest.update(left)
        while left:
            left = left[self._file.write(left) :]
        self.size += len(chunk)
        return len(chunk)

    @property
    def digest(self) -> bytes:
        """SHA-256 of what was written so far."""
        return self._digest.digest()

    def close(self) -> None:
        """No more octets follow; may be called again."""
        self._file.close()

    def flush(self) -> None:
        """Force the octets to the disk and close."""
        if not self._file.closed:
            os.fsync(self._file.fileno())
            self._file.close()
            return
        with self.path.open("rb") as file:
            os.fsync(file.fileno())

    def discard(self) -> None:
        """Remove the file; may be called again, and after it was stored."""
        self.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Incoming:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()
