"""Knows what kind of Store request comes, and takes its parts in as files, as they arrive (PS3.18 10.5.1, 8.6.1.2).

Must not know what the parts hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urljoin

import anyio
from starlette.types import Message

from simulators.archive.archive import Archive
from simulators.archive.incoming import Incoming
from simulators.archive.nonpatient import NonPatient
from simulators.web import media
from simulators.web.call import Call
from simulators.web.multipart_in import Begin, Data, End, Malformed, Reader
from simulators.web.negotiate import COMPRESSED, DICOM, JSON, OCTETS, XML
from simulators.web.report import Problem

ROOTS = (DICOM, JSON, XML, OCTETS, *COMPRESSED)
SUPPORTED = [f'multipart/related; type="{root}"' for root in ROOTS]
PARTS = 100_000  # of one request: each is a file until the request is complete
PATIENCE = 60.0  # seconds that the next piece of a payload may take
LOCATION = 4096  # characters of a Content-Location
_BOUNDARY = 70  # characters (RFC 2046 5.1.1)


class Disconnected(Exception):
    """The user agent went away before the request was complete; nobody is there for an answer."""


@dataclass(frozen=True)
class Form:
    """What the Content-Type of a request says; `root` is its type parameter, in lower case."""

    root: str
    boundary: str


def form_of(call: Call) -> Form:
    """The form of a request this door can store; Problem 400 or 415 for others (10.5.3.1)."""
    values = call.headers.getlist("content-type")
    if len(values) != 1:
        raise Problem(400, "A store request has one Content-Type header field.", supported=SUPPORTED)
    found = media.read(values[0])
    if found is None:
        raise Problem(400, f"Content-Type {values[0][:200]!r} is not a media type.", supported=SUPPORTED)
    if found.name != "multipart/related":
        raise Problem(415, f"{found.name} is not stored here.", supported=SUPPORTED)
    root, boundary = found.parameters.get("type", "").lower(), found.parameters.get("boundary", "")
    if not root or {"type", "boundary"} & found.repeated:
        raise Problem(400, "multipart/related has one type and one boundary parameter.", supported=SUPPORTED)
    if root not in ROOTS:
        raise Problem(415, f"Parts of type {root[:100]} are not stored here.", supported=SUPPORTED)
    if not 0 < len(boundary) <= _BOUNDARY or boundary.endswith(" "):
        raise Problem(400, f"The boundary has 1 to {_BOUNDARY} characters and no space at its end.")
    coding = call.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise Problem(415, f"Content-Encoding {coding[:80]} is not supported.", supported=SUPPORTED)
    return Form(root, boundary)


@dataclass
class Arrived:
    """One part. `number` counts from 1; `type` None: it has a Content-Type that is none. `location` is resolved
    against the target of the request, '' without a Content-Location; `octets` is the closed file."""

    number: int
    type: media.MediaType | None
    location: str
    octets: Incoming = field(repr=False)

    @property
    def name(self) -> str:
        """The media type without parameters, '' when it cannot be read."""
        return self.type.name if self.type else ""

    @property
    def syntax(self) -> str:
        """The transfer-syntax parameter, '' without one."""
        return self.type.parameters.get("transfer-syntax", "") if self.type else ""

    def read(self) -> bytes:
        """All octets."""
        return self.octets.path.read_bytes()


class Single:
    """Reads a payload that is one part as a whole: that of the message itself (8.6.1.1)."""

    def __init__(self) -> None:
        self._begun = False

    def feed(self, octets: bytes) -> Iterator[Begin | Data | End]:
        """What the octets bring."""
        if octets and not self._begun:
            self._begun = True
            yield Begin({})
        if octets:
            yield Data(octets)

    def finish(self) -> None:
        """Malformed when nothing came."""
        if not self._begun:
            raise Malformed("There is no payload.")


class Batch:
    """The parts of one request, each in a file. Use `discard` in any case: what the archive kept stays."""

    def __init__(self, archive: Archive | NonPatient, limit: int | None, fallback: str) -> None:
        self._archive = archive
        self._limit = limit
        self._fallback = fallback
        self._size = 0
        self._base = ""
        self.parts: list[Arrived] = []

    async def read(self, call: Call, boundary: str) -> None:
        """Take the whole payload in, without a `boundary` as one part; Problem 400, 413 or 503 when it cannot be."""
        self._base = call.location
        reader = Reader(boundary) if boundary else Single()
        more = True
        try:
            while more:
                message = await arriving(call)
                if message["type"] == "http.disconnect":
                    raise Disconnected
                more = message.get("more_body", False)
                self._count(len(message.get("body", b"")))
                for event in reader.feed(message.get("body", b"")):
                    self._take(event)
            reader.finish()
        except Malformed as problem:
            raise Problem(400, str(problem)) from problem
        except OSError as problem:
            raise Problem(503, "The instances could not be written down.", temporary=True) from problem

    def discard(self) -> None:
        """Remove what was received, except what the archive has taken."""
        for part in self.parts:
            part.octets.discard()

    def _count(self, octets: int) -> None:
        self._size += octets
        if self._limit is not None and self._size > self._limit:
            raise Problem(413, f"The payload is larger than {self._limit} octets.")

    def _take(self, event: Begin | Data | End) -> None:
        if isinstance(event, Data):
            self.parts[-1].octets.write(event.octets)
        elif isinstance(event, Begin):
            self._begin(event)
        else:
            self.parts[-1].octets.close()

    def _begin(self, event: Begin) -> None:
        number = len(self.parts) + 1
        if number > PARTS:
            raise Problem(413, f"The payload has more than {PARTS} parts.")
        given, place = event.fields.get("content-type"), event.fields.get("content-location", "")
        found = media.read(given) if given is not None else media.MediaType(self._fallback)
        location = resolved(self._base, place)
        self.parts.append(Arrived(number, found, location, self._archive.receive()))


async def arriving(call: Call) -> Message:
    """The next piece of the request; Problem 408 when none comes for a while, so that nothing waits for ever."""
    with anyio.move_on_after(PATIENCE):
        return await call.receive()
    raise Problem(408, f"Nothing came for {PATIENCE:g} seconds.", headers=[("connection", "close")])


def resolved(base: str, reference: str) -> str:
    """A URI reference made absolute; as it is when it is none that can be (RFC 3986 5)."""
    reference = reference.strip()
    if not reference or len(reference) > LOCATION:
        return reference[:LOCATION]
    try:
        return urljoin(base, reference)
    except ValueError:
        return reference
