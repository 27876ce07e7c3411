"""Rules on metadata (PS3.18 10.4.1.1.2, 10.4.3.3.2): every attribute of the stored data set with its values, no more.

Must not know the grammar of JSON or XML, nor which instances belong into an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.exchange import Answer, Exchange, view
from harness.past import SOP_INSTANCE, Kept
from harness.rule import RELATION, SHOULD, Finding, rule
from harness.wire import dicom_json
from harness.wire.part10 import DataSet
from suites.web.retrieve import compare, permitted
from suites.web.retrieve.bend import metadata_changed, parts_changed
from suites.web.retrieve.reading import JSON, RELATED, XML, datasets, got, past_of, pieces, stored

METADATA = "web.retrieve.metadata"
PIXEL_DATA = ("7FE00008", "7FE00009", "7FE00010")
MOST_COMPARED = 64
MOST_FINDINGS = 10
Row = dict[str, Any]


@view
def _known(x: Exchange) -> list[tuple[str, Mapping[str, Any], Kept]]:
    """The data sets of the answer whose instance was stored before."""
    found = []
    for where, row in datasets(x.answer)[:MOST_COMPARED]:
        kept = past_of(x).get(dicom_json.text(row, SOP_INSTANCE))
        if kept is not None:
            found.append((where, row, kept))
    return found


@view
def _compared(x: Exchange) -> list[tuple[str, DataSet, list[compare.Difference]]]:
    """What was stored and what differs in each of them, once for all the rules that look at it."""
    found = []
    for where, row, kept in _known(x):
        ours = stored(kept).dataset
        skip = permitted.coerced_in_json(row) - permitted.coerced(ours)
        skip |= permitted.pixel_description(kept, dicom_json.text(row, permitted.PHOTOMETRIC))
        found.append((where, ours, list(compare.compare(ours, row, skip))))
    return found


def _differences(x: Exchange, *kinds: str) -> Iterator[tuple[str, compare.Difference, DataSet]]:
    """Each difference of these kinds with where it stands and the data set that was stored."""
    for where, ours, differences in _compared(x):
        for d in [d for d in differences if d.kind in kinds][:MOST_FINDINGS]:
            yield where, d, ours


def _shows_stored(x: Exchange) -> bool:
    return got(x) and bool(_known(x))


@rule(
    "retrieve.metadata-has-every-attribute",
    cites="PS3.18 10.4.3.3.2",
    verifies="PS3.18-10.4.3.3.2-1",
    on=METADATA,
    basis=RELATION,
    when=_shows_stored,
    says="The metadata has every attribute of the stored data set, empty and private ones and those in items too.",
)
def metadata_has_every_attribute(x: Exchange) -> Iterator[Finding]:
    for where, d, _ in _differences(x, "missing"):
        yield Finding(d.got, d.want, f"{where} {d.path}")


def _without(rows: list[Row], unwanted: Any) -> bool:
    found = False
    for row in rows:
        for tag in [t for t, a in row.items() if unwanted(t, a)]:
            del row[tag]
            found = True
    return found


@metadata_has_every_attribute.mutant
def empty_ones_are_left_out(x: Exchange) -> Answer | None:
    """Empty attributes are left out."""
    return metadata_changed(x, lambda rows: _without(rows, lambda tag, a: a.keys() == {"vr"}))


@metadata_has_every_attribute.mutant
def private_ones_are_left_out(x: Exchange) -> Answer | None:
    """Private attributes are left out."""
    return metadata_changed(x, lambda rows: _without(rows, lambda tag, a: tag[3] in "13579BDF"))


@metadata_has_every_attribute.mutant
def bulk_is_left_out(x: Exchange) -> Answer | None:
    """Attributes with bulk data are left out."""
    return metadata_changed(x, lambda rows: _without(rows, lambda tag, a: "BulkDataURI" in a))


@metadata_has_every_attribute.mutant
def items_lose_their_last(x: Exchange) -> Answer | None:
    """The last attribute of an item is left out."""

    def edit(rows: list[Row]) -> bool:
        items = [i for row in rows for a in row.values() if a["vr"] == "SQ" for i in a.get("Value", []) if i]
        for item in items:
            item.popitem()
        return bool(items)

    return metadata_changed(x, edit)


@rule(
    "retrieve.metadata-values-are-the-stored",
    cites="PS3.18 10.4.1.1.2; 10.4.3.3.2; F.2.3 to F.2.7",
    verifies=("PS3.18-10.4.3.3.2-1", "PS3.18-F.2.3-3", "PS3.18-F.2.4-1", "PS3.18-F.2.5-1", "PS3.18-F.2.7-2"),
    on=METADATA,
    basis=RELATION,
    when=_shows_stored,
    says="The metadata has the VRs and values of the stored data set, value by value and item by item.",
)
def metadata_values_are_the_stored(x: Exchange) -> Iterator[Finding]:
    for where, d, _ in _differences(x, "value", "count", "vr", "lines"):
        # by XML 1.0 2.11 a line end arrives as LF; that CR has to be escaped is nowhere said
        yield Finding(d.got, d.want, f"{where} {d.path}", warn=d.kind == "lines" and x.answer.json is None)


def _revalued(x: Exchange, vrs: str, value: Any) -> Answer | None:
    """The first value of every outermost attribute with one of these VRs changed."""

    def edit(rows: list[Row]) -> bool:
        found = False
        for row in rows:
            for tag, attribute in row.items():
                if attribute["vr"] in vrs.split() and attribute.get("Value") and tag not in _UIDS:
                    changed = value(attribute["Value"])
                    found = found or changed != attribute["Value"]
                    attribute["Value"] = changed
        return found

    return metadata_changed(x, edit)


_UIDS = frozenset({"0020000D", "0020000E", "00080018", "00080016", "00080005"})


@metadata_values_are_the_stored.mutant
def values_are_rounded(x: Exchange) -> Answer | None:
    """Decimal strings go through single precision."""
    return _revalued(x, "DS FD", lambda values: [_rounded(v) for v in values])


def _rounded(value: Any) -> Any:
    if value is None:
        return None
    return float(f"{float(value):.5g}")


@metadata_values_are_the_stored.mutant
def only_the_first_value(x: Exchange) -> Answer | None:
    """Of several values only the first is given."""
    return _revalued(x, "DS IS CS US LO FD", lambda values: values[:1])


@metadata_values_are_the_stored.mutant(defects="M-JS-26")
def not_in_ascii_is_lost(x: Exchange) -> Answer | None:
    """Characters beyond ASCII become question marks."""
    body = x.answer.payload.bytes()
    if x.kind != METADATA or x.answer.type != JSON or body.isascii():
        return None
    return x.answer.but(body=body.decode("utf-8").encode("ascii", "replace"))


@metadata_values_are_the_stored.mutant
def names_lose_groups(x: Exchange) -> Answer | None:
    """Of a person name only the alphabetic group is given."""
    return _revalued(x, "PN", lambda values: [v and {k: t for k, t in v.items() if k == "Alphabetic"} for v in values])


@metadata_values_are_the_stored.mutant
def empty_values_are_skipped(x: Exchange) -> Answer | None:
    """Empty values among others are left out."""
    return _revalued(x, "CS LO PN DS IS UC", lambda values: [v for v in values if v is not None])


@metadata_values_are_the_stored.mutant
def items_are_turned(x: Exchange) -> Answer | None:
    """The items of a sequence come in another order."""
    return _revalued(x, "SQ", lambda values: values[::-1])


@metadata_values_are_the_stored.mutant
def time_is_cut(x: Exchange) -> Answer | None:
    """Times are given in whole minutes."""
    return _revalued(x, "TM", lambda values: [v and v[:4] for v in values])


@metadata_values_are_the_stored.mutant
def inline_is_turned(x: Exchange) -> Answer | None:
    """Inline octets are big endian."""

    def edit(rows: list[Row]) -> bool:
        found = [a for row in rows for a in row.values() if len(a.get("InlineBinary", "")) >= 8]
        for attribute in found:
            text = attribute["InlineBinary"]
            attribute["InlineBinary"] = text[4:8] + text[:4] + text[8:]
        return bool(found)

    return metadata_changed(x, edit)


@rule(
    "retrieve.metadata-has-nothing-added",
    cites="PS3.18 10.4.1.1.2 Note 1; 10.5.2",
    verifies=("PS3.18-10.4.3.3.2-1", "PS3.18-10.4.1.1.2-3"),
    on=METADATA,
    basis=RELATION,
    when=_shows_stored,
    says="The metadata has no attribute that was not stored, but for what Original Attributes Sequence declares.",
)
def metadata_has_nothing_added(x: Exchange) -> Iterator[Finding]:
    for where, d, _ in _differences(x, "extra"):
        yield Finding(d.got, d.want, f"{where} {d.path}", warn=d.path in permitted.ABOUT_THE_ARCHIVE)


@metadata_has_nothing_added.mutant(defects="M-JS-46")
def internal_ones_leak(x: Exchange) -> Answer | None:
    """The archive's own private attributes are in the metadata."""
    leak = {"43210010": {"vr": "LO", "Value": ["ARCHIVE"]}, "43211001": {"vr": "LO", "Value": ["internal"]}}
    return metadata_changed(x, lambda rows: [row.update(leak) for row in rows])


@metadata_has_nothing_added.mutant
def counts_are_in_it(x: Exchange) -> Answer | None:
    """The counts of a search are in the metadata."""
    return metadata_changed(x, lambda rows: [row.update({"00201208": {"vr": "IS", "Value": [1]}}) for row in rows])


@rule(
    "retrieve.metadata-without-pixel-data",
    cites="PS3.18 10.4.1.1.2; 10.4.1.1.6",
    verifies="PS3.18-10.4.3.3.2-1",
    level=SHOULD,  # replacing values by URIs is permitted, not demanded (10.4.3.3.2)
    on=METADATA,
    when=lambda x: got(x) and any(tag in row for _, row in datasets(x.answer) for tag in PIXEL_DATA),
    says="Pixel data is bulk data: metadata refers to it and does not contain it.",
)
def metadata_without_pixel_data(x: Exchange) -> Iterator[Finding]:
    for where, row in datasets(x.answer):
        for tag in PIXEL_DATA:
            attribute = row.get(tag)
            if isinstance(attribute, Mapping) and attribute.get("InlineBinary"):
                size = len(str(attribute["InlineBinary"])) * 3 // 4
                yield Finding(f"{size} octets inline", "a BulkDataURI", f"{where} {tag}")


@metadata_without_pixel_data.mutant(defects="D-WA-02")
def pixels_are_inline(x: Exchange) -> Answer | None:
    """Pixel data stands inline in the metadata."""

    def edit(rows: list[Row]) -> bool:
        found = [row for row in rows if "7FE00010" in row]
        for row in found:
            row["7FE00010"] = {"vr": "OW", "InlineBinary": "AAAA" * 100}
        return bool(found)

    return metadata_changed(x, edit)


# --- the form ----------------------------------------------------------------------------------------------------


def _asked_for(x: Exchange) -> bool:
    """The request names the type of the answer outright, so a server may offer it beyond the table."""
    root = x.answer.media.root
    return any(r.type == x.answer.type and r.parameters.get("type", "").lower() == root for r in x.ask.accept.ranges)


@rule(
    "retrieve.metadata-form",
    cites="PS3.18 10.4.3.2; 10.4.3.3.2; 10.4.4; F.2.1",
    verifies=("PS3.18-10.4.3.3.2-3", "PS3.18-10.4.3.3.2-4", "PS3.18-10.4.3.2-1", "PS3.18-10.4.4-1", "PS3.18-F.2-1",
              "PS3.18-10.4.4-5"),
    on=METADATA,
    when=lambda x: got(x) and x.answer.body.size > 0,
    says="Metadata is one array of application/dicom+json, or multipart with an application/dicom+xml part for each.",
)  # fmt: skip
def metadata_form(x: Exchange) -> Iterator[Finding]:
    answer = x.answer
    if answer.type == JSON:
        if answer.json is not None and answer.json.root not in ("array", ""):
            yield Finding(f"a top-level {answer.json.root}", "an array, one object for each instance", "body")
    elif answer.type == RELATED and answer.media.root == XML:
        for piece in pieces(answer):
            if piece.type != XML:
                yield Finding(piece.type or "no Content-Type", XML, f"{piece.where} Content-Type")
    elif not _asked_for(x):
        want = f'{JSON}, or {RELATED}; type="{XML}"'
        yield Finding(answer.headers.get("content-type") or "no Content-Type", want, "Content-Type")


@metadata_form.mutant
def single_object(x: Exchange) -> Answer | None:
    """The metadata of one instance is an object, not an array."""
    body = x.answer.payload.bytes() if x.kind == METADATA and x.answer.type == JSON and x.answer.ok else b""
    single = x.answer.json is not None and len(x.answer.json.datasets) == 1
    return x.answer.but(body=body.strip()[1:-1]) if single and body.strip()[:1] == b"[" else None


@metadata_form.mutant
def plain_json(x: Exchange) -> Answer | None:
    """The media type is application/json."""
    return x.answer.but(type="application/json") if x.kind == METADATA and x.answer.type == JSON else None


@metadata_form.mutant
def multipart_json(x: Exchange) -> Answer | None:
    """JSON is sent in a part of a multipart body."""
    if x.kind != METADATA or x.answer.type != JSON or not x.answer.ok:
        return None
    body = b"--x\r\nContent-Type: application/dicom+json\r\n\r\n" + x.answer.payload.bytes() + b"\r\n--x--"
    return x.answer.but(type=f'{RELATED}; type="{JSON}"; boundary=x', body=body)


@metadata_form.mutant
def xml_part_as_text(x: Exchange) -> Answer | None:
    """A part with XML is called text/xml."""

    def change(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]] | None:
        if x.kind != METADATA:
            return None
        return [([(n, "text/xml" if n.lower() == "content-type" else v) for n, v in fields], octets)
                for fields, octets in parts]  # fmt: skip

    return parts_changed(x, change)


@rule(
    "retrieve.one-document-for-each-part",
    cites="PS3.18 10.4.3.3.2; F.2.1",
    verifies="PS3.18-10.4.3.3.2-4",
    on=METADATA,
    when=lambda x: got(x) and bool(x.answer.documents),
    says="Every part of XML metadata holds one Native DICOM Model document with the attributes of one instance.",
)
def one_document_for_each_part(x: Exchange) -> Iterator[Finding]:
    for number, document in enumerate(x.answer.documents, 1):
        if len(document.datasets) != 1:
            yield Finding(document.root or "no XML document", "one NativeDicomModel", f"document {number}")


@one_document_for_each_part.mutant
def documents_in_one_part(x: Exchange) -> Answer | None:
    """All documents stand in one root element."""

    def change(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]] | None:
        if x.kind != METADATA:
            return None
        return [(parts[0][0], b"<NativeDicomModels/>")]

    return parts_changed(x, change)


# --- parameters --------------------------------------------------------------------------------------------------


@rule(
    "retrieve.charset-utf-8",
    cites="PS3.18 8.8; 10.1.3; 10.4.1.3",
    verifies=("PS3.18-10.1.3-1", "PS3.18-10.4.1.3-1"),
    on=METADATA,
    basis=RELATION,
    when=lambda x: x.ask.method == "GET" and _utf_8_only(x) and past_of(x).get(x.resource.instance) is not None,
    says="A request that accepts UTF-8 is answered like any other.",
)
def charset_utf_8(x: Exchange) -> Iterator[Finding]:
    if not x.answer.ok and x.answer.status // 100 != 3:
        yield Finding(x.answer.line, "200", "status line")


def _utf_8_only(x: Exchange) -> bool:
    said = (x.ask.headers.get("accept-charset") or x.resource.query.get("charset") or "").lower()
    names = {p.name for p in x.resource.query.parameters}
    return said == "utf-8" and names <= {"charset"} and any(r.type in (JSON, "*/*") for r in x.ask.accept.ranges)


@charset_utf_8.mutant
def no_charset_is_known(x: Exchange) -> Answer | None:
    """A request for UTF-8 is answered 406."""
    return x.answer.but(status=406, reason="Not Acceptable") if x.kind == METADATA and _utf_8_only(x) else None
