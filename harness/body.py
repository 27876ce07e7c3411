"""Knows a run of octets, in memory or in a file, that is read piece by piece and never copied whole unasked.

Must not know what the octets mean.
"""

from __future__ import annotations

import builtins
import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path

CHUNK = 1 << 20
MEMORY = 64 << 20  # the most that `bytes()` hands out unless told otherwise
SMALL = 256 << 10  # a file up to this size is read whole
HELD = 64  # so many small files are held, 16 MiB at most: readers take bodies in thousands of little slices


class BodyTooLarge(ValueError):
    """Somebody asked for more octets at once than fit the bound."""


@dataclass(frozen=True)
class Body:
    """`size` octets of `data` or of the file at `path`, beginning at `start`.

    `steady` says that it lies in a small file that nobody changes, so that its octets may be held for a while.
    `truncated` marks a body that was cut by a cap or a fault: what is here came, what is missing is not known.
    """

    size: int
    data: bytes | None = field(default=None, repr=False)
    path: Path | None = None
    start: int = 0
    truncated: bool = False
    sha256: str = field(default="", compare=False)  # known beforehand, else reckoned when asked for
    steady: bool = field(default=False, compare=False, repr=False)

    @classmethod
    def of(cls, data: bytes, truncated: bool = False) -> Body:
        return cls(len(data), data, truncated=truncated)

    @classmethod
    def file(cls, path: Path, size: int | None = None, truncated: bool = False, sha256: str = "") -> Body:
        """The file at `path`, as it is now. Who knows its digest vouches that it stays as it is."""
        size = path.stat().st_size if size is None else size
        steady = bool(sha256) and size <= SMALL
        return cls(size, None, path, truncated=truncated, sha256=sha256, steady=steady)

    def __len__(self) -> int:
        return self.size

    def __bool__(self) -> bool:
        return self.size > 0

    def read(self, at: int = 0, size: int | None = None) -> bytes:
        """`size` octets from offset `at` (fewer at the end); all from there when no size is given, within bounds."""
        at = min(max(at, 0), self.size)
        count = self.size - at if size is None else min(size, self.size - at)
        if size is None and count > MEMORY:
            raise BodyTooLarge(f"{count} octets at once, bound is {MEMORY}; read it in chunks")
        if self.data is not None:
            return self.data[self.start + at : self.start + at + count]
        if self.path is None or count <= 0:
            return b""
        first = self.start + at
        if self.steady:
            return _whole(self.path)[first : first + count]
        with self.path.open("rb") as file:
            file.seek(first)
            return file.read(count)

    def bytes(self) -> bytes:
        """All octets; BodyTooLarge above 64 MiB."""
        return self.read()

    def chunks(self, size: int = CHUNK) -> Iterator[builtins.bytes]:
        """All octets in order, `size` at a time."""
        if self.data is not None or self.path is None or self.size <= size:
            for at in range(0, self.size, size):
                yield self.read(at, min(size, self.size - at))
            return
        left = self.size
        with self.path.open("rb") as file:
            file.seek(self.start)
            while left > 0 and (chunk := file.read(min(size, left))):
                left -= len(chunk)
                yield chunk

    def slice(self, start: int, end: int) -> Body:
        """The octets from `start` up to `end`, still in place."""
        start, end = min(max(start, 0), self.size), min(max(end, 0), self.size)
        return Body(max(end - start, 0), self.data, self.path, self.start + start, steady=self.steady)

    @cached_property
    def digest(self) -> str:
        """SHA-256 in hexadecimal."""
        if self.sha256:
            return self.sha256
        total = hashlib.sha256()
        for chunk in self.chunks():
            total.update(chunk)
        return total.hexdigest()

    def same(self, other: Body) -> bool:
        """Octet for octet the same."""
        return self.size == other.size and (self.size == 0 or self.digest == other.digest)


@dataclass(frozen=True)
class Joined(Body):
    """The octets of several bodies one after the other, each still in its place; `ends` says where each one ends."""

    parts: tuple[Body, ...] = field(default=(), repr=False)
    ends: tuple[int, ...] = field(default=(), repr=False)

    @classmethod
    def over(cls, parts: Iterable[Body]) -> Body:
        """These bodies as one; a single one is that one itself."""
        kept = tuple(part for part in parts if part.size)
        if len(kept) < 2:
            return kept[0] if kept else EMPTY
        ends = tuple(accumulate(part.size for part in kept))
        return cls(ends[-1], truncated=any(part.truncated for part in kept), parts=kept, ends=ends)

    def read(self, at: int = 0, size: int | None = None) -> bytes:
        at = min(max(at, 0), self.size)
        count = self.size - at if size is None else min(size, self.size - at)
        if size is None and count > MEMORY:
            raise BodyTooLarge(f"{count} octets at once, bound is {MEMORY}; read it in chunks")
        pieces: list[bytes] = []
        index = bisect_right(self.ends, at)
        while count > 0:
            part = self.parts[index]
            piece = part.read(at - self.ends[index] + part.size, count)
            if not piece:  # the file is shorter than it was
                break
            pieces.append(piece)
            at, count, index = at + len(piece), count - len(piece), index + 1
        return b"".join(pieces)

    def chunks(self, size: int = CHUNK) -> Iterator[builtins.bytes]:
        for at in range(0, self.size, size):
            yield self.read(at, size)

    def slice(self, start: int, end: int) -> Body:
        start, end = min(max(start, 0), self.size), min(max(end, 0), self.size)
        if end <= start:
            return EMPTY
        first, last = bisect_right(self.ends, start), bisect_right(self.ends, end - 1)
        begins = [self.ends[i] - self.parts[i].size for i in (first, last)]
        if first == last:
            return self.parts[first].slice(start - begins[0], end - begins[0])
        head = self.parts[first].slice(start - begins[0], self.parts[first].size)
        tail = self.parts[last].slice(0, end - begins[1])
        return Joined.over((head, *self.parts[first + 1 : last], tail))


@lru_cache(HELD)
def _whole(path: Path) -> bytes:
    """A small file that stays as it is."""
    with path.open("rb") as file:
        return file.read(SMALL)


EMPTY = Body.of(b"")
