"""Rules of PS3.18 8.6.1.2.1 on the framing of multipart messages: boundary, delimiters, closing, content.

Must not know what the parts mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.make.variants import fresh
from harness.rule import BOTH, DOOR, RELATION, WIRE, Door, Finding, journey, probe, rule
from harness.talk.conversation import DICOM, Web
from suites.web.flawed import flawed
from suites.web.multipart.reading import (
    BOUNDARY,
    CLOSING,
    CONTENT,
    DELIMITERS,
    LENIENT,
    boundary_of,
    counting,
    framed,
    has_parts,
    renamed,
    resent,
)


@rule(
    "multipart.boundary",
    cites="PS3.18 8.6.1.2.1; 8.7.3.5.1; RFC 2046 5.1.1",
    verifies=("PS3.18-8.6.1.2.1-1", "PS3.18-8.7.3.5.1-1"),
    on="web|file.multipart",
    who=BOTH,
    content=False,
    when=framed,
    says="Content-Type names a boundary of 1 to 70 legal characters that does not end in a space.",
)
def boundary_form(x: Exchange) -> Iterator[Finding]:
    if x.message.multipart:
        yield from flawed(x.message.multipart.flaws, BOUNDARY)


@boundary_form.mutant(defects="M-MP-08")
def boundary_of_71(x: Exchange) -> Ask | Answer | None:
    """The boundary is longer than 70 characters."""
    return renamed(x, "b" * 71)


@boundary_form.mutant
def boundary_with_an_asterisk(x: Exchange) -> Ask | Answer | None:
    """The boundary holds a character that is not allowed in one."""
    return renamed(x, "part*of*the*whole")


@boundary_form.mutant
def boundary_not_named(x: Exchange) -> Ask | Answer | None:
    """Content-Type has no boundary."""
    given = x.message.headers.get("content-type") or ""
    return x.message.but(type=re.sub(r'; *boundary=("[^"]*"|[^;]*)', "", given)) if framed(x) else None


@rule(
    "multipart.delimiters",
    cites="PS3.18 8.6.1.2.1; RFC 2046 5.1.1",
    verifies="PS3.18-8.6.1.2.1-2",
    on="web|file.multipart",
    who=BOTH,
    content=False,
    when=framed,
    says="Each part begins with two dashes and the boundary on a line of their own, and lines end in CRLF.",
)
def delimiters(x: Exchange) -> Iterator[Finding]:
    if not x.message.multipart:
        return
    for finding in flawed(x.message.multipart.flaws, counting(x, DELIMITERS), warn=LENIENT):
        without_parts = finding.want == "at least one part"
        if not without_parts or (x.context and x.context.policy("D-27") == "one"):
            yield finding


@delimiters.mutant
def lines_end_in_lf(x: Exchange) -> Ask | Answer | None:
    """The lines of the framing end in LF alone."""
    return resent(x, f"--{boundary_of(x)}\r\n".encode(), f"--{boundary_of(x)}\n".encode())


@delimiters.mutant
def another_boundary_in_the_body(x: Exchange) -> Ask | Answer | None:
    """The body uses another boundary than Content-Type names."""
    return resent(x, f"--{boundary_of(x)}".encode(), b"--some-other-boundary")


@delimiters.mutant
def preamble_before_the_first_part(x: Exchange) -> Ask | Answer | None:
    """A text for old mail readers precedes the first delimiter."""
    return x.message.but(body=b"A multipart message.\r\n" + x.message.body.bytes()) if framed(x) else None


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
    on="web|file.multipart",
    who=BOTH,
    content=False,
    when=framed,
    says="The closing delimiter stands once, after the last part, and nothing follows it.",
)
def closing(x: Exchange) -> Iterator[Finding]:
    if x.message.multipart:
        yield from flawed(x.message.multipart.flaws, counting(x, CLOSING), warn=LENIENT)


@closing.mutant(defects="M-MP-11")
def forgets_the_closing_delimiter(x: Exchange) -> Ask | Answer | None:
    """The closing delimiter is missing."""
    return resent(x, f"\r\n--{boundary_of(x)}--".encode(), b"")


@closing.mutant
def closes_twice(x: Exchange) -> Ask | Answer | None:
    """The closing delimiter stands twice."""
    end = f"\r\n--{boundary_of(x)}--".encode()
    return resent(x, end, end + end)


@closing.mutant
def last_delimiter_does_not_close(x: Exchange) -> Ask | Answer | None:
    """The last delimiter lacks its last two dashes."""
    return resent(x, f"--{boundary_of(x)}--".encode(), f"--{boundary_of(x)}".encode())


@rule(
    "multipart.boundary-not-in-content",
    cites="PS3.18 8.6.1.2.1; RFC 2046 5.1.1",
    verifies="PS3.18-8.6.1.2.1-3",
    on="web|file.multipart",
    who=BOTH,
    content=False,
    when=has_parts,
    says="No line of a part's content begins with the delimiter.",
)
def boundary_not_in_content(x: Exchange) -> Iterator[Finding]:
    if x.message.multipart:
        yield from flawed(x.message.multipart.flaws, counting(x, CONTENT), warn=LENIENT)


@boundary_not_in_content.mutant
def boundary_begins_a_line(x: Exchange) -> Ask | Answer | None:
    """A header line of every part begins with the delimiter."""
    delimiter = f"--{boundary_of(x)}\r\n".encode()
    return resent(x, delimiter, delimiter + f"--{boundary_of(x)}X: 1\r\n".encode())


@journey(
    "multipart.boundary-avoids-content",
    cites="PS3.18 8.6.1.2.1; RFC 2046 5.1.1",
    verifies="PS3.18-8.6.1.2.1-3",
    on="web.retrieve.boundary",
    basis=RELATION,
    when=lambda j: bool(j.step("retrieve")) and any(has_parts(x) for x in j.steps("retrieve")),
    says="The boundary of an answer is one that does not occur in what it carries.",
)
def boundary_avoids_content(j: Journey) -> Iterator[Finding]:
    for x in j.steps("retrieve"):
        planted = str(x.facts.get("planted", ""))  # the boundary that the stored value holds
        if planted and boundary_of(x) == planted:
            yield Finding(got=planted, want="a boundary that the instance does not hold", where="boundary", seq=x.seq)


@boundary_avoids_content.mutant(at=DOOR, defects="M-MP-01")
def boundary_is_always_the_same(ask: Ask, door: Door) -> Answer:
    """Every multipart answer has the same boundary."""
    answer = door(ask)
    renamed_ = renamed(Exchange(0, ask, answer), "boundary")
    return renamed_ if isinstance(renamed_, Answer) else answer


@probe("multipart.boundary", provokes=("web.retrieve", "web.store"), needs="loaded")
def plant_the_boundary(web: Web) -> None:
    """Store an instance that holds the delimiter of an earlier answer as a line of its own, and retrieve it."""
    sample = web.samples[0]
    with web.journey("web.retrieve.boundary"):
        learnt = boundary_of(web.get(sample.path[1:], DICOM, step="learn"))
        if not learnt:
            return
        comment = f"Before\r\n--{learnt}\r\n\r\nafter\r\n--{learnt}--\r\nthe end"
        planted = fresh(sample, 1, f"boundary{web.nonce}", ImageComments=comment)
        web.store([planted], step="store")
        web.get(planted.path[1:], DICOM, step="retrieve", facts={"planted": learnt})
