"""Rules of PS3.18 10.5.1.4, 8.6.1.2 and 8.7.3.5.2 on what a Store request holds: array, UIDs, bulkdata.

Must not know what was answered, nor how parts are framed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from harness.exchange import Ask, Exchange
from harness.rule import ASK, USER_AGENT, Finding, rule
from harness.wire.multipart import Part
from suites.web.client.bend import stored
from suites.web.client.store import DICOM, JSON, located, metadata, uris_of
from suites.web.store import sent

ON = "web.store"
_KEPT = 20  # references that are told of


def _json_parts(x: Exchange) -> list[Part]:
    return [part for part, _ in metadata(x) if part.media.type == JSON]


@rule(
    "client.metadata-is-an-array",
    cites="PS3.18 10.5.1.4; F.2.1",
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(_json_parts(x)),
    due=False,
    says="JSON metadata that is stored is an array of data sets, be it of one.",
)
def metadata_is_an_array(x: Exchange) -> Iterator[Finding]:
    for part in _json_parts(x):
        if part.content.read(0, 1000).lstrip(b" \t\r\n\xef\xbb\xbf")[:1] == b"{":
            yield Finding("an object", "an array of objects", f"part {part.index + 1}")


def _told(x: Exchange, content: Any) -> Ask:
    """A request with this JSON and no more."""
    return stored(x.ask, JSON, ([("Content-Type", JSON)], json.dumps(content).encode()))


@metadata_is_an_array.mutant(at=ASK)
def stores_an_object(x: Exchange) -> Ask:
    """The metadata of one instance is sent without the array around it."""
    return _told(x, {})


@rule(
    "client.metadata-names-its-instance",
    cites="PS3.18 10.5.1.4; 10.5.2; PS3.3 C.12.1, C.7.2.1, C.7.3.1",
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(sent.metadata(x.ask)),
    due=False,
    says="Metadata that is stored has the UIDs of its SOP Class, SOP Instance, study and series.",
)
def metadata_names_its_instance(x: Exchange) -> Iterator[Finding]:
    for number, one in enumerate(sent.metadata(x.ask)[:_KEPT], 1):
        uids = {"00080016": one.sop_class, "00080018": one.instance, "0020000D": one.study, "0020000E": one.series}
        if missing := [tag for tag, uid in uids.items() if not uid]:
            yield Finding(f"no {', '.join(missing)}", "the UIDs of the instance", f"data set {number}")


@metadata_names_its_instance.mutant(at=ASK)
def leaves_uids_to_the_server(x: Exchange) -> Ask:
    """The metadata has no SOP Instance UID: the server is to make one."""
    return _told(x, [{"0020000D": {"vr": "UI", "Value": ["1.2.3"]}}])


@rule(
    "client.bulkdata-comes-along",
    cites="PS3.18 10.5.1.4; 8.6.1.2",
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: any(uris_of(d) for _, datasets in metadata(x) for d in datasets),
    due=False,
    says="What stored metadata refers to by BulkDataURI is a part of the same request.",
)
def bulkdata_comes_along(x: Exchange) -> Iterator[Finding]:
    there = {located(x, part.get("content-location") or "") for part in x.ask.parts if part.get("content-location")}
    told = {uri for _, datasets in metadata(x) for d in datasets for uri in uris_of(d)}
    for uri in sorted(told)[:_KEPT]:
        if located(x, uri) not in there:
            # a server may be able to get it from there
            elsewhere = uri.lower().startswith(("http://", "https://"))
            yield Finding(uri[:200], "a part with this Content-Location", "BulkDataURI", warn=elsewhere)


@bulkdata_comes_along.mutant(at=ASK)
def leaves_pixels_at_home(x: Exchange) -> Ask:
    """The metadata refers to a file on the disk of the client."""
    return _told(x, [{"7FE00010": {"vr": "OW", "BulkDataURI": "file:///C:/pixels"}}])


@rule(
    "client.part-tells-its-syntax",
    cites="PS3.18 8.7.3.5.2; 8.7.9",
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: any("transfer-syntax" in s.part.media.parameters and s.transfer_syntax for s in sent.parts(x.ask)),
    due=False,
    says="The transfer-syntax parameter of a stored part is the transfer syntax of the instance in it.",
)
def part_tells_its_syntax(x: Exchange) -> Iterator[Finding]:
    for one in sent.parts(x.ask):
        told = one.part.media.parameters.get("transfer-syntax")
        if told is not None and one.transfer_syntax and told != one.transfer_syntax:
            where = f"part {one.part.index + 1} Content-Type"
            yield Finding(f"transfer-syntax={told}"[:100], one.transfer_syntax, where)


@part_tells_its_syntax.mutant(at=ASK)
def calls_every_part_jpeg(x: Exchange) -> Ask | None:
    """Each part is said to be JPEG, whatever it is."""
    syntax = "1.2.840.10008.1.2.4.50"
    good = [s for s in sent.parts(x.ask) if s.transfer_syntax not in ("", syntax)]
    fields = [("Content-Type", f"{DICOM}; transfer-syntax={syntax}")]
    return stored(x.ask, DICOM, *((fields, s.part.content.bytes()) for s in good)) if good else None
