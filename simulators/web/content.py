"""Knows octets on their way out: in memory, in a file, or made when their turn comes; sent in chunks.

Must not know what they mean.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from anyio.to_thread import run_sync

CHUNK = 1 << 19  # octets per message to the server; two of them are alive at a time
SMALL = 1 << 16  # a file piece up to this size is read without a thread


@dataclass(frozen=True)
class Slice:
    """`size` octets of a file from `start` on."""

    path: Path
    start: int
    size: int


@dataclass(frozen=True)
class Later:
    """Octets that are made, in a worker thread, when their turn comes; their size is not known before."""

    make: Callable[[], bytes]


Piece = bytes | Slice | Later


class Broken(Exception):
    """Octets that were promised cannot be had."""


class Gone(Broken):
    """A file was replaced or cut short since it was selected; selecting again may help."""


def size(pieces: Iterable[Piece]) -> int | None:
    """The sum of octets, None when a piece does not know yet."""
    total = 0
    for piece in pieces:
        if isinstance(piece, Later):
            return None
        total += len(piece) if isinstance(piece, bytes) else piece.size
    return total


async def stream(pieces: Iterable[Piece]) -> AsyncIterator[bytes]:
    """All octets in order, in chunks; small neighbours are joined so that a message is not a few octets."""
    waiting: list[bytes] = []
    held = 0
    for piece in pieces:
        if isinstance(piece, Slice) and piece.size > SMALL:
            if waiting:
                yield b"".join(waiting)
                waiting, held = [], 0
            async for chunk in _file(piece):
                yield chunk
            continue
        octets = piece if isinstance(piece, bytes) else await _whole(piece)
        waiting.append(octets)
        held += len(octets)
        if held >= CHUNK:
            yield b"".join(waiting)
            waiting, held = [], 0
    if waiting:
        yield b"".join(waiting)


async def _whole(piece: Slice | Later) -> bytes:
    if isinstance(piece, Later):
        return await run_sync(piece.make)
    return read(piece)


async def _file(piece: Slice) -> AsyncIterator[bytes]:
    try:
        file = piece.path.open("rb", buffering=0)
    except OSError as problem:
        raise Gone(str(problem)) from problem
    with file:
        file.seek(piece.start)
        left = piece.size
        while left:
            chunk = await run_sync(file.read, min(CHUNK, left))
            if not chunk:
                raise Gone(f"{piece.path.name} ended {left} octets early")
            left -= len(chunk)
            yield chunk


def read(piece: Slice) -> bytes:
    """The whole slice at once; Gone when the file is not there or too short."""
    try:
        with piece.path.open("rb", buffering=0) as file:
            file.seek(piece.start)
            octets = file.read(piece.size) or b""
    except OSError as problem:
        raise Gone(str(problem)) from problem
    if len(octets) != piece.size:
        raise Gone(f"{piece.path.name} is {piece.size - len(octets)} octets short")
    return octets


def joined(pieces: Sequence[Piece]) -> bytes:
    """All octets at once, for what is known to be small."""
    found = []
    for piece in pieces:
        found.append(piece if isinstance(piece, bytes) else piece.make() if isinstance(piece, Later) else read(piece))
    return b"".join(found)
