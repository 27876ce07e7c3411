"""Rules of PS3.18 8.6.1 and 8.7.1 on multipart answers: boundary, delimiters, part header fields, root.

Must not know services, except that search results are no representations of a resource (8.6.1.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from harness.exchange import Answer, Exchange, Journey
from harness.make.variants import fresh
from harness.rule import BOTH, RELATION, WIRE, Finding, journey, probe, rule, undetected, untested
from harness.talk.conversation import DICOM, Web
from harness.wire.multipart import Part
from suites.web.flawed import flawed
from suites.web.http.fields import CONTENT_TYPE, URI

# Which flaw of the reader belongs to which rule; each code stands once.
BOUNDARY = ("multipart.no-boundary", "multipart.boundary-length", "multipart.boundary-characters",
            "multipart.boundary-space")  # fmt: skip
DELIMITERS = ("multipart.no-delimiter", "multipart.bare-lf", "multipart.empty-part", "multipart.no-parts",
              "multipart.preamble", "multipart.leading-crlf", "multipart.padding")  # fmt: skip
CLOSING = ("multipart.no-closing", "multipart.closed-twice", "multipart.delimiter-after-closing",
           "multipart.epilogue")  # fmt: skip
CONTENT = ("multipart.boundary-in-content",)
HEADERS = ("multipart.no-blank-line", "multipart.part-header-syntax", "multipart.part-header-name",
           "multipart.part-header-value", "multipart.obs-fold", "multipart.part-header-too-long")  # fmt: skip
PART_TYPE = ("multipart.no-content-type", "multipart.duplicate-content-type")
PART_LENGTH = ("multipart.content-length", "multipart.content-length-syntax", "multipart.duplicate-content-length")
# Legal in RFC 2046, but not in the grammar of 8.6.1.2.1: somebody may trip over it, nobody broke a sentence.
LENIENT = ("multipart.preamble", "multipart.leading-crlf", "multipart.padding", "multipart.epilogue",
           "multipart.obs-fold", "multipart.boundary-in-content")  # fmt: skip

_FIRST = re.compile(rb"--[0-9A-Za-z'()+_,\-./:=? ]{1,70}\r?\n[A-Za-z-]+: ")
_KEPT = 200  # parts whose header fields are looked at one by one


def _framed(x: Exchange) -> bool:
    return x.answer.multipart is not None and x.answer.body.size > 0


def _parts(x: Exchange) -> tuple[Part, ...]:
    return x.answer.parts[:_KEPT]


def _has_parts(x: Exchange) -> bool:
    return bool(x.answer.parts)


def _resent(x: Exchange, old: bytes, new: bytes, times: int = -1) -> Answer | None:
    """The answer with some octets of its body replaced; None when they are not there."""
    body = x.answer.body.bytes() if _framed(x) else b""
    return x.answer.but(body=body.replace(old, new, times)) if old in body else None


def _boundary(x: Exchange) -> str:
    return x.answer.media.parameters.get("boundary", "") if _framed(x) else ""


def _renamed(x: Exchange, boundary: str) -> Answer | None:
    """The answer with another boundary, in Content-Type and in the body."""
    old = _boundary(x)
    if not old:
        return None
    body = x.answer.body.bytes().replace(f"--{old}".encode(), f"--{boundary}".encode())
    given = x.answer.headers.get("content-type") or ""
    kind = re.sub(r'boundary=("[^"]*"|[^;]*)', lambda _: f'boundary="{boundary}"', given)
    return x.answer.but(type=kind, body=body)


@rule(
    "multipart.boundary",
    cites="PS3.18 8.6.1.2.1; 8.7.3.5.1; RFC 2046 5.1.1",
    verifies=("PS3.18-8.6.1.2.1-1", "PS3.18-8.7.3.5.1-1"),
    on="web",
    who=BOTH,
    content=False,
    when=_framed,
    says="Content-Type names a boundary of 1 to 70 legal characters that does not end in a space.",
)
def boundary_form(x: Exchange) -> Iterator[Finding]:
    if x.answer.multipart:
        yield from flawed(x.answer.multipart.flaws, BOUNDARY)


@boundary_form.mutant(defects="M-MP-08")
def boundary_of_71(x: Exchange) -> Answer | None:
    """The boundary is longer than 70 characters."""
    return _renamed(x, "b" * 71)


@boundary_form.mutant
def boundary_with_an_asterisk(x: Exchange) -> Answer | None:
    """The boundary holds a character that is not allowed in one."""
    return _renamed(x, "part*of*the*whole")


@boundary_form.mutant
def boundary_not_named(x: Exchange) -> Answer | None:
    """Content-Type has no boundary."""
    given = x.answer.headers.get("content-type") or ""
    return x.answer.but(type=re.sub(r'; *boundary=("[^"]*"|[^;]*)', "", given)) if _framed(x) else None


@rule(
    "multipart.delimiters",
    cites="PS3.18 8.6.1.2.1; RFC 2046 5.1.1",
    verifies="PS3.18-8.6.1.2.1-2",
    on="web",
    who=BOTH,
    content=False,
    when=_framed,
    says="Each part begins with two dashes and the boundary on a line of their own, and lines end in CRLF.",
)
def delimiters(x: Exchange) -> Iterator[Finding]:
    if not x.answer.multipart:
        return
    for finding in flawed(x.answer.multipart.flaws, DELIMITERS, warn=LENIENT):
        without_parts = finding.want == "at least one part"
        if not without_parts or (x.context and x.context.policy("D-27") == "one"):
            yield finding


@delimiters.mutant
def lines_end_in_lf(x: Exchange) -> Answer | None:
    """The lines of the framing end in LF alone."""
    return _resent(x, f"--{_boundary(x)}\r\n".encode(), f"--{_boundary(x)}\n".encode())


@delimiters.mutant
def another_boundary_in_the_body(x: Exchange) -> Answer | None:
    """The body uses another boundary than Content-Type names."""
    return _resent(x, f"--{_boundary(x)}".encode(), b"--some-other-boundary")


@delimiters.mutant
def preamble_before_the_first_part(x: Exchange) -> Answer | None:
    """A text for old mail readers precedes the first delimiter."""
    return x.answer.but(body=b"A multipart message.\r\n" + x.answer.body.bytes()) if _framed(x) else None


@delimiters.mutant(at=WIRE)
def two_delimiters_in_a_row(raw: bytes) -> bytes:
    """The first delimiter of a multipart answer stands twice."""
    head, blank, body = raw.partition(b"\r\n\r\n")
    if b"multipart/related" not in head or b"ontent-length" not in head.lower():
        return raw
    line = body[: body.find(b"\r\n") + 2]
    size = str(len(body) + len(line)).encode()
    return re.sub(rb"(?i)(content-length: *)[0-9]+", rb"\g<1>" + size, head) + blank + line + body


@rule(
    "multipart.closing",
    cites="PS3.18 8.6.1.2.1; RFC 2046 5.1.1",
    verifies="PS3.18-8.6.1.2.1-2",
    on="web",
    who=BOTH,
    content=False,
    when=_framed,
    says="The closing delimiter stands once, after the last part, and nothing follows it.",
)
def closing(x: Exchange) -> Iterator[Finding]:
    if x.answer.multipart:
        yield from flawed(x.answer.multipart.flaws, CLOSING, warn=LENIENT)


@closing.mutant(defects="M-MP-11")
def forgets_the_closing_delimiter(x: Exchange) -> Answer | None:
    """The closing delimiter is missing."""
    return _resent(x, f"\r\n--{_boundary(x)}--".encode(), b"")


@closing.mutant
def closes_twice(x: Exchange) -> Answer | None:
    """The closing delimiter stands twice."""
    end = f"\r\n--{_boundary(x)}--".encode()
    return _resent(x, end, end + end)


@closing.mutant
def last_delimiter_does_not_close(x: Exchange) -> Answer | None:
    """The last delimiter lacks its last two dashes."""
    return _resent(x, f"--{_boundary(x)}--".encode(), f"--{_boundary(x)}".encode())


@rule(
    "multipart.boundary-not-in-content",
    cites="PS3.18 8.6.1.2.1; RFC 2046 5.1.1",
    verifies="PS3.18-8.6.1.2.1-3",
    on="web",
    who=BOTH,
    content=False,
    when=_has_parts,
    says="No line of a part's content begins with the delimiter.",
)
def boundary_not_in_content(x: Exchange) -> Iterator[Finding]:
    if x.answer.multipart:
        yield from flawed(x.answer.multipart.flaws, CONTENT, warn=LENIENT)


@boundary_not_in_content.mutant
def boundary_begins_a_line(x: Exchange) -> Answer | None:
    """A header line of every part begins with the delimiter."""
    delimiter = f"--{_boundary(x)}\r\n".encode()
    return _resent(x, delimiter, delimiter + f"--{_boundary(x)}X: 1\r\n".encode())


@journey(
    "multipart.boundary-avoids-content",
    cites="PS3.18 8.6.1.2.1; RFC 2046 5.1.1",
    verifies="PS3.18-8.6.1.2.1-3",
    on="web.retrieve.boundary",
    basis=RELATION,
    when=lambda j: bool(j.step("retrieve")) and any(_has_parts(x) for x in j.steps("retrieve")),
    says="The boundary of an answer is one that does not occur in what it carries.",
)
def boundary_avoids_content(j: Journey) -> Iterator[Finding]:
    for x in j.steps("retrieve"):
        planted = str(x.facts.get("planted", ""))  # the boundary that the stored value holds
        if planted and _boundary(x) == planted:
            yield Finding(got=planted, want="a boundary that the instance does not hold", where="boundary", seq=x.seq)


@boundary_avoids_content.mutant(defects="M-MP-01")
def boundary_is_always_the_same(x: Exchange) -> Answer | None:
    """Every multipart answer has the same boundary."""
    return _renamed(x, "boundary")


@rule(
    "multipart.part-headers",
    cites="PS3.18 8.6.1.2.1",
    verifies="PS3.18-8.6.1.2.1-2",
    on="web",
    who=BOTH,
    content=False,
    when=_has_parts,
    says="Header fields of a part are lines of name, colon and value, ended by an empty line.",
)
def part_headers(x: Exchange) -> Iterator[Finding]:
    if x.answer.multipart:
        yield from flawed(x.answer.multipart.flaws, HEADERS, warn=LENIENT)


@part_headers.mutant
def header_line_without_colon(x: Exchange) -> Answer | None:
    """Part headers hold a line that is no field."""
    delimiter = f"--{_boundary(x)}\r\n".encode()
    return _resent(x, delimiter, delimiter + b"Part of the answer\r\n")


@part_headers.mutant
def blank_before_the_colon(x: Exchange) -> Answer | None:
    """A blank stands before the colon of Content-Type."""
    return _resent(x, b"Content-Type: ", b"Content-Type : ")


@rule(
    "multipart.part-content-type",
    cites="PS3.18 8.6.1.2 Table 8.6.1-1; 8.7.9",
    verifies=("PS3.18-8.6.1.2-1", "PS3.18-8.7.9-1"),
    on="web",
    who=BOTH,
    content=False,
    when=_has_parts,
    says="Each part has one Content-Type, and it is a single part media type.",
)
def part_content_type(x: Exchange) -> Iterator[Finding]:
    if x.answer.multipart:
        yield from flawed(x.answer.multipart.flaws, PART_TYPE)
    for part in _parts(x):
        where = f"part {part.index + 1}"
        yield from flawed(part.media.flaws, CONTENT_TYPE, warn=("media.unquoted-boundary",), where=where)
        if part.media.type.startswith("multipart/"):
            yield Finding(got=part.media.type, want="a single part media type", where=f"{where} Content-Type")


@part_content_type.mutant
def parts_without_content_type(x: Exchange) -> Answer | None:
    """Parts do not say what they are."""
    return _resent(x, b"Content-Type: ", b"X-Content-Type: ")


@part_content_type.mutant
def parts_call_themselves_multipart(x: Exchange) -> Answer | None:
    """The Content-Type of a part repeats that of the message."""
    body = x.answer.body.bytes() if _has_parts(x) else b""
    given = (x.answer.headers.get("content-type") or "").encode()
    return x.answer.but(body=re.sub(rb"(?i)Content-Type: [^\r]*", b"Content-Type: " + given, body)) if body else None


@rule(
    "multipart.part-content-length",
    cites="PS3.18 8.6.1.2 Table 8.6.1-1",
    verifies="PS3.18-8.6.1.2-2",
    on="web",
    who=BOTH,
    content=False,
    when=_has_parts,
    says="Each part tells its length in Content-Length, and it is the number of octets of its content.",
)
def part_content_length(x: Exchange) -> Iterator[Finding]:
    if x.answer.multipart:
        yield from flawed(x.answer.multipart.flaws, PART_LENGTH)
    # the table frees messages with a transfer coding from it, the grammar of 8.6.1.2.1 does not
    chunked = "transfer-encoding" in x.answer.headers
    for part in _parts(x):
        if part.get("content-length") is None and part.get("transfer-encoding") is None:
            yield Finding(got="no Content-Length", want=str(part.content.size), where=f"part {part.index + 1}",
                          warn=chunked)  # fmt: skip


@part_content_length.mutant
def part_length_is_one_short(x: Exchange) -> Answer | None:
    """The Content-Length of a part leaves out its last octet."""
    body = x.answer.body.bytes() if _has_parts(x) else b""
    for part in x.answer.parts:
        size = part.content.size
        body = body.replace(f"Content-Length: {size}\r\n".encode(), f"Content-Length: {size - 1}\r\n".encode())
    return x.answer.but(body=body) if body and body != x.answer.body.bytes() else None


@part_content_length.mutant
def parts_without_length(x: Exchange) -> Answer | None:
    """Parts do not tell their length."""
    body = x.answer.body.bytes() if _has_parts(x) else b""
    return x.answer.but(body=re.sub(rb"(?i)\r\nContent-Length: [0-9]+", b"", body)) if body else None


@rule(
    "multipart.part-content-location",
    cites="PS3.18 8.6.1.2 Table 8.6.1-1",
    verifies=("PS3.18-8.6.1.2-3", "PS3.18-8.2-2"),
    on="web.retrieve",
    content=False,
    when=_has_parts,
    says="Each part that represents a resource tells in Content-Location which one, as a URI.",
)
def part_content_location(x: Exchange) -> Iterator[Finding]:
    for part in _parts(x):
        where = f"part {part.index + 1}"
        values = [v.strip() for v in part.all("content-location")]
        if not values or not values[0]:
            yield Finding(got="no Content-Location", want="the URL of the resource", where=where)
        elif len(values) > 1:
            yield Finding(got=f"{len(values)} fields", want="one Content-Location", where=where)
        elif not URI.fullmatch(values[0]):
            yield Finding(got=values[0], want="a URI reference of RFC 3986", where=f"{where} Content-Location")


@part_content_location.mutant
def parts_without_location(x: Exchange) -> Answer | None:
    """Parts do not say which resource they represent."""
    body = x.answer.body.bytes() if _has_parts(x) else b""
    return x.answer.but(body=re.sub(rb"(?i)\r\nContent-Location: [^\r]*", b"", body)) if body else None


@part_content_location.mutant
def part_location_with_a_blank(x: Exchange) -> Answer | None:
    """The Content-Location of parts holds a blank."""
    return _resent(x, b"Content-Location: http", b"Content-Location: < http")


def _framelists(x: Exchange) -> list[tuple[Part, str]]:
    """The parts of a frames answer whose Content-Location leads below the Base URI to a frames resource."""
    found = []
    for part in _parts(x):
        path = urlsplit(urljoin(x.ask.base.rstrip("/") + "/", part.get("content-location") or "")).path
        if "/frames/" in path:
            found.append((part, path.split("/frames/", 1)[1]))
    return found


@rule(
    "multipart.location-is-the-frame",
    cites="PS3.18 8.6.1.2; 10.4.3.3",
    verifies="PS3.18-8.6.1.2-3",
    on="web.retrieve.frames",
    when=lambda x: x.answer.status == 200 and bool(_framelists(x)),
    says="The Content-Location of a frame's part names that frame, once.",
)
def location_is_the_frame(x: Exchange) -> Iterator[Finding]:
    asked = x.resource.frames.split(",")
    for part, frames in _framelists(x):
        if len(x.answer.parts) == len(asked) and frames != asked[part.index]:
            yield Finding(got=part.get("content-location") or "", want=f"…/frames/{asked[part.index]}",
                          where=f"part {part.index + 1} Content-Location")  # fmt: skip


@location_is_the_frame.mutant(defects="M-MP-18")
def frame_number_twice(x: Exchange) -> Answer | None:
    """The frame number stands twice in the Content-Location of a part."""
    body = x.answer.body.bytes() if _has_parts(x) and x.kind == "web.retrieve.frames" else b""
    doubled = re.sub(rb"(?i)(Content-Location: [^\r]*)(/frames/[0-9]+)", rb"\1\2\2", body)
    return x.answer.but(body=doubled) if doubled != body else None


@rule(
    "multipart.bulkdata-location",
    cites="PS3.18 8.6.1.2; 10.4.3.3.5",
    verifies="PS3.18-8.6.1.2-7",
    on="web.retrieve.bulkdata",
    who=BOTH,
    when=lambda x: x.answer.status == 200 and len(x.answer.parts) == 1 and not x.resource.path.endswith("/bulkdata"),
    says="The Content-Location of a bulkdata part is the Bulkdata URI that was followed.",
)
def bulkdata_location(x: Exchange) -> Iterator[Finding]:
    given = x.answer.parts[0].get("content-location")
    if given is None:
        return  # multipart.part-content-location says so
    base = urljoin(x.ask.base, x.ask.target)
    if urlsplit(urljoin(base, given)).path != urlsplit(base).path:
        yield Finding(got=given, want=x.ask.target, where="part 1 Content-Location")


@bulkdata_location.mutant
def bulkdata_of_the_instance(x: Exchange) -> Answer | None:
    """The Content-Location of bulkdata names the instance it belongs to."""
    body = x.answer.body.bytes() if _has_parts(x) and x.kind == "web.retrieve.bulkdata" else b""
    shorter = re.sub(rb"(?i)(Content-Location: [^\r]*)/bulkdata/[^\r]*", rb"\1", body)
    return x.answer.but(body=shorter) if shorter != body else None


@rule(
    "multipart.is-related",
    cites="PS3.18 8.6.1; 8.6.1.2; 8.7.1",
    verifies="PS3.18-8.6.1-1",
    on="web",
    who=BOTH,
    content=False,
    when=lambda x: x.answer.type.startswith("multipart/") and x.answer.ok and x.answer.status != 206,
    says="The type of a multipart payload is multipart/related.",
)
def is_related(x: Exchange) -> Iterator[Finding]:
    if x.answer.type != "multipart/related":
        yield Finding(got=x.answer.type, want="multipart/related", where="Content-Type")


@is_related.mutant
def multipart_mixed(x: Exchange) -> Answer | None:
    """Multipart answers call themselves multipart/mixed."""
    given = x.answer.headers.get("content-type") or ""
    return x.answer.but(type=given.replace("multipart/related", "multipart/mixed")) if _framed(x) else None


@rule(
    "multipart.single-part-is-no-multipart",
    cites="PS3.18 8.6.1; 8.6.1.1",
    verifies=("PS3.18-8.6.1-1", "PS3.18-8.6.1.1-1"),
    on="web",
    who=BOTH,
    content=False,
    when=lambda x: x.answer.body.size > 0 and bool(x.answer.type) and x.answer.multipart is None,
    says="A payload whose type is a single part one is not framed as multipart.",
)
def single_part_is_no_multipart(x: Exchange) -> Iterator[Finding]:
    if _FIRST.match(x.answer.payload.read(0, 512)):
        yield Finding(got=f"{x.answer.type} with delimiters and parts", want="multipart/related", where="Content-Type")


@single_part_is_no_multipart.mutant
def multipart_in_disguise(x: Exchange) -> Answer | None:
    """A multipart payload is labelled with the type of its parts."""
    return x.answer.but(type=x.answer.parts[0].media.type) if _has_parts(x) else None


@rule(
    "multipart.type-parameter",
    cites="PS3.18 8.7.1; 8.7.3.5.1",
    verifies=("PS3.18-8.7.1-1", "PS3.18-8.7.3.5.1-1"),
    on="web",
    who=BOTH,
    content=False,
    when=lambda x: x.answer.type == "multipart/related",
    says="multipart/related has a type parameter.",
)
def type_parameter(x: Exchange) -> Iterator[Finding]:
    if not x.answer.media.parameters.get("type"):
        yield Finding(got=x.answer.media.raw, want="a type parameter", where="Content-Type")


@type_parameter.mutant
def root_not_named(x: Exchange) -> Answer | None:
    """Content-Type has no type parameter."""
    given = x.answer.headers.get("content-type") or ""
    return x.answer.but(type=re.sub(r'; *type=("[^"]*"|[^;]*)', "", given)) if _framed(x) else None


@rule(
    "multipart.type-is-root-type",
    cites="PS3.18 8.6.1.2; 8.7.1",
    verifies="PS3.18-8.6.1.2-9",
    on="web",
    who=BOTH,
    content=False,
    when=lambda x: bool(x.answer.media.parameters.get("type")) and _root(x) is not None,
    says="The type parameter is the media type of the root, which is the first part unless start names another.",
)
def type_is_root_type(x: Exchange) -> Iterator[Finding]:
    root = _root(x)
    named = x.answer.media.parameters["type"].partition(";")[0].strip().lower()
    if root and root.media.type and root.media.type != named:
        yield Finding(got=f"type={named}, the root is {root.media.type}", want="the type of the root",
                      where="Content-Type")  # fmt: skip


def _root(x: Exchange) -> Part | None:
    start = x.answer.media.parameters.get("start")
    if start:
        return next((p for p in x.answer.parts if p.get("content-id", "") == start), None)
    return x.answer.parts[0] if x.answer.parts else None


@type_is_root_type.mutant
def names_another_root(x: Exchange) -> Answer | None:
    """The type parameter names a type that no part has."""
    given = x.answer.headers.get("content-type") or ""
    return x.answer.but(type=re.sub(r'type="[^"]*"', 'type="text/plain"', given)) if _framed(x) else None


@rule(
    "multipart.single-part-is-one-item",
    cites="PS3.18 8.6.1.1; 10.4.4",
    verifies="PS3.18-8.6.1.1-1",
    on="web.retrieve.instances|web.retrieve.frames",
    when=lambda x: x.answer.status == 200 and x.answer.body.size > 0,
    says="A single part payload answers a request for exactly one item: one instance, one frame.",
)
def single_part_is_one_item(x: Exchange) -> Iterator[Finding]:
    if x.answer.multipart is not None or x.answer.type.startswith("application/zip"):
        return
    frames = len(x.resource.frames.split(",")) if x.kind == "web.retrieve.frames" else 1
    if frames > 1 or x.resource.level in ("study", "series"):
        yield Finding(got=x.answer.type or "no media type", want="multipart/related", where="Content-Type")


@single_part_is_one_item.mutant
def only_the_first_part(x: Exchange) -> Answer | None:
    """A study is answered with its first instance alone, as a single part."""
    if x.kind != "web.retrieve.instances" or x.resource.level != "study" or not x.answer.parts:
        return None
    first = x.answer.parts[0]
    return x.answer.but(type=first.media.type, body=first.content.bytes())


untested("PS3.18-8.6.1.2-5", why="rendered resources are not simulated yet")
untested("PS3.18-8.6.1.2-6", why="no resource of this version carries metadata and bulkdata in one message")
undetected("M-MP-06", why="a fault of a library that reads part headers; ours are read by the store rules' probes")


@probe("multipart.boundary", provokes=("web.retrieve", "web.store"), needs="loaded")
def plant_the_boundary(web: Web) -> None:
    """Store an instance that holds the delimiter of an earlier answer as a line of its own, and retrieve it."""
    sample = web.samples[0]
    with web.journey("web.retrieve.boundary"):
        learnt = _boundary(web.get(sample.path[1:], DICOM, step="learn"))
        if not learnt:
            return
        comment = f"Before\r\n--{learnt}\r\n\r\nafter\r\n--{learnt}--\r\nthe end"
        planted = fresh(sample, 1, f"boundary{web.nonce}", ImageComments=comment)
        web.store([planted], step="store")
        web.get(planted.path[1:], DICOM, step="retrieve", facts={"planted": learnt})
