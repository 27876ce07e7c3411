"""Knows how octets are kept by their SHA-256 in a folder, streamed in and out.

Must not know what they mean or which record points at them.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from pathlib import Path

from harness.body import Body

IN_MEMORY = 1 << 20  # a spooled body up to this size stays in memory until it is put away


class DiskError(OSError):
    """Our own folder cannot be written; never to be mistaken for a fault of the peer."""


class Blobs:
    """A folder of files named by digest: `ab/cdef...`; the same octets are kept once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def path(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest[2:]

    def spool(self) -> Spool:
        """A place to write a body of unknown size into."""
        return Spool(self)

    def keep(self, body: Body) -> Body:
        """The same octets, now in the folder; small bodies stay in memory as well."""
        if body.data is not None or body.path is None:
            self._put_bytes(body.digest, body.bytes())
            if body.size <= 4096:
                return body
        elif body.path != self.path(body.digest):
            self._put_file(body)
        return Body.file(self.path(body.digest), body.size, body.truncated, body.digest)

    def remove(self, body: Body) -> None:
        """Take the octets of this body out of the folder, if they are there."""
        self.path(body.digest).unlink(missing_ok=True)
        self._known.discard(body.digest)

    def adopt(self, path: Path, digest: str) -> Path:
        """Move a finished temporary file of this folder to its place."""
        place = self.path(digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, place)
        self._known.add(digest)
        return place

    def temporary(self) -> tuple[int, Path]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".incoming-", dir=self.folder)
        except OSError as error:
            raise DiskError(error.errno, error.strerror) from error
        return handle, Path(name)

    def _put_bytes(self, digest: str, data: bytes) -> None:
        if digest in self._known:
            return
        place = self.path(digest)
        with self._lock:
            if not place.exists():
                if not place.parent.is_dir():
                    place.parent.mkdir(parents=True, exist_ok=True)
                unfinished = place.with_name(f".{place.name}.part")
                unfinished.write_bytes(data)
                os.replace(unfinished, place)
        self._known.add(digest)

    def _put_file(self, body: Body) -> None:
        if self.path(body.digest).exists():
            return
        spool = self.spool()
        for chunk in body.chunks():
            spool.write(chunk)
        spool.finish(on_disk=True)


class Spool:
    """Collects a body: in memory while it is small, then in a temporary file; knows its digest as it goes."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._chunks: list[bytes] = []
        self._hash = hashlib.sha256()
        self._file: int | None = None
        self._path: Path | None = None
        self.size = 0

    def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._hash.update(chunk)
        if self._file is not None:
            _write_all(self._file, chunk)
            return
        self._chunks.append(chunk)
        if self.size > IN_MEMORY:
            self._spill()

    def finish(self, truncated: bool = False, on_disk: bool = False) -> Body:
        """The collected body; a large one now stands in the folder under its digest."""
        if self._file is None and on_disk:
            self._spill()
        if self._file is None or self._path is None:
            data = b"".join(self._chunks)
            return Body(self.size, data, truncated=truncated, sha256=self._hash.hexdigest())
        os.close(self._file)
        self._file = None
        digest = self._hash.hexdigest()
        return Body.file(self._blobs.adopt(self._path, digest), self.size, truncated, digest)

    def discard(self) -> None:
        if self._file is not None and self._path is not None:
            os.close(self._file)
            self._path.unlink(missing_ok=True)
            self._file = None
        self._chunks.clear()

    def _spill(self) -> None:
        self._file, self._path = self._blobs.temporary()
        for chunk in self._chunks:
            _write_all(self._file, chunk)
        self._chunks.clear()


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(file, view) :]
    except OSError as error:
        raise DiskError(error.errno, error.strerror) from error
