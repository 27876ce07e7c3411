"""Rules of PS3.18 8.6.1.1 and RFC 9110 14 on ranges: that what is sent of a representation is that part of it.

Must not know services. A server that has no ranges answers with the whole, which is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.body import Body
from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, SHALL_NOT, SHOULD, Door, Finding, journey, rule
from harness.wire import multipart

_RANGE = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+|\*)")
_UNSATISFIED = re.compile(r"bytes \*/([0-9]+)")
# RFC 9110 15.3.7: what a 200 would have had, a 206 has as well.
KEPT = ("etag", "cache-control", "content-location", "expires", "vary")


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


def _asked(ask: Ask, size: int) -> tuple[int, int] | None:
    """First and last octet of the one range that is asked of so many octets; None for several, and for no range.

    The last may lie behind the end. A suffix range names the last octets, all of them when it is longer (14.1.2).
    """
    match = re.fullmatch(r"bytes=([0-9]*)-([0-9]*)", (ask.headers.get("range") or "").strip())
    if not match or not (match[1] or match[2]):
        return None
    if not match[1]:
        return max(size - int(match[2]), 0), size - 1
    return int(match[1]), int(match[2]) if match[2] else size - 1


def _unranged(ask: Ask, door: Door) -> Answer:
    """What the request is answered without its Range."""
    return door(ask.but(headers=ask.headers.but("range", None)))


def _cut(ask: Ask, answer: Answer, shift: int = 0, field: bool = True) -> Answer:
    """The 206 answer to a range request, as a server would give it that has ranges; the whole for anything else."""
    size = answer.body.size
    asked = _asked(ask, size)
    if not asked or answer.status != 200 or answer.multipart is not None or asked[0] + shift >= size:
        return answer
    first, last = asked[0], min(asked[1], size - 1)
    headers = answer.headers.but("content-range", f"bytes {first}-{last}/{size}" if field else None)
    return answer.but(status=206, headers=headers, body=answer.body.read(first + shift, last - first + 1))


@content_range.mutant(at=DOOR)
def range_without_a_name(ask: Ask, door: Door) -> Answer:
    """206 does not say which range it carries."""
    return _cut(ask, _unranged(ask, door), field=False)


@content_range.mutant(at=DOOR, defects="M-AC-32")
def range_of_another_length(ask: Ask, door: Door) -> Answer:
    """206 carries one octet more than its Content-Range says."""
    whole = _unranged(ask, door)
    answer = _cut(ask, whole)
    return answer.but(body=answer.body.bytes() + b" ") if answer is not whole else answer


@journey(
    "http.range-is-part-of-whole",
    cites="PS3.18 8.6.1.1; RFC 9110 14.2",
    verifies="PS3.18-8.6.1.1-2",
    on="web.retrieve.range",
    since="2023e",
    when=lambda j: bool(_whole(j)) and bool(_ranges(j)),
    says="A range request is answered with those octets of the whole and 206, or with the whole and 200.",
)
def range_is_part_of_whole(j: Journey) -> Iterator[Finding]:
    whole = _whole(j)
    for x in _ranges(j):
        if whole and x.answer.type != "multipart/byteranges":
            yield from _compared(x, whole)


def _ranges(j: Journey) -> list[Exchange]:
    """Those that were asked for one range, and for several, of which one may be all that is sent (15.3.7)."""
    return [*j.steps("range"), *j.steps("several")]


def _whole(j: Journey) -> Exchange | None:
    """The answer to the same question without a range, when it is one part: each multipart message differs."""
    x = j.step("whole")
    return x if x and x.answer.status == 200 and x.answer.multipart is None and x.answer.body.size else None


def _compared(x: Exchange, whole: Exchange) -> Iterator[Finding]:
    size, status = whole.answer.body.size, x.answer.status
    asked = _asked(x.ask, size)
    satisfiable = asked is not None and asked[0] < size
    if status == 200 and not x.answer.body.same(whole.answer.body):
        yield Finding(got=f"200 with {x.answer.body.size} octets", want=f"the whole, {size} octets", where="payload",
                      seq=x.seq)  # fmt: skip
    elif status == 416 and satisfiable:
        yield Finding(got=x.answer.line, want=f"a range of {size} octets", where="status code", seq=x.seq)
    elif status == 416:
        yield from _unsatisfied(x, size)
    elif status == 206:
        yield from _partial(x, whole, asked, satisfiable)
    elif status != 200:
        # 416 is what RFC 9110 14.2 says there SHOULD be, so another refusal of what is not there is no failure
        refused = not satisfiable and status // 100 == 4
        yield Finding(got=x.answer.line, want="206, 200 or 416", where="status code", seq=x.seq, warn=refused)


def _unsatisfied(x: Exchange, size: int) -> Iterator[Finding]:
    """What 416 says the size is (RFC 9110 14.4)."""
    told = _UNSATISFIED.fullmatch((x.answer.headers.get("content-range") or "").strip())
    if told and int(told[1]) != size:
        yield Finding(got=told[0], want=f"bytes */{size}", where="Content-Range", seq=x.seq)


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
    return _cut(ask, _unranged(ask, door), shift=1)


@range_is_part_of_whole.mutant
def last_octets_are_the_first(x: Exchange) -> Answer | None:
    """A range of the last octets is counted from the beginning."""
    match = re.fullmatch(r"bytes=-([0-9]+)", x.ask.headers.get("range") or "")
    told = _RANGE.fullmatch(x.answer.headers.get("content-range") or "")
    if not match or not told or x.answer.status != 206:
        return None
    named = f"bytes 0-{int(match[1]) - 1}/{told[3]}"
    return x.answer.but(headers=x.answer.headers.but("content-range", named))


@range_is_part_of_whole.mutant
def unsatisfied_of_another_size(x: Exchange) -> Answer | None:
    """416 tells a size that the representation does not have."""
    return x.answer.but(headers=x.answer.headers.but("content-range", "bytes */1")) if x.answer.status == 416 else None


@range_is_part_of_whole.mutant(at=DOOR)
def several_ranges_in_one(ask: Ask, door: Door) -> Answer:
    """Several ranges are sent one after the other and called a single one."""
    whole = _unranged(ask, door)
    if "," not in (ask.headers.get("range") or "") or whole.status != 200 or whole.multipart is not None:
        return door(ask)
    octets, size = whole.body.read(0, 10) + whole.body.read(20, 10), whole.body.size
    headers = whole.headers.but("content-range", f"bytes 0-{len(octets) - 1}/{size}")
    return whole.but(status=206, headers=headers, body=octets)


@range_is_part_of_whole.mutant(at=DOOR)
def range_called_the_whole(ask: Ask, door: Door) -> Answer:
    """A part of the representation is answered 200."""
    answer = _cut(ask, _unranged(ask, door))
    return answer.but(status=200) if answer.status == 206 else answer


def _claims(j: Journey) -> bool:
    """The server says on this very resource that it takes ranges of octets."""
    whole = _whole(j)
    words = (whole.answer.headers.get("accept-ranges") or "").lower() if whole else ""
    return "bytes" in [word.strip() for word in words.split(",")]


@journey(
    "http.accept-ranges-is-true",
    cites="PS3.18 8.6.1.1; RFC 9110 14.3",
    verifies="PS3.18-8.6.1.1-2",
    level=SHOULD,
    on="web.retrieve.range",
    when=lambda j: _claims(j) and any(_satisfiable(x, j) for x in j.steps("range")),
    due=False,
    says="Where Accept-Ranges: bytes is told, a range within the representation is answered 206.",
)
def accept_ranges_is_true(j: Journey) -> Iterator[Finding]:
    for x in j.steps("range"):
        if _satisfiable(x, j) and x.answer.status == 200:
            yield Finding(got=x.answer.line, want="206, as Accept-Ranges promises", where="status code", seq=x.seq)


def _satisfiable(x: Exchange, j: Journey) -> bool:
    whole = _whole(j)
    asked = _asked(x.ask, whole.answer.body.size) if whole else None
    return asked is not None and whole is not None and asked[0] < whole.answer.body.size


@accept_ranges_is_true.mutant(at=DOOR)
def promises_ranges(ask: Ask, door: Door) -> Answer:
    """Accept-Ranges is told everywhere, and Range is looked at nowhere."""
    answer = _unranged(ask, door)
    return answer.but(headers=answer.headers.but("accept-ranges", "bytes")) if answer.ok else answer


def _byteranges(x: Exchange) -> list[tuple[str, Body]]:
    """Content-Range and octets of each part of a multipart/byteranges payload."""
    boundary = x.answer.media.parameters.get("boundary", "")
    reading = multipart.read(x.answer.payload, boundary)
    return [((part.get("content-range") or "").strip(), part.content) for part in reading.parts]


@journey(
    "http.byteranges-are-parts-of-whole",
    cites="PS3.18 8.4.3 Table 8.4.3-1; RFC 9110 14.6, 15.3.7.2",
    verifies=("PS3.18-8.4.3-4", "PS3.18-8.6.1.1-2"),
    on="web.retrieve.range",
    when=lambda j: bool(_whole(j)) and any(x.answer.type == "multipart/byteranges" for x in j.exchanges),
    due=False,
    says="Each part of multipart/byteranges names its range in Content-Range and carries those octets of the whole; "
    "one range alone is not sent so.",
)
def byteranges_are_parts_of_whole(j: Journey) -> Iterator[Finding]:
    whole = _whole(j)
    for x in j.exchanges:
        if whole and x.answer.type == "multipart/byteranges":
            yield from _part_by_part(x, whole.answer.body)
            if _asked(x.ask, whole.answer.body.size):
                want = "one part, with Content-Range, since one range was asked for"
                yield Finding(got=x.answer.type, want=want, where="Content-Type", seq=x.seq)


def _part_by_part(x: Exchange, whole: Body) -> Iterator[Finding]:
    if "content-range" in x.answer.headers:
        got = x.answer.headers.get("content-range") or ""
        yield Finding(got=got, want="no Content-Range beside several parts", where="Content-Range", seq=x.seq)
    found = _byteranges(x)
    if not found:
        yield Finding(got="no part that can be read", want="a part for each range", where="payload", seq=x.seq)
    for n, (said, octets) in enumerate(found, 1):
        match = _RANGE.fullmatch(said)
        if not match:
            yield Finding(got=said or "none", want="bytes first-last/size", where=f"part {n} Content-Range", seq=x.seq)
        elif octets.read(0) != whole.read(int(match[1]), int(match[2]) - int(match[1]) + 1):
            yield Finding(got="other octets", want=f"octets {match[1]} to {match[2]} of the whole", where=f"part {n}",
                          seq=x.seq)  # fmt: skip


@byteranges_are_parts_of_whole.mutant
def one_range_for_another(x: Exchange) -> Answer | None:
    """The parts of several ranges carry each other's names."""
    if x.answer.type != "multipart/byteranges":
        return None
    (first, _), (second, _) = _byteranges(x)[:2]
    octets = x.answer.body.bytes().replace(first.encode(), b"?").replace(second.encode(), first.encode())
    return x.answer.but(body=octets.replace(b"?", second.encode(), 1))


@byteranges_are_parts_of_whole.mutant
def ranges_without_names(x: Exchange) -> Answer | None:
    """The parts of several ranges have no Content-Range."""
    if x.answer.type != "multipart/byteranges":
        return None
    return x.answer.but(body=re.sub(rb"\r\nContent-Range: [^\r]*", b"", x.answer.body.bytes()))


@byteranges_are_parts_of_whole.mutant
def one_range_among_several(x: Exchange) -> Answer | None:
    """One range that was asked for comes as multipart/byteranges of one part."""
    told = x.answer.headers.get("content-range")
    if x.answer.status != 206 or not told or "," in (x.ask.headers.get("range") or ""):
        return None
    head = f"--b\r\nContent-Type: {x.answer.type}\r\nContent-Range: {told}\r\n\r\n".encode()
    headers = x.answer.headers.but("content-range", None)
    octets = head + x.answer.body.bytes() + b"\r\n--b--\r\n"
    return x.answer.but(type="multipart/byteranges; boundary=b", headers=headers, body=octets)


@journey(
    "http.if-range-keeps-versions-apart",
    cites="PS3.18 8.6.1.1; RFC 9110 13.1.5, 14.2",
    verifies="PS3.18-8.6.1.1-2",
    level=SHALL_NOT,
    on="web.retrieve.range",
    when=lambda j: bool(_whole(j)) and any(x.answer.status in (200, 206) for x in j.steps("stale")),
    due=False,
    says="A range is not sent when If-Range names another version of the representation: then the whole is.",
)
def if_range_keeps_versions_apart(j: Journey) -> Iterator[Finding]:
    whole = _whole(j)
    for x in j.steps("stale"):
        if x.answer.status == 206:
            want = "200 with the whole, since If-Range names no version that there is"
            yield Finding(got=x.answer.line, want=want, where="status code", seq=x.seq)
        elif x.answer.status == 200 and whole and not x.answer.body.same(whole.answer.body):
            yield Finding(got="other octets", want="the whole", where="payload", seq=x.seq)


@if_range_keeps_versions_apart.mutant(at=DOOR)
def overlooks_if_range(ask: Ask, door: Door) -> Answer:
    """If-Range is not looked at."""
    return door(ask.but(headers=ask.headers.but("if-range", None)))


@journey(
    "http.range-has-the-fields-of-the-whole",
    cites="PS3.18 8.4.2; RFC 9110 15.3.7",
    on="web.retrieve.range",
    when=lambda j: bool(_told(j)) and any(x.answer.status == 206 for x in j.steps("range")),
    due=False,
    content=False,
    says="A 206 has the entity tag, the location and the caching fields that the whole has.",
)
def range_has_the_fields_of_the_whole(j: Journey) -> Iterator[Finding]:
    told = _told(j)
    for x in j.steps("range"):
        if x.answer.status == 206:
            for name in told:
                if name not in x.answer.headers:
                    yield Finding(got=f"no {name}", want=f"{name}: {told[name]}", where="header fields", seq=x.seq)
            if "etag" in told and x.answer.headers.get("etag") not in (None, told["etag"]):
                got = x.answer.headers.get("etag") or ""
                yield Finding(got=got, want=told["etag"], where="ETag", seq=x.seq)


def _told(j: Journey) -> dict[str, str]:
    whole = _whole(j)
    return {name: value for name in KEPT if whole and (value := whole.answer.headers.get(name)) is not None}


@range_has_the_fields_of_the_whole.mutant
def range_of_no_version(x: Exchange) -> Answer | None:
    """A range does not tell of which version of the representation it is."""
    return x.answer.but(headers=x.answer.headers.but("etag", None)) if x.answer.status == 206 else None
