"""Rules on metadata asked for in several ways (PS3.18 10.4.1.1.2, F.3): JSON, XML, by level, and the instance itself.

Must not know what was stored: two answers of the target have to agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from harness.exchange import Answer, Exchange, Journey
from harness.past import SOP_INSTANCE
from harness.rule import Finding, journey
from harness.wire import dicom_json
from harness.wire.part10 import Reading
from suites.web.retrieve import compare, permitted
from suites.web.retrieve.bend import metadata_changed, parts_changed
from suites.web.retrieve.reading import datasets, files, got

METADATA = "web.retrieve.metadata"
MOST_FINDINGS = 10


def rows_of(exchanges: Iterable[Exchange]) -> dict[str, tuple[Exchange, Mapping[str, Any]]]:
    """Data sets by SOP Instance UID, with the exchange each came in."""
    return {dicom_json.text(row, SOP_INSTANCE): (x, row) for x in exchanges if got(x) for _, row in datasets(x.answer)}


@journey(
    "retrieve.xml-says-what-json-says",
    cites="PS3.18 F.3.1; PS3.19 A.1",
    verifies=("PS3.19-A.1-EQ-1", "PS3.18-F.3.1-1", "PS3.18-F.3.1-3"),
    on="web.retrieve.forms",
    when=lambda j: bool(rows_of(j.steps("json")).keys() & rows_of(j.steps("xml")).keys()),
    says="The XML metadata of an instance has the attributes and values of its JSON metadata.",
)
def xml_says_what_json_says(j: Journey) -> Iterator[Finding]:
    ours = rows_of(j.steps("json"))
    for uid, (x, row) in rows_of(j.steps("xml")).items():
        if uid in ours:
            found = compare.compare_json(ours[uid][1], row)
            for _, d in zip(range(MOST_FINDINGS), found, strict=False):
                lines = d.kind == "lines"  # XML 1.0 2.11
                yield Finding(f"XML: {d.got}", f"JSON: {d.want}", f"{uid} {d.path}", seq=x.seq, warn=lines)


def _xml_edited(x: Exchange, change: Any) -> Answer | None:
    def all_parts(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]] | None:
        if x.kind != METADATA or not x.answer.documents:
            return None
        return [(fields, change(octets)) for fields, octets in parts]

    return parts_changed(x, all_parts)


@xml_says_what_json_says.mutant
def codes_are_changed(x: Exchange) -> Answer | None:
    """Code strings differ in XML."""
    code = re.compile(rb'(vr="CS"[^>]*>\s*<Value number="1">)')
    return _xml_edited(x, lambda octets: code.sub(rb"\1X", octets))


@xml_says_what_json_says.mutant(defects="M-XM-06")
def xml_without_bulk(x: Exchange) -> Answer | None:
    """References to bulk data are missing in XML."""
    return _xml_edited(x, lambda octets: re.sub(rb"<BulkData [^>]*/>", b"", octets))


@xml_says_what_json_says.mutant
def xml_without_sequences(x: Exchange) -> Answer | None:
    """Items have no attributes in XML."""
    return _xml_edited(x, lambda octets: re.sub(rb'(<Item number="1">).*?(</Item>)', rb"\1\2", octets, flags=re.DOTALL))


@xml_says_what_json_says.mutant(defects="M-XM-04")
def binary_leaks_into_the_empty(x: Exchange) -> Answer | None:
    """Empty attributes get the octets of the one before."""
    empty = re.compile(rb'(<DicomAttribute [^>]*vr="(?:LO|SH|CS)"[^>]*)/>')
    inline = rb"\1><InlineBinary>AAAA</InlineBinary></DicomAttribute>"
    return _xml_edited(x, lambda octets: empty.sub(inline, octets))


@journey(
    "retrieve.metadata-is-the-same-at-every-level",
    cites="PS3.18 10.4.1.1.2",
    verifies="PS3.18-10.4.1.1.2-1",
    on="web.retrieve.forms",
    when=lambda j: bool(rows_of(j.steps("json")).keys() & rows_of(j.steps("above")).keys()),
    says="The metadata of an instance is the same whether it is asked for alone or with its series or study.",
)
def metadata_is_the_same_at_every_level(j: Journey) -> Iterator[Finding]:
    alone = rows_of(j.steps("json"))
    for x in j.steps("above"):
        for uid, (_, row) in rows_of([x]).items():
            found = compare.compare_json(alone[uid][1], row) if uid in alone else ()
            for _, d in zip(range(MOST_FINDINGS), found, strict=False):
                yield Finding(f"{x.resource.level}: {d.got}", f"instance: {d.want}", f"{uid} {d.path}", seq=x.seq)


@metadata_is_the_same_at_every_level.mutant
def levels_are_kept_apart(x: Exchange) -> Answer | None:
    """The metadata of a study has no attributes of its images."""
    if x.resource.level == "instance":
        return None
    return metadata_changed(x, _without_pixel_description)


def _without_pixel_description(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        for tag in [t for t in row if t[:4] == "0028"]:
            del row[tag]


# --- metadata against the instance -------------------------------------------------------------------------------


def _pairs(j: Journey) -> Iterator[tuple[Exchange, Mapping[str, Any], Reading]]:
    """Metadata and the retrieved instance that it is of."""
    rows = rows_of(j.steps("json"))
    for x in j.steps("instance"):
        for _, reading in files(x.answer) if got(x) else ():
            found = rows.get(reading.dataset.text(SOP_INSTANCE))
            if found is not None and reading.dataset.elements:
                yield found[0], found[1], reading


@journey(
    "retrieve.metadata-is-of-the-instance",
    cites="PS3.18 10.4.1.1.2; 10.4.3.3.2; F.2",
    verifies=("PS3.18-10.4.3.3.2-1", "PS3.18-10.4.1.1.2-3"),
    on="web.retrieve.forms",
    when=lambda j: any(True for _ in _pairs(j)),
    says="The metadata of an instance has the attributes and values of the instance when it is retrieved.",
)
def metadata_is_of_the_instance(j: Journey) -> Iterator[Finding]:
    for x, row, reading in _pairs(j):
        found = compare.compare(reading.dataset, row, permitted.PIXEL_DESCRIPTION)
        for _, d in zip(range(MOST_FINDINGS), found, strict=False):
            added = d.kind == "extra" and d.path in permitted.ABOUT_THE_ARCHIVE
            yield Finding(f"metadata: {d.got}", f"instance: {d.want}", d.path, seq=x.seq, warn=added)


@metadata_is_of_the_instance.mutant
def metadata_of_long_ago(x: Exchange) -> Answer | None:
    """The metadata has another Instance Number than the instance."""
    number = {"vr": "IS", "Value": [987654]}
    return metadata_changed(x, lambda rows: [row.update({"00200013": number}) for row in rows])


@metadata_is_of_the_instance.mutant
def long_texts_are_cut(x: Exchange) -> Answer | None:
    """Texts are cut in the metadata."""

    def edit(rows: list[dict[str, Any]]) -> bool:
        found = [
            a for row in rows for a in row.values() if a["vr"] in ("LO", "LT", "ST", "UT", "PN") and a.get("Value")
        ]
        for attribute in found:
            attribute["Value"] = attribute["Value"][:0] or [{"Alphabetic": "A"} if attribute["vr"] == "PN" else "A"]
        return bool(found)

    return metadata_changed(x, edit)
