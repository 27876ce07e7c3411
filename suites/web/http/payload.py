"""Rules of PS3.18 8.4.2, 8.4.3 and 8.6 on payloads: length and content coding.

Must not know services: what holds here holds for any request and answer.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Mapping

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import BOTH, RELATION, SHOULD, WIRE, Finding, journey, rule

_DIGITS = re.compile(r"[0-9]+")
_PLAIN = ("application/dicom+json", "application/json", "application/dicom+xml", "application/xml", "text/",
          "multipart/", "application/dicom")  # fmt: skip
_UNDOABLE = 1 << 20  # a coded body up to this size is undone for certain, unless it is broken


def _has_payload(x: Exchange) -> bool:
    return x.message.body.size > 0 and (x.message is x.ask or x.ask.method != "HEAD")


@rule(
    "http.length-or-transfer-encoding",
    cites="PS3.18 8.4.3 Table 8.4.3-1; 8.6; 10.6.3.2",
    verifies=("PS3.18-8.4.3-1", "PS3.18-8.4.3-2", "PS3.18-10.6.3.2-1", "PS3.18-9.4.3.2-2"),
    on="web",
    who=BOTH,
    content=False,
    when=lambda x: _has_payload(x) and not x.message.version.startswith("HTTP/2"),
    wire=True,
    says="A message with a payload has either Content-Length or Transfer-Encoding, never both, never neither.",
)
def length_or_transfer_encoding(x: Exchange) -> Iterator[Finding]:
    length, coding = x.message.headers.get("content-length"), x.message.headers.get("transfer-encoding")
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


def _without_octets(x: Exchange) -> bool:
    """An answer whose Content-Length is that of another one (RFC 9110 8.6)."""
    return x.message is x.answer and (x.ask.method == "HEAD" or x.answer.status == 304)


@rule(
    "http.content-length-is-size",
    cites="PS3.18 8.4.3 Table 8.4.3-1",
    verifies="PS3.18-8.4.3-3",
    on="web",
    who=BOTH,
    content=False,
    incomplete=True,
    when=lambda x: "content-length" in x.message.headers and not _without_octets(x),
    wire=True,
    says="Content-Length is the number of octets of the payload.",
)
def content_length_is_size(x: Exchange) -> Iterator[Finding]:
    length, size = x.message.headers.all("content-length")[0].strip(), x.message.body.size
    if not _DIGITS.fullmatch(length):
        yield Finding(got=length, want="digits", where="Content-Length")
    elif x.answer.fault is not None and x.answer.fault.kind in ("too-large", "timeout"):
        return
    elif x.message is x.ask and x.ask.body.truncated:
        return  # what did not come, nobody may have wanted
    elif int(length[:20]) != size and "transfer-encoding" not in x.message.headers:
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
    content=False,
    when=lambda x: x.answer.status in (204, 304),
    wire=True,
    says="An answer without a payload has no Transfer-Encoding; for Content-Length the texts differ.",
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
    when=lambda x: _has_payload(x) and x.message.type.startswith(_PLAIN),
    wire=True,
    says="Content-Encoding names the coding that was applied: a coded payload says so, and a plain one does not.",
)
def content_encoding_is_true(x: Exchange) -> Iterator[Finding]:
    coding = (x.message.headers.get("content-encoding") or "").lower().strip()
    if not coding and x.message.body.read(0, 3) == b"\x1f\x8b\x08":
        yield Finding(got="gzip octets without Content-Encoding", want="Content-Encoding: gzip", where="payload")
    undoable = coding in ("gzip", "x-gzip", "deflate") and x.message.body.size <= _UNDOABLE
    if undoable and x.message.payload is x.message.body:
        yield Finding(got=f"octets that are no {coding}", want=f"{coding}, as Content-Encoding says", where="payload")


@content_encoding_is_true.mutant
def secret_gzip(x: Exchange) -> Ask | Answer | None:
    """Search results are compressed and nobody is told."""
    return x.message.but(body=gzip.compress(x.message.body.bytes())) if _small_json(x) else None


@content_encoding_is_true.mutant(defects="M-AC-27")
def gzip_in_name_only(x: Exchange) -> Ask | Answer | None:
    """Content-Encoding says gzip for plain octets."""
    if not _small_json(x):
        return None
    return x.message.but(headers=x.message.headers.but("content-encoding", "gzip"))


def _small_json(x: Exchange) -> bool:
    whole = x.message is x.ask or x.answer.ok
    return whole and x.message.type == "application/dicom+json" and 0 < x.message.body.size <= _UNDOABLE


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
    wire=True,
    says="The content coding of an answer is one that Accept-Encoding allows.",
)
def content_coding_acceptable(x: Exchange) -> Iterator[Finding]:
    allowed = _codings(x.ask.headers.get("accept-encoding") or "")
    said = (x.answer.headers.get("content-encoding") or "identity").lower()
    if said.strip() == "identity" and "content-encoding" in x.answer.headers:
        want = "no Content-Encoding where there is none"  # 12.5.3: the word is for Accept-Encoding only
        yield Finding(got=said, want=want, where="Content-Encoding", warn=True)
    for coding in said.split(","):
        name = coding.strip().removeprefix("x-")  # 8.4.1: x-gzip and x-compress are what they are without it
        otherwise = allowed.get("*", 1.0 if name == "identity" else 0.0)
        if allowed.get(name, otherwise) == 0:
            yield Finding(got=name, want=x.ask.headers.get("accept-encoding") or "", where="Content-Encoding")


@content_coding_acceptable.mutant
def says_that_nothing_was_done(x: Exchange) -> Answer | None:
    """Content-Encoding says identity."""
    return x.answer.but(headers=x.answer.headers.but("content-encoding", "identity")) if _small_json(x) else None


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
