"""Knows what was said on a wire: one question and its answer, frozen as evidence, and the strict readings of them.

Must not know rules, targets, probes, simulators, or which side is under test.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, cast

from harness.body import EMPTY, Body
from harness.wire import coding, dicom_json, media, multipart, native_xml, part10, uri
from harness.wire.multipart import Part

if TYPE_CHECKING:
    from harness.association import Association
    from harness.context import Context

# The last word of the kind of a file that was read, by the media type that its content shows.
_FILES = {"application/dicom": "dicom", "application/dicom+json": "json", "application/dicom+xml": "xml"}

SOAP, XOP = "application/soap+xml", "application/xop+xml"  # SOAP 1.2, plain and as the root of an MTOM package

Side = Literal["origin-server", "user-agent"]
SIDES: tuple[Side, ...] = ("origin-server", "user-agent")
ANSWERED: frozenset[str] = frozenset({"origin-server"})

FaultKind = Literal[
    "refused",  # no connection could be opened
    "name",  # the host name did not resolve
    "tls",  # the TLS handshake or the certificate failed
    "timeout",  # the deadline of the exchange passed
    "reset",  # the peer closed or reset before the message was complete
    "protocol",  # the octets are not an HTTP message
    "too-large",  # the body went over the cap; what came before is kept
]


# Codes that say something of who asks or of the hour and nothing of what was asked: access, rate, overload (RFC 9110
# 15.5.2, 15.5.8, 15.6.4; RFC 6585 4). 403 may say either.
PUT_OFF = frozenset({401, 407, 429, 503})
NOT_NOW = PUT_OFF | {403}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a message is missing or incomplete; `detail` is a sentence for people."""

    kind: FaultKind
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Headers:
    """Header fields in the order and spelling of the wire; look-ups ignore case (RFC 9110 5.1)."""

    fields: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, fields: Mapping[str, str] | Iterable[tuple[str, str]]) -> Headers:
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        return cls(tuple((name, value) for name, value in pairs))

    def all(self, name: str) -> list[str]:
        """Every value of the field, in wire order."""
        wanted = name.lower()
        return [value for key, value in self.fields if key.lower() == wanted]

    def get(self, name: str, default: str | None = None) -> str | None:
        """The field's value; repeated list fields are joined as RFC 9110 5.2 says."""
        values = self.all(name)
        return ", ".join(values) if values else default

    def but(self, name: str, value: str | None) -> Headers:
        """The same with this field replaced at its place, added at the end, or removed (None)."""
        wanted = name.lower()
        fields: list[tuple[str, str]] = []
        done = value is None
        for key, old in self.fields:
            if key.lower() != wanted:
                fields.append((key, old))
            elif not done and value is not None:
                fields.append((key, value))
                done = True
        if not done and value is not None:
            fields.append((name, value))
        return Headers(tuple(fields))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.all(name))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)


Subject = TypeVar("Subject")
View = TypeVar("View")
_VIEWS = "views"


def view(reckon: Callable[[Subject], View]) -> Callable[[Subject], View]:
    """Decorates what several rules ask of one exchange, question or answer: reckoned once, until it is forgotten.

    The outcome is shared, so nobody may change it; a generator would be used up by the first who asks.
    """

    @wraps(reckon)
    def once(subject: Subject) -> View:
        known: dict[Any, Any] = subject.__dict__.setdefault(_VIEWS, {})
        if once not in known:
            known[once] = reckon(subject)
        found: View = known[once]
        return found

    return once


def _encoded(part: Part) -> bool:
    return (part.get("content-transfer-encoding") or "").strip().lower() in ("base64", "quoted-printable")


class _Message:
    """What questions and answers have in common: header fields and a body, read strictly once."""

    headers: Headers
    body: Body

    @cached_property
    def media(self) -> media.Reading:
        """The Content-Type field read strictly; an absent field reads as an empty type without findings."""
        return media.read_content_type(self.headers.all("content-type"))

    @property
    def type(self) -> str:
        """type/subtype of the payload in lower case, '' without a readable Content-Type."""
        return self.media.type

    @cached_property
    def payload(self) -> Body:
        """The body with its Content-Encoding undone; as it came when that cannot be done (RFC 9110 8.4)."""
        return coding.decode(self.body, self.headers.get("content-encoding", ""))

    @property
    def ranged(self) -> bool:
        """The body is one or more ranges of a representation, which are no representation themselves (RFC 9110 14)."""
        return "content-range" in self.headers or self.type == "multipart/byteranges"

    @cached_property
    def multipart(self) -> multipart.Reading | None:
        """The body as multipart/related, or None when Content-Type does not say so, or there are ranges of it only."""
        if not self.type.startswith("multipart/") or self.ranged:
            return None
        return multipart.read(self.payload, self.media.parameters.get("boundary", ""))

    @cached_property
    def json(self) -> dicom_json.Reading | None:
        """The body as DICOM JSON Model data sets, or None when Content-Type does not say JSON."""
        if self.type not in ("application/dicom+json", "application/json") or self.ranged:
            return None
        return dicom_json.read(self.payload)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of a multipart body, () for any other body."""
        return self.multipart.parts if self.multipart else ()

    @cached_property
    def files(self) -> tuple[part10.Reading, ...]:
        """The PS3.10 files in the body, in order: each part, or the whole, whose type is application/dicom."""
        if self.type == "application/dicom" and self.body.size and not self.ranged:
            return (part10.read(self.payload),)
        # in a package of SOAP a part may have a coding, which who reads the package undoes (RFC 2045 6)
        coded = self.media.root == XOP
        found = (p for p in self.parts if p.media.type == "application/dicom")
        return tuple(part10.read(p.content) for p in found if not (coded and _encoded(p)))

    @cached_property
    def documents(self) -> tuple[native_xml.Reading, ...]:
        """The Native DICOM Model documents in the body, in order: each part, or the whole, of application/dicom+xml."""
        if self.type == "application/dicom+xml" and self.body.size and not self.ranged:
            return (native_xml.read(self.payload),)
        return tuple(native_xml.read(p.content) for p in self.parts if p.media.type == "application/dicom+xml")

    def but(self, **changes: Any) -> Self:
        """The same with some fields replaced; a new body brings its own Content-Length."""
        if "type" in changes:
            headers = changes.pop("headers", self.headers)
            changes["headers"] = headers.but("content-type", changes.pop("type"))
        if isinstance(changes.get("body"), bytes):
            changes["body"] = Body.of(changes["body"])
        if "body" in changes:
            headers = changes.get("headers", self.headers)
            if "content-length" in headers:
                changes["headers"] = headers.but("content-length", str(changes["body"].size))
        made: Self = dataclasses.replace(cast(Any, self), **changes)
        return made

    def forget(self) -> None:
        """Drop the cached readings, so that a long record is judged in little memory."""
        for name in ("media", "payload", "multipart", "json", "files", "documents", "accept", _VIEWS):
            self.__dict__.pop(name, None)


@dataclass(frozen=True)
class Ask(_Message):
    """One request. `target` is the request-target as sent; `base` the service's Base URI (PS3.18 8.2)."""

    method: str
    target: str
    base: str
    headers: Headers = Headers()
    body: Body = EMPTY
    version: str = "HTTP/1.1"

    @cached_property
    def resource(self) -> uri.Resource:
        """Which resource of PS3.18 the target names, with its UIDs and query parameters.

        Where the services of SOAP and of notifications answer is not told by PS3.18; what is asked of them shows.
        """
        named = uri.classify(self.method, self.target, self.base)
        if self.method == "GET" and (self.headers.get("upgrade") or "").lower() == "websocket":
            return dataclasses.replace(named, kind=uri.OPENING)
        if self.method == "POST" and self._soap:
            return dataclasses.replace(named, kind="web.wado-ws")
        return named

    @property
    def _soap(self) -> bool:
        xop = self.type == "multipart/related" and self.media.parameters.get("type", "").lower() == XOP
        return xop or self.type == SOAP

    @property
    def query(self) -> uri.Query:
        """The query component, split and decoded, in order."""
        return self.resource.query

    @property
    def line(self) -> str:
        return f"{self.method} {self.target}"

    @cached_property
    def accept(self) -> media.AcceptReading:
        """The Accept field read strictly (RFC 9110 12.5.1)."""
        return media.read_accept(self.headers.all("accept"))


@dataclass(frozen=True)
class Answer(_Message):
    """One response, whole or as far as it came. `status` is 0 when no status line was read."""

    status: int = 0
    reason: str = ""
    headers: Headers = Headers()
    body: Body = EMPTY
    version: str = "HTTP/1.1"
    fault: Fault | None = None
    head: bytes = b""  # the status line and header fields as they came

    @property
    def line(self) -> str:
        """The status line for people, or the fault that stands in its place."""
        if not self.status:
            return f"no answer ({self.fault})"
        return f"{self.status} {self.reason}".rstrip()

    @property
    def ok(self) -> bool:
        """A complete answer of class 2xx."""
        return 200 <= self.status < 300 and self.fault is None

    @property
    def complete(self) -> bool:
        return bool(self.status) and self.fault is None


@dataclass(frozen=True)
class Exchange:
    """One question and its answer, with the place it has in the run.

    `kind` is the service and resource in dotted form ("web.search.studies"): what rules subscribe to. A file that
    was read without a question is "file.dicom", "file.json", "file.xml", "file.multipart" or "file.other".
    `journey` and `step` name the sequence that a probe made it part of. `expected` is a prediction
    by an unbroken reference, there only when we loaded the data ourselves. `judged` are the sides under test: who
    answered, who asked, or both; the other one is us. `side` is whose message a demand on both looks at just now.
    """

    seq: int
    ask: Ask
    answer: Answer
    probe: str = ""
    journey: str = ""
    step: str = ""
    expected: Mapping[str, Any] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    elapsed_ms: int = 0
    context: Context | None = field(default=None, compare=False, repr=False)
    judged: frozenset[str] = ANSWERED
    side: Side = "origin-server"

    @property
    def kind(self) -> str:
        kind = self.ask.resource.kind
        if kind != "file":
            return kind
        word = "multipart" if self.answer.type.startswith("multipart/") else _FILES.get(self.answer.type, "other")
        return f"file.{word}"

    @property
    def resource(self) -> uri.Resource:
        return self.ask.resource

    @property
    def complete(self) -> bool:
        """The message that is looked at came whole; an answer is one to a question of which all is known."""
        whole = not self.ask.body.truncated
        return whole if self.side == "user-agent" else whole and self.answer.complete

    @property
    def fault(self) -> str:
        """Why the message that is looked at did not come whole, '' when it did."""
        if self.side == "origin-server" and self.answer.fault:
            return str(self.answer.fault)
        return "the payload of the request is cut" if self.ask.body.truncated else ""

    @property
    def size(self) -> int:
        """How long the question is."""
        return len(self.ask.target) + self.ask.body.size

    @property
    def called(self) -> str:
        return f"exchange {self.seq}"

    def leads_away(self, url: str, scheme: bool = True) -> bool:
        """Whether an absolute URL names another server than the one that was asked, by any name it was asked by.

        Where we stood between the two it has one name more, which `facts` tell: its own.
        """
        base = self.ask.base
        host = f"{base.partition('//')[0]}//{self.ask.headers.get('host') or ''}"
        names = {_origin(name) for name in (host, base, str(self.facts.get("server", "")))}
        return _origin(url) not in names if scheme else _origin(url)[1] not in {name[1] for name in names}

    @property
    def message(self) -> Ask | Answer:
        """What the side sent that is looked at: the answer, or the question. For demands on whoever sent a message."""
        return self.ask if self.side == "user-agent" else self.answer

    def judges(self, who: str) -> bool:
        """Whether a demand on this role ("origin-server", "user-agent", "both") is judged on the side looked at."""
        return self.side in self.judged and who in ("both", self.side)

    def sides(self) -> list[Exchange]:
        """The exchange as seen from each side under test."""
        return [self if side == self.side else self.but(side=side) for side in SIDES if side in self.judged]

    def but(self, **changes: Any) -> Exchange:
        return dataclasses.replace(self, **changes)

    def forget(self) -> None:
        """Drop the cached readings and views of it and of both messages."""
        self.__dict__.pop(_VIEWS, None)
        self.ask.forget()
        self.answer.forget()


def _origin(url: str) -> tuple[str, str]:
    """Scheme, and host and port without a default one, of an absolute URL in lower case."""
    scheme, _, rest = url.lower().partition("//")
    authority = rest.partition("/")[0]
    return scheme, authority.removesuffix(":80").removesuffix(":443")


@dataclass(frozen=True)
class Journey:
    """Several exchanges of one probe, in order, that only together say something (paging, a round trip).

    `associations` are what it said in DIMSE, in order; a journey may go through both doors.
    """

    kind: str
    name: str
    exchanges: tuple[Exchange, ...]
    context: Context | None = field(default=None, compare=False, repr=False)
    associations: tuple[Association, ...] = ()

    def steps(self, step: str) -> list[Exchange]:
        """The exchanges that the probe labelled so, in order."""
        return [x for x in self.exchanges if x.step == step]

    def step(self, step: str) -> Exchange | None:
        """The first exchange with that label."""
        return next((x for x in self.exchanges if x.step == step), None)

    def association(self, step: str) -> Association | None:
        """The first association with that label."""
        return next((a for a in self.associations if a.step == step), None)

    @property
    def complete(self) -> bool:
        """Every exchange got a whole answer."""
        return all(x.complete for x in self.exchanges) and all(a.complete for a in self.associations)

    def judges(self, who: str) -> bool:
        """Whether a demand on this role is judged in all that belongs to it."""
        told = (bool(x.judged) if who == "both" else who in x.judged for x in self.exchanges)
        return all(told) and all(a.judges(who) for a in self.associations)
