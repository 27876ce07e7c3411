"""Rules of PS3.18 8.4.2, 8.4.3 and 8.6 on payloads: length, content coding, ranges, conditions.

Must not know services: what holds here holds for any request and answer.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Mapping

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import BOTH, DOOR, RELATION, SHOULD, WIRE, Door, Finding, journey, rule

_DIGITS = re.compile(r"[0-9]+")
_RANGE = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+|\*)")
_UNSATISFIED = re.compile(r"bytes \*/[0-9]+")
_PLAIN = ("application/dicom+json", "application/json", "application/dicom+xml", "application/xml", "text/",
          "multipart/", "application/dicom")  # fmt: skip
_UNDOABLE = 1 << 20  # a coded body up to this size is undone for certain, unless it is broken


def _has_payload(x: Exchange) -> bool:
    return x.answer.body.size > 0 and x.ask.method != "HEAD"


@rule(
    "http.length-or-transfer-encoding",
    cites="PS3.18 8.4.3 Table 8.4.3-1; 8.6",
    verifies=("PS3.18-8.4.3-1", "PS3.18-8.4.3-2"),
    on="web",
    who=BOTH,
    content=False,
    when=lambda x: _has_payload(x) and x.answer.version != "HTTP/2",
    says="A message with a payload has either Content-Length or Transfer-Encoding, never both, never neither.",
)
def length_or_transfer_encoding(x: Exchange) -> Iterator[Finding]:
    length, coding = x.answer.headers.get("content-length"), x.answer.headers.get("transfer-encoding")
    if length is not None and coding is not None:
        yield Finding(got=f"Content-Length: {length} and Transfer-Encoding: {coding}", want="one of them",
                      where="header fields")  # fmt: skip
    if length is None and coding is None:
        yield Finding(got="neither Content-Length nor Transfer-Encoding", want="one of them", where="header fields")


@length_or_transfer_encoding.mutant(at=WIRE)
def length_beside_chunks(raw: bytes) -> bytes:
    """A payload in chunks has a Content-Length as well."""
    head, _, body = raw.partition(b"\r\n\r\n")
    if b"content-length:" not in head.lower() or not body:
        return raw
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    return head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked


@length_or_transfer_encoding.mutant(at=WIRE)
def ends_with_the_connection(raw: bytes) -> bytes:
    """The end of the payload is told by the end of the connection only."""
    head, blank, body = raw.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith((b"content-length:", b"connection:"))]
    if len(kept) == len(lines) or not body:
        return raw
    return b"\r\n".join([*kept, b"Connection: close"]) + blank + body


@rule(
    "http.content-length-is-size",
    cites="PS3.18 8.4.3 Table 8.4.3-1",
    verifies="PS3.18-8.4.3-3",
    on="web",
    who=BOTH,
    content=False,
    incomplete=True,
    when=lambda x: "content-length" in x.answer.headers and x.ask.method != "HEAD" and x.answer.status != 304,
    says="Content-Length is the number of octets of the payload.",
)
def content_length_is_size(x: Exchange) -> Iterator[Finding]:
    length, size = x.answer.headers.all("content-length")[0].strip(), x.answer.body.size
    if not _DIGITS.fullmatch(length):
        yield Finding(got=length, want="digits", where="Content-Length")
    elif x.answer.fault is not None and x.answer.fault.kind in ("too-large", "timeout"):
        return
    elif int(length[:20]) != size and "transfer-encoding" not in x.answer.headers:
        yield Finding(got=length, want=f"{size}, the octets that came", where="Content-Length")


@content_length_is_size.mutant(at=WIRE)
def promises_more_than_comes(raw: bytes) -> bytes:
    """Content-Length of search results is larger than the payload."""
    head, blank, body = raw.partition(b"\r\n\r\n")
    if b"application/dicom+json" not in head or not head.startswith(b"HTTP/1.1 200"):
        return raw
    longer = re.sub(rb"(?i)(content-length: *)([0-9]+)", lambda m: m[1] + str(int(m[2]) + 7).encode(), head)
    closing = b"" if b"\nconnection:" in head.lower() else b"\r\nConnection: close"
    return longer + closing + blank + body


@rule(
    "http.nothing-in-chunks",
    cites="PS3.18 8.6",
    verifies="PS3.18-8.6-1",
    on="web",
    who=BOTH,
    content=False,
    when=lambda x: x.answer.status in (204, 304),
    says="A message without a payload has no Transfer-Encoding; for Content-Length the texts differ.",
)
def nothing_in_chunks(x: Exchange) -> Iterator[Finding]:
    coding, length = x.answer.headers.get("transfer-encoding"), x.answer.headers.get("content-length")
    if coding is not None:
        yield Finding(got=f"Transfer-Encoding: {coding}", want="no Transfer-Encoding", where="header fields")
    if x.answer.status == 204 and length is not None:
        if length.strip() != "0":
            yield Finding(got=f"Content-Length: {length}", want="no Content-Length", where="header fields")
        elif x.context and x.context.policy("D-04") == "absent":
            yield Finding(got="Content-Length: 0", want="no Content-Length", where="header fields", warn=True,
                          policy="D-04")  # fmt: skip


@nothing_in_chunks.mutant(at=WIRE)
def chunks_of_nothing(raw: bytes) -> bytes:
    """204 announces chunks that it does not send."""
    line, end, rest = raw.partition(b"\r\n")
    return line + end + b"Transfer-Encoding: chunked" + end + rest if line.startswith(b"HTTP/1.1 204") else raw


@rule(
    "http.content-encoding-is-true",
    cites="PS3.18 8.4.2 Table 8.4.2-1",
    verifies="PS3.18-8.4.2-2",
    on="web",
    who=BOTH,
    content=False,
    when=lambda x: _has_payload(x) and x.answer.type.startswith(_PLAIN),
    says="Content-Encoding names the coding that was applied: a coded payload says so, and a plain one does not.",
)
def content_encoding_is_true(x: Exchange) -> Iterator[Finding]:
    coding = (x.answer.headers.get("content-encoding") or "").lower().strip()
    if not coding and x.answer.body.read(0, 3) == b"\x1f\x8b\x08":
        yield Finding(got="gzip octets without Content-Encoding", want="Content-Encoding: gzip", where="payload")
    undoable = coding in ("gzip", "x-gzip", "deflate") and x.answer.body.size <= _UNDOABLE
    if undoable and x.answer.payload is x.answer.body:
        yield Finding(got=f"octets that are no {coding}", want=f"{coding}, as Content-Encoding says", where="payload")


@content_encoding_is_true.mutant
def secret_gzip(x: Exchange) -> Answer | None:
    """Search results are compressed and nobody is told."""
    return x.answer.but(body=gzip.compress(x.answer.body.bytes())) if _small_json(x) else None


@content_encoding_is_true.mutant(defects="M-AC-27")
def gzip_in_name_only(x: Exchange) -> Answer | None:
    """Content-Encoding says gzip for plain octets."""
    if not _small_json(x):
        return None
    return x.answer.but(headers=x.answer.headers.but("content-encoding", "gzip"))


def _small_json(x: Exchange) -> bool:
    return x.answer.ok and x.answer.type == "application/dicom+json" and 0 < x.answer.body.size <= _UNDOABLE


def _codings(field: str) -> Mapping[str, float]:
    """Coding -> weight of an Accept-Encoding field (RFC 9110 12.5.3); what cannot be read is left out."""
    found: dict[str, float] = {}
    for member in field.lower().split(","):
        name, _, parameter = member.partition(";")
        weight = re.fullmatch(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*", parameter) if parameter else None
        if name.strip() and (weight or not parameter):
            found[name.strip()] = float(weight[1]) if weight else 1.0
    return found


@rule(
    "http.content-coding-acceptable",
    cites="PS3.18 8.4.1 Table 8.4.1-1; RFC 9110 12.5.3",
    level=SHOULD,
    on="web",
    content=False,
    when=lambda x: x.answer.ok and _has_payload(x) and "accept-encoding" in x.ask.headers,
    says="The content coding of an answer is one that Accept-Encoding allows.",
)
def content_coding_acceptable(x: Exchange) -> Iterator[Finding]:
    allowed = _codings(x.ask.headers.get("accept-encoding") or "")
    for coding in (x.answer.headers.get("content-encoding") or "identity").lower().split(","):
        name = coding.strip()
        otherwise = allowed.get("*", 1.0 if name == "identity" else 0.0)
        if allowed.get(name, otherwise) == 0:
            yield Finding(got=name, want=x.ask.headers.get("accept-encoding") or "", where="Content-Encoding")


@content_coding_acceptable.mutant
def always_gzip(x: Exchange) -> Answer | None:
    """JSON is compressed whatever Accept-Encoding says."""
    if not _small_json(x) or "accept-encoding" not in x.ask.headers:
        return None
    headers = x.answer.headers.but("content-encoding", "gzip")
    return x.answer.but(body=gzip.compress(x.answer.body.bytes()), headers=headers)


@journey(
    "http.coding-keeps-content",
    cites="PS3.18 8.4.2 Table 8.4.2-1; 8.6",
    verifies="PS3.18-8.4.2-2",
    on="web.retrieve.coding",
    basis=RELATION,
    when=lambda j: bool(j.exchanges) and all(x.answer.ok and bool(x.answer.json) for x in j.exchanges),
    says="Whatever coding is applied, the content that it is undone to is the same.",
)
def coding_keeps_content(j: Journey) -> Iterator[Finding]:
    first = j.exchanges[0]
    for x in j.exchanges[1:]:
        if _content(x) != _content(first):
            yield Finding(got=f"other content with Accept-Encoding: {x.ask.headers.get('accept-encoding')}",
                          want=f"the content of exchange {first.seq}", where="payload", seq=x.seq)  # fmt: skip


def _content(x: Exchange) -> object:
    return list(x.answer.json.datasets) if x.answer.json else None


@coding_keeps_content.mutant
def compresses_half_of_it(x: Exchange) -> Answer | None:
    """With gzip asked for, an empty list is sent in place of the content."""
    if not _small_json(x) or "gzip" not in (x.ask.headers.get("accept-encoding") or ""):
        return None
    return x.answer.but(body=gzip.compress(b"[]"), headers=x.answer.headers.but("content-encoding", "gzip"))


@rule(
    "http.content-range",
    cites="PS3.18 8.4.3 Table 8.4.3-1; RFC 9110 14.4",
    verifies="PS3.18-8.4.3-4",
    on="web",
    content=False,
    when=lambda x: "range" in x.ask.headers and x.answer.status in (206, 416),
    due=False,
    says="206 with one part and 416 carry Content-Range, and the range has as many octets as the payload.",
)
def content_range(x: Exchange) -> Iterator[Finding]:
    if x.answer.type == "multipart/byteranges":
        return
    given = (x.answer.headers.get("content-range") or "").strip()
    if x.answer.status == 416:
        if not _UNSATISFIED.fullmatch(given):
            yield Finding(got=given or "none", want="bytes */size", where="Content-Range", warn=not given)
        return
    match = _RANGE.fullmatch(given)
    if not match:
        yield Finding(got=given or "none", want="bytes first-last/size", where="Content-Range")
    elif int(match[2]) - int(match[1]) + 1 != x.answer.body.size:
        yield Finding(got=f"{given} with {x.answer.body.size} octets", want="as many octets as the range",
                      where="Content-Range")  # fmt: skip


def _asked(ask: Ask) -> tuple[int, int] | None:
    match = re.fullmatch(r"bytes=([0-9]+)-([0-9]+)", ask.headers.get("range") or "")
    return (int(match[1]), int(match[2])) if match else None


def _cut(ask: Ask, answer: Answer, shift: int = 0, field: bool = True) -> Answer:
    """The 206 answer to a range request, as a server would give it that has ranges; the whole for anything else."""
    asked, size = _asked(ask), answer.body.size
    if not asked or answer.status != 200 or answer.multipart is not None or asked[0] + shift >= size:
        return answer
    first, last = asked[0], min(asked[1], size - 1)
    headers = answer.headers.but("content-range", f"bytes {first}-{last}/{size}" if field else None)
    return answer.but(status=206, headers=headers, body=answer.body.read(first + shift, last - first + 1))


@content_range.mutant(at=DOOR)
def range_without_a_name(ask: Ask, door: Door) -> Answer:
    """206 does not say which range it carries."""
    return _cut(ask, door(ask), field=False)


@content_range.mutant(at=DOOR, defects="M-AC-32")
def range_of_another_length(ask: Ask, door: Door) -> Answer:
    """206 carries one octet more than its Content-Range says."""
    whole = door(ask)
    answer = _cut(ask, whole)
    return answer.but(body=answer.body.bytes() + b" ") if answer is not whole else answer


@journey(
    "http.range-is-part-of-whole",
    cites="PS3.18 8.6.1.1; RFC 9110 14.2",
    verifies="PS3.18-8.6.1.1-2",
    on="web.retrieve.range",
    since="2023e",
    when=lambda j: bool(_whole(j)) and any("range" in x.ask.headers for x in j.exchanges),
    says="A range request is answered with those octets of the whole and 206, or with the whole and 200.",
)
def range_is_part_of_whole(j: Journey) -> Iterator[Finding]:
    whole = _whole(j)
    for x in j.exchanges:
        if whole and "range" in x.ask.headers and x.answer.type != "multipart/byteranges":
            yield from _compared(x, whole)


def _whole(j: Journey) -> Exchange | None:
    """The answer to the same question without a range, when it is one part: each multipart message differs."""
    x = j.step("whole")
    return x if x and x.answer.status == 200 and x.answer.multipart is None and x.answer.body.size else None


def _compared(x: Exchange, whole: Exchange) -> Iterator[Finding]:
    size, status = whole.answer.body.size, x.answer.status
    asked = _asked(x.ask)
    satisfiable = asked is not None and asked[0] < size
    if status == 200 and not x.answer.body.same(whole.answer.body):
        yield Finding(got=f"200 with {x.answer.body.size} octets", want=f"the whole, {size} octets", where="payload",
                      seq=x.seq)  # fmt: skip
    elif status == 416 and satisfiable:
        yield Finding(got=x.answer.line, want=f"a range of {size} octets", where="status code", seq=x.seq)
    elif status == 206:
        yield from _partial(x, whole, asked, satisfiable)
    elif status not in (200, 206, 416):
        yield Finding(got=x.answer.line, want="206, 200 or 416", where="status code", seq=x.seq)


def _partial(x: Exchange, whole: Exchange, asked: tuple[int, int] | None, satisfiable: bool) -> Iterator[Finding]:
    size = whole.answer.body.size
    match = _RANGE.fullmatch((x.answer.headers.get("content-range") or "").strip())
    if asked and not satisfiable:
        yield Finding(got="206 to a range behind the end", want="416", where="status code", seq=x.seq)
    elif match:
        first, last = int(match[1]), int(match[2])
        if asked and (first, last) != (asked[0], min(asked[1], size - 1)):
            yield Finding(got=match[0], want=f"bytes {asked[0]}-{min(asked[1], size - 1)}/{size}",
                          where="Content-Range", seq=x.seq)  # fmt: skip
        elif match[3] not in ("*", str(size)):
            yield Finding(got=match[0], want=f"a size of {size}", where="Content-Range", seq=x.seq)
        elif x.answer.body.bytes() != whole.answer.body.read(first, last - first + 1):
            yield Finding(got="other octets", want=f"octets {first} to {last} of the whole", where="payload", seq=x.seq)


@range_is_part_of_whole.mutant(at=DOOR, defects="M-AC-33")
def range_of_the_neighbours(ask: Ask, door: Door) -> Answer:
    """A range begins one octet late."""
    return _cut(ask, door(ask), shift=1)


@range_is_part_of_whole.mutant(at=DOOR)
def range_called_the_whole(ask: Ask, door: Door) -> Answer:
    """A part of the representation is answered 200."""
    answer = _cut(ask, door(ask))
    return answer.but(status=200) if answer.status == 206 else answer


@journey(
    "http.unchanged-is-304",
    cites="PS3.18 8.5 Table 8.5-1; RFC 9110 13.1",
    level=SHOULD,
    on="web.retrieve.conditional",
    when=lambda j: any(x.answer.complete for x in j.steps("again")),
    due=False,
    says="Who asks again with the validator that it was given is told 304, without a payload, when nothing changed.",
)
def unchanged_is_304(j: Journey) -> Iterator[Finding]:
    for x in j.steps("again"):
        if x.answer.status != 304:
            yield Finding(got=x.answer.line, want="304 Not Modified", where="status code", seq=x.seq)


@unchanged_is_304.mutant(at=DOOR, defects="M-AC-24")
def forgets_its_validators(ask: Ask, door: Door) -> Answer:
    """A Last-Modified date is given and never looked at again."""
    answer = door(ask)
    if ask.resource.kind != "web.retrieve.metadata" or answer.status != 200:
        return answer
    return answer.but(headers=answer.headers.but("last-modified", "Thu, 01 Feb 2024 12:00:00 GMT"))
