"""Rules on bulk data (PS3.18 10.4.1.1.5, 10.4.3.3.5, 10.4.3.3.6): every URI resolves to the value it stands for.

Must not know how metadata is written, nor frames by number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from harness.exchange import NOT_NOW, Answer, Ask, Exchange, Journey
from harness.past import Kept
from harness.rule import DOOR, RELATION, Door, Finding, journey, rule
from harness.wire.part10 import DataSet, Element, Reading
from suites.web.retrieve import asked_frames
from suites.web.retrieve.asked_frames import NATIVE, PIXELS, geometry
from suites.web.retrieve.bend import metadata_changed, octets_changed, parts_changed
from suites.web.retrieve.compare import little_endian
from suites.web.retrieve.decoded import gray_frames
from suites.web.retrieve.reading import (
    LOSSY,
    OCTETS,
    Piece,
    datasets,
    files,
    got,
    held,
    past_of,
    pieces,
    plain_get,
    stored,
)

LARGEST = 64 << 20
DEEPEST = 64  # levels of sequences
Step = tuple[str, ...]


def references(row: Mapping[str, Any], path: Step = ()) -> Iterator[tuple[Step, str]]:
    """Every BulkDataURI of a data set with its path: tags and item numbers by turns, ("00880200", "0", "7FE00010")."""
    for tag, attribute in row.items() if len(path) <= 2 * DEEPEST else ():
        if not isinstance(attribute, Mapping):
            continue
        if isinstance(attribute.get("BulkDataURI"), str):
            yield (*path, tag), attribute["BulkDataURI"]
        values = attribute.get("Value")
        for number, item in enumerate(values if attribute.get("vr") == "SQ" and isinstance(values, list) else ()):
            if isinstance(item, Mapping):
                yield from references(item, (*path, tag, str(number)))


def resolved(uri: str, x: Exchange) -> str:
    """The path of a reference in this answer, for comparison: absolute, without scheme and authority."""
    return unquote(urlsplit(urljoin(absolute(x), uri)).path)


def absolute(x: Exchange) -> str:
    """The URI that a relative reference in the answer is relative to (RFC 3986 5.1.3)."""
    return urljoin(x.ask.base, x.ask.target)


def element_at(dataset: DataSet, path: Step) -> tuple[Element, DataSet] | None:
    """The element at a path of tags and item numbers, with the data set it stands in."""
    for tag, number in zip(path[:-1:2], path[1::2], strict=False):
        sequence = dataset.get(tag)
        items = sequence.items if sequence is not None and sequence.items is not None else ()
        if int(number) >= len(items):
            return None
        dataset = items[int(number)]
    element = dataset.get(path[-1])
    return (element, dataset) if element is not None else None


# --- one value ---------------------------------------------------------------------------------------------------


def _followed(j: Journey) -> list[Exchange]:
    return j.steps("value")


@journey(
    "retrieve.bulkdata-resolves",
    cites="PS3.18 10.4.1.1.5; F.2.6",
    verifies=("PS3.18-10.4.1.1.5-1", "PS3.18-F.2.6-1", "PS3.18-10.2-1"),
    on="web.retrieve.values",
    when=lambda j: bool(_followed(j)),
    says="Every BulkDataURI in metadata can be retrieved with GET as application/octet-stream.",
)
def bulkdata_resolves(j: Journey) -> Iterator[Finding]:
    for x in _followed(j):
        lossy = any(k.transfer_syntax in LOSSY for k in _owner(x))
        if not x.answer.ok and not (x.answer.status == 406 and lossy):
            yield Finding(x.answer.line, "200 with the value", f"{x.facts.get('path')} {x.facts.get('uri')}", seq=x.seq)
        elif x.answer.ok and not any(p.content.size for p in pieces(x.answer)):
            yield Finding("nothing", "the value", f"{x.facts.get('path')} {x.facts.get('uri')}", seq=x.seq)


def _owner(x: Exchange) -> list[Kept]:
    kept = past_of(x).get(str(x.facts.get("instance", "")))
    return [kept] if kept else []


@bulkdata_resolves.mutant(at=DOOR, defects=("M-JS-39", "M-JS-31"))
def uris_lead_nowhere(ask: Ask, door: Door) -> Answer:
    """BulkDataURIs point to nothing."""

    def edit(rows: list[dict[str, Any]]) -> bool:
        found = [a for row in rows for a in row.values() if "BulkDataURI" in a]
        for attribute in found:
            attribute["BulkDataURI"] += "/gone"
        return bool(found)

    answer = door(ask)
    return metadata_changed(Exchange(0, ask, answer), edit) or answer


@bulkdata_resolves.mutant(at=DOOR)
def uris_in_xml_lead_nowhere(ask: Ask, door: Door) -> Answer:
    """The references of XML metadata lead nowhere, those of JSON metadata are right."""
    answer = door(ask)
    if ask.resource.kind != "web.retrieve.metadata" or not answer.documents:
        return answer
    return answer.but(body=answer.body.bytes().replace(b"/bulkdata/", b"/gonedata/"))


@bulkdata_resolves.mutant(defects="M-JS-35")
def empty_has_a_uri(x: Exchange) -> Answer | None:
    """Bulk data comes back empty."""
    return octets_changed(x, lambda octets: b"") if x.kind == "web.retrieve.bulkdata" else None


@journey(
    "retrieve.bulkdata-is-the-value",
    cites="PS3.18 10.4.3.3.5; 8.7.3.3.1; F.2.6",
    verifies=("PS3.18-10.4.3.3.5-1", "PS3.18-8.7.3.3-1", "PS3.18-8.7.3.3.1-1", "PS3.18-F.2.6-1"),
    on="web.retrieve.values",
    when=lambda j: any(x.answer.ok and _wanted(j, x) is not None for x in _followed(j)),
    says="What a BulkDataURI gives is the value field of its element, in little endian byte order.",
)
def bulkdata_is_the_value(j: Journey) -> Iterator[Finding]:
    for x in _followed(j):
        wanted = _wanted(j, x) if x.answer.ok else None
        octets = _octets(pieces(x.answer))
        if wanted is None or octets is None:
            continue
        if not same_value(octets, wanted):
            yield Finding(
                brief_value(octets), brief_value(wanted), f"{x.facts.get('path')} {x.facts.get('uri')}", seq=x.seq
            )


def _octets(found: list[Piece]) -> bytes | None:
    """The value: of one part, or of several that hold a frame each; None when it is compressed or too long."""
    if not found or any(p.type != OCTETS for p in found) or sum(p.content.size for p in found) > LARGEST:
        return None
    return b"".join(p.content.bytes() for p in found)


def _wanted(j: Journey, x: Exchange) -> bytes | None:
    """The value field as it was stored, or else as the instance had it when it was retrieved."""
    path = tuple(str(x.facts.get("path", "")).split("/"))
    for kept in _owner(x):
        if path == (PIXELS[0],) and (decoded := decoded_value(kept)) is not None:
            return decoded
    for reading in (*(stored(k) for k in _owner(x)), *_retrieved(j)):
        at = element_at(reading.dataset, path)
        octets = little_endian(*at) if at is not None and at[0].fragments is None else None
        if octets is not None:
            return octets
    return None


def decoded_value(kept: Kept) -> bytes | None:
    """Native pixel data that an independent decoder makes of what was stored compressed; None when it cannot tell."""
    frames = gray_frames(kept)
    return b"".join(frames) if frames and kept.transfer_syntax not in NATIVE else None


def _retrieved(j: Journey) -> Iterator[Reading]:
    for x in j.steps("instance"):
        yield from (reading for _, reading in files(x.answer) if got(x) and reading.transfer_syntax in NATIVE)


def same_value(octets: bytes, wanted: bytes) -> bool:
    """The same, or with a NUL or space more or less that makes the length even."""
    short, long = sorted((octets, wanted), key=len)
    padded = not len(long) % 2 and len(long) == len(short) + 1
    return short == long or (padded and long[:-1] == short and long[-1:] in b"\0 ")


def brief_value(octets: bytes) -> str:
    return f"{len(octets)} octets {octets[:12].hex()}"


@bulkdata_is_the_value.mutant
def value_is_cut(x: Exchange) -> Answer | None:
    """The end of a value is missing."""
    bulk = x.kind == "web.retrieve.bulkdata" and x.resource.instance and x.answer.ok
    return octets_changed(x, lambda octets: octets[:-2]) if bulk else None


@bulkdata_is_the_value.mutant
def value_with_its_header(x: Exchange) -> Answer | None:
    """A value comes with tag, VR and length before it."""
    bulk = x.kind == "web.retrieve.bulkdata" and x.resource.instance
    return octets_changed(x, lambda octets: b"\xe0\x7f\x10\x00OW\0\0" + bytes(4) + octets) if bulk else None


@bulkdata_is_the_value.mutant
def value_is_turned(x: Exchange) -> Answer | None:
    """Values are big endian."""
    bulk = x.kind == "web.retrieve.bulkdata" and x.resource.instance
    return octets_changed(x, lambda octets: octets[::-1]) if bulk else None


@journey(
    "retrieve.bulkdata-location",
    cites="PS3.18 8.6.1.2; 10.4.3.3.5",
    verifies=("PS3.18-10.4.3.3.5-3", "PS3.18-8.6.1.2-7"),
    on="web.retrieve.values",
    when=lambda j: any(x.answer.ok and x.answer.parts for x in _followed(j)),
    says="A part with bulk data says in Content-Location the URI that the metadata has for it.",
)
def bulkdata_location(j: Journey) -> Iterator[Finding]:
    for x in _followed(j):
        wanted = unquote(urlsplit(str(x.facts.get("uri"))).path)
        for piece in pieces(x.answer) if x.answer.ok and x.answer.parts else ():
            said = resolved(piece.location, x) if piece.location else None
            # a part may be a frame of the value, which is a resource of its own (8.6.1.2)
            within = said is not None and (said == wanted or said.startswith(wanted + "/") or "/frames/" in said)
            if not within:
                where = f"{piece.where} Content-Location"
                yield Finding(piece.location or "no Content-Location", str(x.facts.get("uri")), where, seq=x.seq)


@bulkdata_location.mutant
def location_of_the_instance(x: Exchange) -> Answer | None:
    """Bulk data names the instance as its place."""

    def change(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]] | None:
        if x.kind != "web.retrieve.bulkdata":
            return None
        return [([(n, v.partition("/bulkdata")[0] if n.lower() == "content-location" else v) for n, v in fields], o)
                for fields, o in parts]  # fmt: skip

    return parts_changed(x, change)


@bulkdata_location.mutant
def no_location(x: Exchange) -> Answer | None:
    """Parts with bulk data have no Content-Location."""

    def change(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]] | None:
        if x.kind != "web.retrieve.bulkdata":
            return None
        return [([(n, v) for n, v in fields if n.lower() != "content-location"], o) for fields, o in parts]

    return parts_changed(x, change)


# --- all values --------------------------------------------------------------------------------------------------


@rule(
    "retrieve.octet-stream-is-offered",
    cites="PS3.18 10.4.4",
    verifies=("PS3.18-10.4.4-1", "PS3.18-10.4.4-3"),
    on="web.retrieve.instances",
    basis=RELATION,
    when=lambda x: _octets_only(x) and any(_native_pixels(k) for k in held(x)) and x.answer.status // 100 != 3,
    says="An instance, series or study with native pixel data can be had as application/octet-stream.",
)
def octet_stream_is_offered(x: Exchange) -> Iterator[Finding]:
    if not x.answer.ok:
        yield Finding(x.answer.line, "200 with its bulk data", "status line", warn=x.answer.status in NOT_NOW)


def _octets_only(x: Exchange) -> bool:
    types = {r.parameters.get("type", "").lower() for r in x.ask.accept.ranges if r.type == "multipart/related"}
    return plain_get(x) and len(x.ask.accept.ranges) == 1 and types == {OCTETS}


def _native_pixels(kept: Kept) -> bool:
    return kept.transfer_syntax in NATIVE and asked_frames.pixels(stored(kept).dataset) is not None


@octet_stream_is_offered.mutant
def only_files(x: Exchange) -> Answer | None:
    """Instances are not offered as application/octet-stream."""
    octets = x.kind == "web.retrieve.instances" and _octets_only(x) and x.answer.ok
    return Answer(406, "Not Acceptable", x.answer.headers.but("content-type", None), Answer().body) if octets else None


def _uris(j: Journey) -> dict[str, Step]:
    """The BulkDataURIs of the metadata in this journey, with the path of their element."""
    found = {}
    for x in j.steps("metadata"):
        for _, row in datasets(x.answer) if got(x) else ():
            found.update({resolved(uri, x): path for path, uri in references(row)})
    return found


def _places(x: Exchange) -> Counter[str]:
    return Counter(resolved(p.location, x) for p in pieces(x.answer) if p.location)


def _has_all(j: Journey, step: str) -> bool:
    return bool(_uris(j)) and any(got(x) and x.answer.parts for x in j.steps(step))


@journey(
    "retrieve.bulkdata-of-all",
    cites="PS3.18 10.4.3.3.5; 10.4.4 Note 2",
    verifies=("PS3.18-10.4.3.3.5-2", "PS3.18-10.4.3.3.5-3", "PS3.18-8.6.1.2-7"),
    on="web.retrieve.everything",
    when=lambda j: _has_all(j, "all"),
    says="The bulk data of a study, series or instance is what its metadata refers to, all of it.",
)
def bulkdata_of_all(j: Journey) -> Iterator[Finding]:
    wanted = set(_uris(j))
    for x in j.steps("all"):
        if got(x) and x.answer.parts and x.answer.status == 200:
            yield from _all_there(x, wanted)


def _all_there(x: Exchange, wanted: set[str]) -> Iterator[Finding]:
    found = _places(x)
    missing = sorted(u for u in wanted if not any(f == u or f.startswith(u + "/") for f in found))
    foreign = sorted(f for f in found if not any(f == u or f.startswith(u + "/") for u in wanted))
    if missing:
        yield Finding(
            f"{len(found)} places, not {missing[0]}", f"{len(wanted)} URIs of the metadata", "parts", seq=x.seq
        )
    for place in [f for f in foreign if "/frames/" not in f][:1]:
        yield Finding(place, "a BulkDataURI of the metadata", "Content-Location", seq=x.seq)


@bulkdata_of_all.mutant
def last_value_is_lost(x: Exchange) -> Answer | None:
    """The last bulk data value is left out."""
    return parts_changed(x, lambda parts: parts[:-1] if x.kind == "web.retrieve.bulkdata" and len(parts) > 1 else None)


@journey(
    "retrieve.octet-stream-is-the-bulkdata",
    cites="PS3.18 10.4.4 Note 2",
    verifies="PS3.18-10.4.4-3",
    on="web.retrieve.everything",
    when=lambda j: any(got(x) for x in j.steps("all")) and any(got(x) for x in j.steps("octets")),
    says="An instance resource asked for as application/octet-stream gives what its bulk data resource gives.",
)
def octet_stream_is_the_bulkdata(j: Journey) -> Iterator[Finding]:
    one, other = (next(x for x in j.steps(step) if got(x)) for step in ("octets", "all"))
    left, right = (Counter(p.content.digest for p in pieces(x.answer)) for x in (one, other))
    if left != right:
        yield Finding(
            f"{left.total()} parts", f"the {right.total()} parts of {other.ask.line}", one.ask.line, seq=one.seq
        )


@octet_stream_is_the_bulkdata.mutant
def files_as_octets(x: Exchange) -> Answer | None:
    """A part more is sent for an instance resource as application/octet-stream."""
    octets = x.kind == "web.retrieve.instances" and any(p.media.type == OCTETS for p in x.answer.parts)
    return parts_changed(x, lambda parts: [*parts, (parts[0][0], b"DICM")]) if octets else None


@journey(
    "retrieve.pixeldata-is-top-level",
    cites="PS3.18 10.4.1.1.6; 10.4.3.3.6",
    verifies=("PS3.18-10.4.3.3.6-1", "PS3.18-10.4.3.3.6-2"),
    on="web.retrieve.everything",
    when=lambda j: _has_all(j, "pixeldata"),
    says="The pixel data resource gives the pixel data of the outermost data sets, at the URIs of the metadata.",
)
def pixeldata_is_top_level(j: Journey) -> Iterator[Finding]:
    uris = _uris(j)
    wanted = {uri for uri, path in uris.items() if len(path) == 1 and path[0] in PIXELS}
    for x in j.steps("pixeldata"):
        if got(x) and x.answer.parts:
            yield from _all_there(x, wanted) if x.answer.status == 200 else ()
            for place in [p for p in _places(x) if p in uris and p not in wanted][:1]:
                yield Finding("/".join(uris[place]), "top-level pixel data", place, seq=x.seq)


@pixeldata_is_top_level.mutant
def pixeldata_at_no_place(x: Exchange) -> Answer | None:
    """Pixel data names a place that is not in the metadata."""

    def change(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]] | None:
        if x.kind != "web.retrieve.pixeldata":
            return None
        return [([(n, f"{v}0" if n.lower() == "content-location" else v) for n, v in fields], o) for fields, o in parts]

    return parts_changed(x, change)


@journey(
    "retrieve.pixeldata-is-complete",
    cites="PS3.18 10.4.3.3.6; 8.7.3.3",
    verifies=("PS3.18-10.4.3.3.6-1", "PS3.18-8.7.3.3-2"),
    on="web.retrieve.everything",
    when=lambda j: any(got(x) and _native_pixel_size(x) for x in j.steps("pixeldata")),
    says="The pixel data of an instance has the octets that its frames, rows, columns and samples need.",
)
def pixeldata_is_complete(j: Journey) -> Iterator[Finding]:
    for x in j.steps("pixeldata"):
        size, parts = _native_pixel_size(x) if got(x) else 0, pieces(x.answer)
        total = sum(p.content.size for p in parts)
        if size and all(p.type == OCTETS for p in parts) and not size <= total <= size + max(len(parts), 1):
            yield Finding(f"{total} octets in {len(parts)} parts", f"{size} octets", "body", seq=x.seq)


def _native_pixel_size(x: Exchange) -> int:
    """Octets of the native pixel data of the one instance that is asked for, 0 when it was stored otherwise."""
    kept = held(x)
    if not x.resource.instance or len(kept) != 1 or not _native_pixels(kept[0]):
        return 0
    dataset = stored(kept[0]).dataset
    shape = geometry(dataset)
    return -(-shape.bits * max(asked_frames.count(dataset), 1) // 8) if shape else 0


@pixeldata_is_complete.mutant
def only_half_of_the_pixels(x: Exchange) -> Answer | None:
    """Only the first half of the pixel data is sent."""
    return octets_changed(x, lambda o: o[: len(o) // 2]) if x.kind == "web.retrieve.pixeldata" else None
