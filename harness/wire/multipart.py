"""Knows the framing of multipart bodies on octets (RFC 2046 5.1, RFC 2387, PS3.18 8.6.1.2).

Must not know what the parts mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from harness.body import Body
from harness.wire import media
from harness.wire.flaw import Flaws

CODES: dict[str, str] = {
    "multipart.no-boundary": "The Content-Type of a multipart message names its boundary (RFC 2046 5.1.1).",
    "multipart.boundary-length": "A boundary has at most 70 characters (RFC 2046 5.1.1; PS3.18 8.6.1.2.1).",
    "multipart.boundary-characters": "A boundary is made of bchars (RFC 2046 5.1.1; PS3.18 8.6.1.2.1).",
    "multipart.boundary-space": "A boundary does not end in a space (RFC 2046 5.1.1; PS3.18 8.6.1.2.1).",
    "multipart.no-delimiter": "The boundary occurs as a delimiter in the body (RFC 2046 5.1.1).",
    "multipart.no-parts": "A multipart body has at least one part (RFC 2046 5.1.1; PS3.18 8.6.1.2.1).",
    "multipart.no-closing": "The last part is followed by the closing delimiter (RFC 2046 5.1.1).",
    "multipart.closed-twice": "The closing delimiter occurs once (RFC 2046 5.1.1).",
    "multipart.delimiter-after-closing": "No part follows the closing delimiter (RFC 2046 5.1.1).",
    "multipart.epilogue": "Nothing but a line end follows the closing delimiter (PS3.18 8.6.1.2.1).",
    "multipart.preamble": "Nothing precedes the first delimiter (PS3.18 8.6.1.2.1).",
    "multipart.leading-crlf": "No line end precedes the first delimiter (PS3.18 8.6.1.2.1).",
    "multipart.bare-lf": "Lines of the framing and of part headers end in CRLF (RFC 2046 4.1.1, 5.1.1).",
    "multipart.padding": "No white space follows a delimiter on its line (PS3.18 8.6.1.2.1).",
    "multipart.boundary-in-content": "No line of a part's content begins with the delimiter (RFC 2046 5.1.1).",
    "multipart.empty-part": "Header fields or at least a blank line stand between two delimiters (RFC 2046 5.1.1).",
    "multipart.no-blank-line": "A blank line ends the header fields of a part (PS3.18 8.6.1.2.1).",
    "multipart.part-header-syntax": "A header line of a part is a field name, a colon and a value (RFC 5322 2.2).",
    "multipart.part-header-name": "The field name of a part header is a token up to the colon (RFC 9110 5.1).",
    "multipart.part-header-value": "A field value of a part has no control characters (RFC 9110 5.5).",
    "multipart.obs-fold": "A field of a part stands on one line (RFC 9110 5.5).",
    "multipart.part-header-too-long": "The header fields of a part stay within 64 KiB, our bound.",
    "multipart.no-content-type": "Every part has a Content-Type (PS3.18 8.6.1.2, Table 8.6.1-1).",
    "multipart.duplicate-content-type": "A part has one Content-Type (RFC 9110 5.3).",
    "multipart.content-length": "The Content-Length of a part is the number of octets of its content (RFC 9110 8.6).",
    "multipart.content-length-syntax": "The Content-Length of a part is digits only (RFC 9110 8.6).",
    "multipart.duplicate-content-length": "A part has one Content-Length (RFC 9110 8.6).",
    "multipart.too-many-parts": "A body has at most 100000 parts, our bound.",
}
# Legal in RFC 2046 or an accident of our sight, yet against another text or good practice: a rule decides.
NOTES = frozenset(
    {
        "multipart.epilogue",
        "multipart.preamble",
        "multipart.leading-crlf",
        "multipart.padding",
        "multipart.boundary-in-content",
        "multipart.obs-fold",
    }
)

MOST_PARTS = 100_000
MOST_CANDIDATES = 1_000_000  # lines that begin like a delimiter; beyond it the body is hostile
HEADER = 64 << 10
FIRST_LOOK = 2 << 10  # most part headers are shorter
PIECE = 256 << 10  # octets at a time: larger ones cost more in fresh memory than they save in calls
PADDING = 1024  # white space after a delimiter that is still looked at
_BCHARS = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]*")
_LINE = re.compile(rb"(--)?([ \t]*)(\r\n|\n|\Z)")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True)
class Part:
    """One body part: header fields in wire order and spelling, its content still in place in the body."""

    index: int
    at: int  # offset of its delimiter line in the body
    fields: Sequence[tuple[str, str]]
    content: Body

    def all(self, name: str) -> list[str]:
        return [v for k, v in self.fields if k.lower() == name.lower()]

    def get(self, name: str, default: str | None = None) -> str | None:
        values = self.all(name)
        return ", ".join(values) if values else default

    @cached_property
    def media(self) -> media.Reading:
        return media.read_content_type(self.all("content-type"))


@dataclass(frozen=True)
class Reading:
    """A multipart body: its parts and what departs from the framing. `closed`: the closing delimiter was met."""

    parts: tuple[Part, ...] = ()
    closed: bool = False
    preamble: int = 0  # octets before the first delimiter
    epilogue: int = 0  # octets after the closing delimiter
    flaws: Flaws = field(default_factory=Flaws)


@dataclass(frozen=True, slots=True)
class _Delimiter:
    """A delimiter line: `end` of the content before it, `at` its first dash, `next` the octet after its line end."""

    end: int
    at: int
    next: int
    closing: bool
    padded: bool
    before: bytes  # the line end before it: CRLF, LF, or nothing at the very start
    after: bytes  # the line end of the line itself: CRLF, LF, or nothing at the very end

    @property
    def clean(self) -> bool:
        return self.before != b"\n" and self.after != b"\n"


def read(body: Body, boundary: str) -> Reading:
    """Read the whole body in bounded memory, whatever its size.

    Without a boundary, or with none of its delimiters in the body, the first line may still show the real one.
    """
    flaws = Flaws()
    _check_boundary(boundary, flaws)
    delimiters = _delimiters(body, boundary, flaws) if boundary else []
    if boundary and not delimiters:
        got = body.read(0, 60).decode("latin-1") or "an empty body"
        flaws.add("multipart.no-delimiter", "octet 0", got, f"--{boundary}")
    shown = "" if delimiters else _shown(body)
    if shown:
        delimiters = _delimiters(body, shown, flaws)
    return _framed(body, delimiters, flaws) if delimiters else Reading(flaws=flaws)


def _check_boundary(boundary: str, flaws: Flaws) -> None:
    if not boundary:
        flaws.add("multipart.no-boundary", "Content-Type", "no boundary", "a boundary parameter")
    if len(boundary) > 70:
        flaws.add("multipart.boundary-length", "Content-Type", f"{len(boundary)} characters", "1 to 70")
    if not _BCHARS.fullmatch(boundary):
        flaws.add("multipart.boundary-characters", "Content-Type", boundary[:80], "bchars of RFC 2046 5.1.1")
    if boundary.endswith(" "):
        flaws.add("multipart.boundary-space", "Content-Type", repr(boundary[-70:]), "no space at the end")


def _shown(body: Body) -> str:
    """The boundary as the first line of the body shows it, '' when that is no delimiter line."""
    line = body.read(0, 256).lstrip(b"\r\n").split(b"\n")[0].rstrip(b"\r \t")
    return line[2:].decode("latin-1") if line.startswith(b"--") else ""


def _coding(boundary: str) -> tuple[str, str]:
    """How a boundary stands on the wire; a lone surrogate, which only a spoilt record can bring, matches nothing."""
    return ("utf-8", "surrogatepass") if any(c > "\xff" for c in boundary) else ("latin-1", "strict")


def _delimiters(body: Body, boundary: str, flaws: Flaws) -> list[_Delimiter]:
    """The delimiter lines of the body.

    Only lines framed by CRLF count when those alone make a whole body; else the bare LFs count as well.
    """
    dash = b"--" + boundary.encode(*_coding(boundary))
    found: list[_Delimiter] = []
    for seen, (at, before, window) in enumerate(_lines(body, dash)):
        line = _LINE.match(window, len(dash))
        if line and (line.group(3) or at + line.end() == body.size):
            closing, end = bool(line.group(1)), at - len(before)
            found.append(_Delimiter(end, at, at + line.end(), closing, bool(line.group(2)), before, line.group(3)))
        else:
            flaws.add("multipart.boundary-in-content", f"octet {at}", window[: len(dash) + 16].decode("latin-1"),
                      "a line that does not begin with the delimiter")  # fmt: skip
        if len(found) > MOST_PARTS or seen > MOST_CANDIDATES:
            flaws.add("multipart.too-many-parts", f"octet {at}", "more than our bound", f"at most {MOST_PARTS}")
            break
    return _strict(found, flaws)


def _lines(body: Body, dash: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Every line that begins with the delimiter: its offset, the line end before it, and the octets from there."""
    reach = len(dash) + PADDING
    if body.read(0, len(dash)) == dash:
        yield 0, b"", body.read(0, reach)
    needle = b"\n" + dash
    base, window, start = 0, b"", 0
    for chunk in body.chunks(PIECE):
        window += chunk
        # a hit near the end waits until the octets behind it are there as well
        last = base + len(window) >= body.size
        limit = len(window) if last else len(window) - reach - 1
        at = window.find(needle, start)
        while 0 <= at < limit:
            cr = at > 0 and window[at - 1] == 0x0D
            yield base + at + 1, b"\r\n" if cr else b"\n", window[at + 1 : at + 1 + reach]
            at = window.find(needle, at + 1)
        keep = max(limit - 1, 0)
        base, window, start = base + keep, window[keep:], max(limit, start) - keep
        if last:
            return


def _strict(found: list[_Delimiter], flaws: Flaws) -> list[_Delimiter]:
    clean = [d for d in found if d.clean]
    if len(clean) == len(found):
        return found
    if found[0].clean and any(d.closing for d in clean):
        # a whole body without them: by the letter the others are content
        odd = next(d for d in found if not d.clean)
        flaws.add("multipart.boundary-in-content", f"octet {odd.at}", "a delimiter line framed by bare LF", "CRLF")
        return clean
    for odd in (d for d in found if not d.clean):
        flaws.add("multipart.bare-lf", f"octet {odd.at}", "a delimiter line framed by bare LF", "CRLF")
    return found


def _framed(body: Body, delimiters: list[_Delimiter], flaws: Flaws) -> Reading:
    first = delimiters[0]
    if first.end > 0:
        flaws.add("multipart.preamble", "octet 0", f"{first.end} octets", "the first delimiter")
    elif first.before:
        flaws.add("multipart.leading-crlf", "octet 0", "a line end", "the first delimiter")
    for d in delimiters:
        if d.padded:
            flaws.add("multipart.padding", f"octet {d.at}", "white space after the delimiter", "the line end")
    closing = next((i for i, d in enumerate(delimiters) if d.closing), None)
    if closing is None:
        if not body.truncated and "multipart.too-many-parts" not in flaws.counts:
            flaws.add("multipart.no-closing", f"octet {body.size}", "the end of the body", "the closing delimiter")
        opened, end = delimiters, body.size
        if not delimiters[-1].after:  # the body ends within a delimiter line: it ends a part and opens none
            opened, end = delimiters[:-1], delimiters[-1].end
    else:
        opened, end = delimiters[:closing], delimiters[closing].end
    parts = _parts(body, opened, end, closing is None and body.truncated, flaws)
    if not opened:
        flaws.add("multipart.no-parts", f"octet {first.at}", "the closing delimiter alone", "at least one part")
    epilogue = _epilogue(body, delimiters[closing:], flaws) if closing is not None else 0
    return Reading(parts, closing is not None, first.end, epilogue, flaws)


def _epilogue(body: Body, rest: list[_Delimiter], flaws: Flaws) -> int:
    """What stands behind the closing delimiter, which is the first of `rest`; the octets of it."""
    for d in rest[1:]:
        code = "multipart.closed-twice" if d.closing else "multipart.delimiter-after-closing"
        flaws.add(code, f"octet {d.at}", "a delimiter after the closing one", "the end of the body")
    size = body.size - rest[0].next
    if size and len(rest) == 1:
        flaws.add("multipart.epilogue", f"octet {rest[0].next}", f"{size} octets", "the end of the body")
    return size


def _parts(body: Body, opened: list[_Delimiter], end: int, cut: bool, flaws: Flaws) -> tuple[Part, ...]:
    parts: list[Part] = []
    ends = [*(d.end for d in opened[1:]), end][: len(opened)]
    for delimiter, stop in zip(opened, ends, strict=True):
        if stop < delimiter.next and not cut:
            flaws.add("multipart.empty-part", f"octet {delimiter.at}", "two delimiters in a row", "a part")
            continue
        last = cut and delimiter is opened[-1]
        parts.append(_part(body, delimiter, max(stop, delimiter.next), len(parts), last, flaws))
    return tuple(parts)


def _part(body: Body, delimiter: _Delimiter, end: int, index: int, cut: bool, flaws: Flaws) -> Part:
    where = f"part {index + 1}"
    region = body.slice(delimiter.next, end)
    head, size, blank = _head(region.read(0, FIRST_LOOK), where, flaws)
    if not blank and region.size > FIRST_LOOK:
        head, size, blank = _head(region.read(0, HEADER + 4), where, flaws)
    if not blank and cut:
        return Part(index, delimiter.at, (), region.slice(region.size, region.size))
    if not blank:
        if region.size > HEADER:
            flaws.add("multipart.part-header-too-long", where, f"more than {HEADER} octets", f"at most {HEADER}")
        else:
            flaws.add("multipart.no-blank-line", where, "no blank line", "a blank line after the header fields")
            size = region.size
    fields = tuple(_fields(head, where, flaws))
    part = Part(index, delimiter.at, fields, region.slice(size, region.size))
    _check_fields(part, where, cut, flaws)
    return part


def _head(octets: bytes, where: str, flaws: Flaws) -> tuple[bytes, int, bool]:
    """The header lines, the octets they take with the blank line after them, and whether that is there."""
    at = 0
    bare = False
    while (feed := octets.find(b"\n", at)) >= 0:
        line = octets[at:feed].removesuffix(b"\r")
        bare = bare or octets[feed - 1 : feed] != b"\r"
        if not line:
            if bare:
                flaws.add("multipart.bare-lf", where, "a header line that ends in bare LF", "CRLF")
            return octets[:at], feed + 1, True
        at = feed + 1
    return octets[:HEADER], 0, False


def _fields(head: bytes, where: str, flaws: Flaws) -> Iterator[tuple[str, str]]:
    lines: list[str] = []
    for octets in head.split(b"\n"):
        line = octets.removesuffix(b"\r").decode("latin-1")
        if line[:1] in (" ", "\t") and lines and line.strip():
            flaws.add("multipart.obs-fold", where, line[:80], "a field on one line")
            lines[-1] += " " + line.strip(" \t")
        elif line:
            lines.append(line)
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            flaws.add("multipart.part-header-syntax", where, line[:80], "name ':' value")
            continue
        if not media.TOKEN.fullmatch(name):
            flaws.add("multipart.part-header-name", where, repr(name[:80]), "a token")
        if _CONTROL.search(value):
            flaws.add("multipart.part-header-value", where, repr(value[:80]), "no control characters")
        yield name.strip(" \t"), value.strip(" \t")


def _check_fields(part: Part, where: str, cut: bool, flaws: Flaws) -> None:
    types = part.all("content-type")
    if not types:
        flaws.add("multipart.no-content-type", where, "no Content-Type", "a Content-Type field")
    elif len(types) > 1:
        flaws.add("multipart.duplicate-content-type", where, f"{len(types)} fields", "one field")
    lengths = part.all("content-length")
    if len(lengths) > 1:
        flaws.add("multipart.duplicate-content-length", where, f"{len(lengths)} fields", "one field")
    for length in lengths:
        if not re.fullmatch("[0-9]+", length):
            flaws.add("multipart.content-length-syntax", where, length[:80], "digits")
        elif length.lstrip("0") != (str(part.content.size) if part.content.size else "") and not cut:
            flaws.add("multipart.content-length", where, length[:80], f"{part.content.size}, the octets of the content")
