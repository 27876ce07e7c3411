"""Rules of PS3.18 8.6.1.2 Table 8.6.1-1 on the header fields of parts.

Must not know what the contents of parts mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from harness.exchange import Answer, Ask, Exchange
from harness.rule import BOTH, Finding, rule, undetected
from harness.wire.multipart import Part
from suites.web.flawed import flawed
from suites.web.http.fields import CONTENT_TYPE, URI
from suites.web.multipart.reading import (
    HEADERS,
    LENIENT,
    PACKAGES,
    PART_LENGTH,
    PART_TYPE,
    boundary_of,
    counting,
    first_parts,
    has_parts,
    resent,
)


@rule(
    "multipart.part-headers",
    cites="PS3.18 8.6.1.2.1",
    verifies="PS3.18-8.6.1.2.1-2",
    on="web|file.multipart",
    who=BOTH,
    content=False,
    when=has_parts,
    says="Header fields of a part are lines of name, colon and value, ended by an empty line.",
)
def part_headers(x: Exchange) -> Iterator[Finding]:
    if x.message.multipart:
        yield from flawed(x.message.multipart.flaws, counting(x, HEADERS), warn=LENIENT)


@part_headers.mutant
def header_line_without_colon(x: Exchange) -> Ask | Answer | None:
    """Part headers hold a line that is no field."""
    delimiter = f"--{boundary_of(x)}\r\n".encode()
    return resent(x, delimiter, delimiter + b"Part of the answer\r\n")


@part_headers.mutant
def blank_before_the_colon(x: Exchange) -> Ask | Answer | None:
    """A blank stands before the colon of Content-Type."""
    return resent(x, b"Content-Type: ", b"Content-Type : ")


@rule(
    "multipart.part-content-type",
    cites="PS3.18 8.6.1.2 Table 8.6.1-1; 8.7.9",
    verifies=("PS3.18-8.6.1.2-1", "PS3.18-8.7.9-1"),
    on="web|file.multipart",
    who=BOTH,
    content=False,
    when=has_parts,
    says="Each part has one Content-Type, and it is a single part media type.",
)
def part_content_type(x: Exchange) -> Iterator[Finding]:
    if x.message.multipart:
        yield from flawed(x.message.multipart.flaws, PART_TYPE)
    for part in first_parts(x):
        where = f"part {part.index + 1}"
        yield from flawed(part.media.flaws, CONTENT_TYPE, warn=("media.unquoted-boundary",), where=where)
        if part.media.type.startswith("multipart/"):
            yield Finding(got=part.media.type, want="a single part media type", where=f"{where} Content-Type")


@part_content_type.mutant
def parts_without_content_type(x: Exchange) -> Ask | Answer | None:
    """Parts do not say what they are."""
    return resent(x, b"Content-Type: ", b"X-Content-Type: ")


@part_content_type.mutant
def parts_call_themselves_multipart(x: Exchange) -> Ask | Answer | None:
    """The Content-Type of a part repeats that of the message."""
    body = x.message.body.bytes() if has_parts(x) else b""
    given = (x.message.headers.get("content-type") or "").encode()
    return x.message.but(body=re.sub(rb"(?i)Content-Type: [^\r]*", b"Content-Type: " + given, body)) if body else None


@rule(
    "multipart.part-content-length",
    cites="PS3.18 8.6.1.2 Table 8.6.1-1",
    verifies="PS3.18-8.6.1.2-2",
    on="web|file.multipart",
    who=BOTH,
    content=False,
    when=has_parts,
    says="Each part tells its length in Content-Length, and it is the number of octets of its content.",
)
def part_content_length(x: Exchange) -> Iterator[Finding]:
    if x.message.multipart:
        yield from flawed(x.message.multipart.flaws, PART_LENGTH)
    # the table speaks of answers, and frees those with a transfer coding; the grammar of 8.6.1.2.1 does neither
    free = "transfer-encoding" in x.message.headers or x.message is x.ask
    for part in first_parts(x) if x.kind != PACKAGES else ():
        if part.get("content-length") is None and part.get("transfer-encoding") is None:
            yield Finding(got="no Content-Length", want=str(part.content.size), where=f"part {part.index + 1}",
                          warn=free)  # fmt: skip


@part_content_length.mutant
def part_length_is_one_short(x: Exchange) -> Ask | Answer | None:
    """The Content-Length of a part leaves out its last octet."""
    body = x.message.body.bytes() if has_parts(x) else b""
    for part in x.message.parts:
        size = part.content.size
        body = body.replace(f"Content-Length: {size}\r\n".encode(), f"Content-Length: {size - 1}\r\n".encode())
    return x.message.but(body=body) if body and body != x.message.body.bytes() else None


@part_content_length.mutant
def parts_without_length(x: Exchange) -> Ask | Answer | None:
    """Parts do not tell their length."""
    body = x.message.body.bytes() if has_parts(x) else b""
    return x.message.but(body=re.sub(rb"(?i)\r\nContent-Length: [0-9]+", b"", body)) if body else None


@rule(
    "multipart.part-content-location",
    cites="PS3.18 8.6.1.2 Table 8.6.1-1",
    verifies=("PS3.18-8.6.1.2-3", "PS3.18-8.2-2"),
    on="web.retrieve",
    content=False,
    when=has_parts,
    says="Each part that represents a resource tells in Content-Location which one, as a URI.",
)
def part_content_location(x: Exchange) -> Iterator[Finding]:
    for part in first_parts(x):
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
    body = x.answer.body.bytes() if has_parts(x) else b""
    return x.answer.but(body=re.sub(rb"(?i)\r\nContent-Location: [^\r]*", b"", body)) if body else None


@part_content_location.mutant
def part_location_with_a_blank(x: Exchange) -> Ask | Answer | None:
    """The Content-Location of parts holds a blank."""
    return resent(x, b"Content-Location: http", b"Content-Location: < http")


def _framelists(x: Exchange) -> list[tuple[Part, str]]:
    """The parts of a frames answer whose Content-Location leads below the Base URI to a frames resource."""
    found = []
    for part in first_parts(x):
        path = urlsplit(urljoin(x.ask.base.rstrip("/") + "/", part.get("content-location") or "")).path
        if "/frames/" in path:
            found.append((part, path.split("/frames/", 1)[1]))
    return found


@rule(
    "multipart.location-names-frames-once",
    cites="PS3.18 8.6.1.2; 10.4.1.1.6",
    verifies="PS3.18-8.6.1.2-3",
    on="web.retrieve.frames",
    when=lambda x: x.answer.status == 200 and bool(_framelists(x)),
    says="The Content-Location of a frame's part is the URL of a frames resource, with the frame named once.",
)
def location_names_frames_once(x: Exchange) -> Iterator[Finding]:
    for part, frames in _framelists(x):
        if not re.fullmatch(r"[0-9]+(,[0-9]+)*", frames):
            yield Finding(got=part.get("content-location") or "", want="…/frames/ and the number of the frame",
                          where=f"part {part.index + 1} Content-Location")  # fmt: skip


@location_names_frames_once.mutant(defects="M-MP-18")
def frame_number_twice(x: Exchange) -> Answer | None:
    """The frame number stands twice in the Content-Location of a part."""
    body = x.answer.body.bytes() if has_parts(x) and x.kind == "web.retrieve.frames" else b""
    doubled = re.sub(rb"(?i)(Content-Location: [^\r]*)(/frames/[0-9]+)", rb"\1\2\2", body)
    return x.answer.but(body=doubled) if doubled != body else None


undetected("M-MP-06", why="a fault of a library that reads part headers; ours are read by the store rules' probes")
