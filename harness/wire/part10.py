"""Knows PS3.10 files on octets: preamble, File Meta Information, and the data set by its Transfer Syntax.

Must not know IODs or services; pixel data is located, not decoded.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from harness.body import Body
from harness.wire import elements
from harness.wire.difference import Difference, difference
from harness.wire.elements import DataSet, Element, Syntax, read_dataset
from harness.wire.flaw import Flaws
from harness.wire.remember import remembered

__all__ = ["CODES", "NOTES", "DataSet", "Difference", "Element", "Reading", "difference", "read", "syntax_of"]

CODES: dict[str, str] = {
    **elements.CODES,
    "part10.prefix": "A file has DICM after a preamble of 128 octets (PS3.10 7.1).",
    "part10.meta-implicit": "File Meta Information is in explicit VR little endian (PS3.10 7.1).",
    "part10.meta-length-missing": "File Meta Information begins with its group length (PS3.10 Table 7.1-1).",
    "part10.meta-length": "(0002,0000) is the number of octets of what follows of the group (PS3.10 Table 7.1-1).",
    "part10.meta-missing": "The required elements of File Meta Information have values (PS3.10 Table 7.1-1).",
    "part10.meta-version": "(0002,0001) has the two octets 00 01 (PS3.10 Table 7.1-1).",
    "part10.meta-un": "File Meta Information has no element of VR UN (PS3.10 7.1).",
    "part10.meta-private": "Private information and its creator come together (PS3.10 Table 7.1-1).",
    "part10.meta-class": "(0002,0002) is the SOP Class UID of the data set (PS3.10 Table 7.1-1).",
    "part10.meta-instance": "(0002,0003) is the SOP Instance UID of the data set (PS3.10 Table 7.1-1).",
    "part10.no-dataset": "A data set follows the File Meta Information (PS3.10 7.2).",
    "part10.syntax-unknown": "The Transfer Syntax is one of PS3.6 Table A-1 (PS3.5 10; a private one is legal).",
    "part10.not-encapsulated": "Pixel Data of an encapsulated Transfer Syntax is encapsulated (PS3.5 A.4).",
    "part10.no-pixels": "An encapsulated Transfer Syntax is used only where there is Pixel Data (PS3.5 A.4).",
    "part10.pixel-vr": "Pixel Data of more than 8 bits allocated is OW when not encapsulated (PS3.5 A.2).",
    "part10.deflate": "The octets of a deflated data set are a deflate stream (PS3.5 A.5; RFC 1951).",
    "part10.deflate-wrapped": "A deflate stream has no zlib or gzip wrapper (PS3.5 A.5; RFC 1951).",
    "part10.deflate-rest": "Nothing but one NUL of padding follows the deflate stream (PS3.5 A.5).",
    "part10.deflate-bound": "A deflated data set unfolds to at most 64 MiB, our bound.",
}
NOTES = elements.NOTES | {"part10.syntax-unknown"}

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
_DEFLATED = {DEFLATED, "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"}
_REFERENCED = {"1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.4.204"} | (_DEFLATED - {DEFLATED})
_ENCAPSULATED = ("1.2.840.10008.1.2.4.", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.8.")
_REQUIRED = ("00020001", "00020002", "00020003", "00020010", "00020012")
# after these the rest of the data set was not seen
_LOST = {
    f"part10.{word}"
    for word in (
        "truncated",
        "length-overrun",
        "not-explicit",
        "item-expected",
        "delimiter-missing",
        "depth",
        "too-many",
    )
}
UNFOLDED = 64 << 20
_PREFIX = b"DICM"


@dataclass(frozen=True)
class Reading:
    """A PS3.10 file. `transfer_syntax` is the UID of (0002,0010), '' when unreadable.

    `unfolded`: octets of a deflated data set, which its values lie in and which are in memory as long as they are.
    """

    preamble: bool = False
    meta: DataSet = field(default_factory=DataSet)
    dataset: DataSet = field(default_factory=DataSet)
    transfer_syntax: str = ""
    flaws: Flaws = field(default_factory=Flaws)
    unfolded: int = 0


def syntax_of(uid: str) -> Syntax:
    """How a Transfer Syntax encodes a data set (PS3.5 10, Annex A); explicit little endian for unknown ones."""
    if uid == IMPLICIT_LITTLE:
        return elements.IMPLICIT
    if uid == EXPLICIT_BIG:
        return Syntax(big_endian=True)
    if uid in (EXPLICIT_LITTLE, DEFLATED) or uid in _REFERENCED:
        return Syntax()
    return Syntax(encapsulated=True if uid.startswith(_ENCAPSULATED) else None)


@remembered
def read(body: Body) -> Reading:
    """Read a whole PS3.10 file in bounded depth and memory; long values stay where they are."""
    flaws = Flaws()
    preamble, start = _prefix(body, flaws)
    meta, at = _meta(body, start, flaws)
    uid = meta.text("00020010")
    syntax = syntax_of(uid) if uid else _guess(body, at)
    if uid and syntax.encapsulated is None and not uid.startswith("1.2.840.10008.1.2."):
        flaws.add("part10.syntax-unknown", "00020010", uid, "a Transfer Syntax of PS3.6")
    data, begin = _unfold(body, at, uid, flaws) if uid in _DEFLATED else (body, at)
    if begin >= data.size and not body.truncated and "part10.deflate" not in flaws.counts:
        flaws.add("part10.no-dataset", f"octet {at}", "the end of the file", "a data set")
    dataset, _ = read_dataset(data, syntax, flaws, begin)
    _agree(meta, dataset, flaws)
    _pixels(dataset, syntax, body.truncated, flaws)
    return Reading(preamble, meta, dataset, uid, flaws, 0 if data is body else data.size)


def read_bare(body: Body, uid: str) -> tuple[DataSet, Flaws]:
    """A data set alone, as a message carries it, in the Transfer Syntax `uid`; guessed when that is ''."""
    flaws = Flaws()
    syntax = syntax_of(uid) if uid else _guess(body, 0)
    data = _unfold(body, 0, uid, flaws)[0] if uid in _DEFLATED else body
    dataset, _ = read_dataset(data, syntax, flaws)
    _pixels(dataset, syntax, body.truncated, flaws)
    return dataset, flaws


def _prefix(body: Body, flaws: Flaws) -> tuple[bool, int]:
    head = body.read(0, 132)
    if head[128:] == _PREFIX:
        return True, 132
    start = 4 if head[:4] == _PREFIX else 0
    flaws.add("part10.prefix", "octet 128", head[128:132].hex(" ") or "the end", "DICM after 128 octets")
    return False, start


def _meta(body: Body, start: int, flaws: Flaws) -> tuple[DataSet, int]:
    if body.read(start, 2) != b"\x02\0":
        flaws.add("part10.meta-missing", f"octet {start}", "no element of group 0002", "File Meta Information")
        return DataSet(), start
    found = Flaws()
    meta, end = read_dataset(body, Syntax(), found, start, "0002")
    for flaw in found.kept:
        code = "part10.meta-implicit" if flaw.code == "part10.not-explicit" else flaw.code
        flaws.add(code, flaw.where, flaw.got, flaw.want)
    _meta_length(body, meta, start, end, flaws)
    for tag in _REQUIRED:
        element = meta.get(tag)
        if element is None or element.empty:
            flaws.add("part10.meta-missing", tag, "nothing", "a value")
    version = meta.get("00020001")
    if version and version.value and version.value.read(0, 8) != b"\0\x01":
        flaws.add("part10.meta-version", "00020001", version.value.read(0, 8).hex(" "), "00 01")
    for tag, element in meta.elements.items():
        if element.vr == "UN":
            flaws.add("part10.meta-un", tag, "UN", "the VR of PS3.6")
    if ("00020102" in meta.elements) != ("00020100" in meta.elements):
        flaws.add("part10.meta-private", "00020102", "one of (0002,0100) and (0002,0102)", "both or none")
    return meta, end


def _meta_length(body: Body, meta: DataSet, start: int, end: int, flaws: Flaws) -> None:
    first = meta.get("00020000")
    if first is None or first.at != start:
        flaws.add("part10.meta-length-missing", f"octet {start}", "another element", "(0002,0000)")
    if first is None or first.value is None:
        return
    given = meta.number("00020000")
    behind = first.value.start - body.start + first.value.size
    if given != end - behind:
        flaws.add("part10.meta-length", "00020000", str(given), str(end - behind))


def _guess(body: Body, at: int) -> Syntax:
    """How a data set without a Transfer Syntax seems to be encoded."""
    head = body.read(at, 6)
    if len(head) == 6 and not head[4:6].isalpha():
        return elements.IMPLICIT
    return Syntax(big_endian=head[:1] == b"\0" and head[1:2] != b"\0", encapsulated=None)


def _unfold(body: Body, at: int, uid: str, flaws: Flaws) -> tuple[Body, int]:
    """The inflated data set as a body of its own, and where it begins in it."""
    where = f"octet {at}"
    wrapped = body.read(at, 2)[:1] in (b"\x78", b"\x1f")
    plain = _inflate(body, at, -15, where, flaws)
    if plain is None and wrapped:
        plain = _inflate(body, at, 47, where, Flaws())
        if plain is not None:
            flaws.counts.pop("part10.deflate", None)
            flaws.kept[:] = [f for f in flaws.kept if f.code != "part10.deflate"]
            flaws.add("part10.deflate-wrapped", where, body.read(at, 2).hex(" "), "a bare deflate stream")
    return Body.of(plain or b"", truncated=body.truncated), 0


def _inflate(body: Body, at: int, bits: int, where: str, flaws: Flaws) -> bytes | None:
    engine = zlib.decompressobj(bits)
    plain = bytearray()
    rest = 0
    try:
        for chunk in body.slice(at, body.size).chunks(1 << 18):
            if engine.eof:
                rest += len(chunk)
                continue
            plain += engine.decompress(chunk, UNFOLDED + 1 - len(plain))
            rest += len(engine.unused_data)
            if len(plain) > UNFOLDED:
                flaws.add("part10.deflate-bound", where, f"more than {UNFOLDED} octets", f"at most {UNFOLDED}")
                return bytes(plain[:UNFOLDED])
    except zlib.error as error:
        flaws.add("part10.deflate", where, str(error), "a deflate stream")
        return None
    if not engine.eof and not body.truncated:
        flaws.add("part10.deflate", where, "a stream without an end", "a whole deflate stream")
    if rest > 1 or (rest == 1 and body.read(body.size - 1, 1) != b"\0"):
        flaws.add("part10.deflate-rest", where, f"{rest} octets after the stream", "at most one NUL")
    return bytes(plain)


def _agree(meta: DataSet, dataset: DataSet, flaws: Flaws) -> None:
    pairs = (("00020002", "00080016", "part10.meta-class"), ("00020003", "00080018", "part10.meta-instance"))
    for one, other, code in pairs:
        said, is_ = meta.text(one), dataset.text(other)
        if said and is_ and said != is_:
            flaws.add(code, one, said, is_)


def _pixels(dataset: DataSet, syntax: Syntax, cut: bool, flaws: Flaws) -> None:
    pixels = dataset.get("7FE00010")
    if pixels is None and syntax.encapsulated and dataset.elements and not cut and not flaws.counts.keys() & _LOST:
        flaws.add("part10.no-pixels", "7FE00010", "absent", "Pixel Data")
    if pixels is None or pixels.value is None:
        return
    where = f"7FE00010 at octet {pixels.at}"
    if syntax.encapsulated:
        flaws.add("part10.not-encapsulated", where, f"{pixels.value.size} octets", "fragments")
    elif syntax.explicit and pixels.vr == "OB" and (dataset.number("00280100") or 0) > 8:
        flaws.add("part10.pixel-vr", where, "OB", "OW")
