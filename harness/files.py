"""Knows how files become something to judge: the walk over folders, what is opened at all, and the bounds of one file.

Nothing that is met ends the walk: a file that cannot or must not be read is named with the reason. Bounds: a file up
to KEPT octets is copied into the record and judged from that copy, so that nobody can change it meanwhile; a larger
one is judged whole in its place and recorded with its first HEAD octets, marked as truncated. Text is parsed into
memory as a whole, so JSON and XML are bounded by TEXT octets and MARKS signs that make objects of their own, and a
capture of a browser by CAPTURE octets.
Must not know rules, verdicts, or how progress is shown.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.blobs import Blobs
from harness.body import CHUNK, EMPTY, Body
from harness.exchange import Answer, Headers
from harness.wire import sniff

KEPT = 64 << 20
HEAD = 1 << 20
TEXT = 32 << 20
CAPTURE = 256 << 20
MARKS = {sniff.JSON: (b"{", b"[", b","), sniff.XML: (b"<", b"=")}
MOST_MARKS = 1_000_000
_NEVER = (
    (stat.S_ISFIFO, "FIFO", "is a FIFO, which is never opened"),
    (stat.S_ISSOCK, "socket", "is a socket, which is never opened"),
    (stat.S_ISCHR, "device", "is a device, which is never opened"),
    (stat.S_ISBLK, "device", "is a device, which is never opened"),
)


@dataclass(frozen=True)
class Found:
    """A regular file that the walk met. `name` is its path below the argument, in printable characters."""

    path: Path
    name: str


@dataclass(frozen=True)
class Unread:
    """Something that is not judged. `kind` groups the reasons, `why` continues a sentence that begins with the name.

    `lost`: somebody who wants the whole folder judged has to look after it; a FIFO or a text file is nobody's loss.
    """

    name: str
    kind: str
    why: str
    lost: bool = True

    def __str__(self) -> str:
        return f"{self.name} {self.why}."


@dataclass(frozen=True)
class Taken:
    """A file, or a part of a captured message, ready to be judged.

    `answer` carries the octets to judge with the media type they show; `recorded` the same as the record can keep
    it. `declared` is the media type that a part says it has. `before` is what the file looked like when it was taken,
    None once its octets are in a place that nobody changes.
    """

    name: str
    answer: Answer
    recorded: Answer
    declared: str = ""
    path: Path | None = None
    before: tuple[int, ...] | None = None

    @property
    def changed(self) -> bool:
        """Whether the file is no longer what it was when it was taken."""
        if self.path is None or self.before is None:
            return False
        try:
            return _likeness(os.stat(self.path)) != self.before
        except OSError:
            return True


def shown(path: str) -> str:
    """A file name for people and records: octets that are no UTF-8 and signs that are not printable stand escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


@dataclass
class Walk:
    """Goes through files and folders, in the order of their names, whatever it meets. `never` are folders left out."""

    arguments: Sequence[Path]
    never: Sequence[Path] = ()
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def __iter__(self) -> Iterator[Found | Unread]:
        self._seen = set()
        self._left_out = {_inode(os.stat(path)) for path in self.never if path.exists()}
        for argument in self.arguments:
            many = len(self.arguments) > 1
            yield from self._argument(argument, shown(argument.name or str(argument)) if many else "")

    def _argument(self, argument: Path, prefix: str) -> Iterator[Found | Unread]:
        name = prefix or shown(argument.name or str(argument))
        stack: list[tuple[str, str]] = [(os.fspath(argument), "" if argument.is_dir() and not prefix else name)]
        while stack:
            path, name = stack.pop()
            met = self._met(path, name or ".")
            if met is None:
                below = self._below(path, name)
                if isinstance(below, Unread):
                    yield below
                else:
                    stack += reversed(below)
            else:
                yield met

    def _met(self, path: str, name: str) -> Found | Unread | None:
        """What stands at a path; None for a folder to go into."""
        try:
            about = os.stat(path)
        except OSError as error:
            return _missing(path, name, error)
        if stat.S_ISREG(about.st_mode):
            return Found(Path(path), name)
        if stat.S_ISDIR(about.st_mode):
            return self._folder(name, _inode(about))
        for test, kind, why in _NEVER:
            if test(about.st_mode):
                return Unread(name, kind, why, lost=False)
        return Unread(name, "unknown kind", "is no file that can be read", lost=False)

    def _folder(self, name: str, inode: tuple[int, int]) -> Unread | None:
        if inode in self._left_out:
            return Unread(name, "own record", "is the folder that this record is written into", lost=False)
        if inode in self._seen:
            return Unread(name, "seen folder", "leads to a folder that was read already", lost=False)
        self._seen.add(inode)
        return None

    def _below(self, path: str, name: str) -> list[tuple[str, str]] | Unread:
        try:
            with os.scandir(path) as entries:
                names = sorted((entry.name for entry in entries), key=os.fsencode)
        except OSError as error:
            return Unread(name or ".", "unreadable", f"cannot be listed: {error.strerror}")
        return [(os.path.join(path, n), f"{name}/{shown(n)}" if name else shown(n)) for n in names]


def _missing(path: str, name: str, error: OSError) -> Unread:
    if error.errno == errno.ELOOP:
        return Unread(name, "link loop", "is a link that leads in a circle")
    if os.path.islink(path):
        return Unread(name, "dead link", "is a link that leads nowhere")
    return Unread(name, "unreadable", f"cannot be looked at: {error.strerror}")


def _inode(about: os.stat_result) -> tuple[int, int]:
    return about.st_dev, about.st_ino


def _likeness(about: os.stat_result) -> tuple[int, ...]:
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns


def take(found: Found, blobs: Blobs) -> Taken | Unread:
    """The file ready to be judged. DiskError when our own folder cannot be written; never raises for the file."""
    try:
        # without blocking: between the walk and now a FIFO may have taken its place
        handle = os.open(found.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        return Unread(found.name, "unreadable", f"cannot be opened: {error.strerror}")
    try:
        return _taken(found, handle, blobs)
    finally:
        os.close(handle)


def _taken(found: Found, handle: int, blobs: Blobs) -> Taken | Unread:
    about = os.fstat(handle)
    if not stat.S_ISREG(about.st_mode):
        return Unread(found.name, "changed", "was a file a moment ago and is none any more")
    claim = sniff.claimed(found.name)
    head = _piece(handle, 0, sniff.LOOK)
    if isinstance(head, OSError):
        return Unread(found.name, "unreadable", f"cannot be read: {head.strerror}")
    type_ = sniff.shown(head, claim)
    if sniff.HAR in (type_, claim):
        return _capture(found, about, type_)
    if type_ == sniff.OTHER and not claim:
        return Unread(found.name, "of another kind", f"is nothing that is judged here: {_beginning(head)}", lost=False)
    if why := _too_much(_pieces(handle), about.st_size, type_):
        return Unread(found.name, "too large", why)
    if type_ == sniff.MULTIPART and _chunked(head):
        return Unread(found.name, "chunked", "still has its chunked transfer coding; capture the message without it")
    return _copied(found, handle, about, blobs, type_, head)


def _capture(found: Found, about: os.stat_result, type_: str) -> Taken | Unread:
    """A capture, read in its place: it holds credentials, and only what is judged of it goes into the record."""
    if type_ != sniff.HAR:
        return Unread(found.name, "no capture", "is called a HAR, and begins like none")
    if about.st_size > CAPTURE:
        why = f"is not judged: it has {about.st_size} octets, and a capture is read up to {CAPTURE}"
        return Unread(found.name, "too large", why)
    answer = Answer(status=200, reason="read", headers=Headers((("Content-Type", type_),)),
                    body=Body.file(found.path, about.st_size))  # fmt: skip
    return Taken(found.name, answer, answer, path=found.path, before=_likeness(about))


def _chunked(head: bytes) -> bool:
    lines = sniff.head_of(head)
    return b"chunked" in lines.lower() and re.match(rb"[0-9A-Fa-f]+\r\n", head[len(lines) :]) is not None


def _beginning(head: bytes) -> str:
    return f"it begins with {head[:8].hex(' ')}" if head else "it is empty"


def _pieces(handle: int) -> Iterator[bytes]:
    at = 0
    while isinstance(piece := _piece(handle, at, CHUNK), bytes) and piece:
        at += len(piece)
        yield piece


def _too_much(pieces: Iterable[bytes], size: int, type_: str) -> str:
    """Why a text would take more memory than a file may, '' when it does not or is no text."""
    if type_ not in MARKS:
        return ""
    if size > TEXT:
        return f"is not judged: it has {size} octets, and a text is read up to {TEXT}"
    marks = sum(piece.count(mark) for piece in pieces for mark in MARKS[type_])
    most = f"a text is read up to {MOST_MARKS}"
    return f"is not judged: it has {marks} brackets and separators, and {most}" if marks > MOST_MARKS else ""


def _copied(found: Found, handle: int, about: os.stat_result, blobs: Blobs, type_: str, head: bytes) -> Taken | Unread:
    large = about.st_size > KEPT
    spool = blobs.spool()
    most = HEAD if large else KEPT + 1
    while spool.size < most:
        piece = _piece(handle, spool.size, min(CHUNK, most - spool.size))
        if isinstance(piece, OSError):
            spool.discard()
            return Unread(found.name, "unreadable", f"cannot be read: {piece.strerror}")
        if not piece:
            break
        spool.write(piece)
    if _likeness(os.fstat(handle)) != _likeness(about) or (not large and spool.size != about.st_size):
        spool.discard()
        return Unread(found.name, "changed", "changed while it was read")
    kept = spool.finish(truncated=large) if spool.size else EMPTY
    whole = Body.file(found.path, about.st_size) if large else kept
    taken = Taken(found.name, _answer(whole, type_, head), _answer(kept, type_, head))
    return Taken(**{**vars(taken), "path": found.path, "before": _likeness(about)}) if large else taken


def _piece(handle: int, at: int, size: int) -> bytes | OSError:
    try:
        return os.pread(handle, size, at)
    except OSError as error:
        return error


def _answer(body: Body, type_: str, head: bytes) -> Answer:
    """The octets of a file as an answer; a captured message brings its own header fields."""
    fields: tuple[tuple[str, str], ...] = (("Content-Type", type_),)
    lines = b""
    if type_ == sniff.MULTIPART:
        lines = sniff.head_of(head)
        fields = _fields(lines) if lines else _shown_type(head)
    rest = body.slice(len(lines), body.size) if lines else body
    if body.truncated and not rest.truncated:
        rest = Body(rest.size, rest.data, rest.path, rest.start, truncated=True)
    return Answer(status=200, reason="read", headers=Headers(fields), body=rest, head=lines)


def _fields(lines: bytes) -> tuple[tuple[str, str], ...]:
    """Header fields; a first line that tells a method or a status is none, as a field name has no space."""
    pairs = [line.partition(":") for line in lines.decode("latin-1").splitlines() if ":" in line]
    return tuple((name.strip(), value.strip()) for name, _, value in pairs if " " not in name.rstrip())


def _shown_type(head: bytes) -> tuple[tuple[str, str], ...]:
    """The Content-Type of a body that came without one: its first line shows the boundary."""
    boundary = head.split(b"\n")[0].strip().removeprefix(b"--").decode("latin-1")
    return (("Content-Type", f'multipart/related; boundary="{boundary}"'),)


def parts(taken: Taken) -> Iterator[Taken | Unread]:
    """The parts of a captured message that hold data sets, each to be judged as a file of its own.

    So a message of many parts takes no more memory than its largest one. Pixel data and the like is left alone.
    """
    reading = taken.answer.multipart
    for part in reading.parts if reading else ():
        name, declared = f"{taken.name} part {part.index + 1}", part.media.type
        head = part.content.read(0, sniff.LOOK)
        type_ = sniff.shown(head, declared)
        if type_ == sniff.MULTIPART or declared not in (sniff.DICOM, sniff.JSON, sniff.XML, ""):
            continue
        if type_ == sniff.OTHER and not declared:
            continue
        if why := _too_much(part.content.chunks(), part.content.size, type_):
            yield Unread(name, "too large", why)
            continue
        large = part.content.size > KEPT
        kept = Body.of(part.content.read(0, HEAD), truncated=True) if large else part.content
        whole, short = (Answer(status=200, reason="read", headers=Headers((("Content-Type", type_),)), body=b)
                        for b in (part.content, kept))  # fmt: skip
        yield Taken(name, whole, short, declared, taken.path, taken.before)
