"""Rules of PS3.18 10.5.1 and 8.6.1.2 on what a Store request carries.

Must not know what was answered, nor what a data set is made of: the rules on JSON, XML and PS3.10 read those.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from harness.exchange import Ask, Exchange, view
from harness.rule import ASK, SHALL_NOT, SHOULD_NOT, USER_AGENT, Finding, rule, undetected
from harness.wire import dicom_json, native_xml
from harness.wire.multipart import Part
from suites.model.instance import file as is_a_file
from suites.web.client.bend import payload, stored
from suites.web.negotiation.tables import FORBIDDEN
from suites.web.store import sent

ON = "web.store"
DICOM = "application/dicom"
JSON, XML = "application/dicom+json", "application/dicom+xml"
# Attributes that a search works out (PS3.4 C.3.4; PS3.18 10.6.3.3) and no IOD has.
WORKED_OUT = (
    "00080061",
    "00080062",
    "00081190",
    "00201200",
    "00201202",
    "00201204",
    "00201206",
    "00201208",
    "00201209",
)
_KEPT = 50  # metadata parts that are read


@view
def metadata(x: Exchange) -> list[tuple[Part, list[Any]]]:
    """The metadata parts of a request, each with its data sets: tag -> attribute, or the Native Model's."""
    found: list[tuple[Part, list[Any]]] = []
    for part in x.ask.parts:
        if part.media.type == JSON:
            found.append((part, list(dicom_json.read(part.content).datasets)))
        elif part.media.type == XML:
            found.append((part, list(native_xml.read(part.content).datasets)))
        if len(found) >= _KEPT:
            break
    return found


def _files(x: Exchange) -> list[Part]:
    return [p for p in x.ask.parts if p.media.type == DICOM]


def _bulk(x: Exchange) -> list[Part]:
    return [p for p in x.ask.parts if p.media.type and p.media.type not in (DICOM, *sent.METADATA)]


@rule(
    "client.store-type",
    cites="PS3.18 10.5.1.3; 10.5.4 Table 10.5.4-1",
    verifies="PS3.18-10.5.1.3-1",
    on=ON,
    who=USER_AGENT,
    content=False,
    says="Content-Type of a Store request is multipart/related with a type of Table 10.5.4-1.",
)
def store_type(x: Exchange) -> Iterator[Finding]:
    if not sent.known_type(x.ask):
        # there may be media types that a server has beyond the table
        beyond = x.ask.type == "multipart/related" and bool(x.ask.media.root)
        want = 'multipart/related; type="application/dicom", or another of the table'
        yield Finding(x.ask.headers.get("content-type") or "none", want, "Content-Type", warn=beyond)


@store_type.mutant(at=ASK)
def stores_as_one_part(x: Exchange) -> Ask:
    """One instance is sent as it is, without multipart."""
    return x.ask.but(type=DICOM)


@store_type.mutant(at=ASK)
def stores_as_a_form(x: Exchange) -> Ask:
    """Files are sent as a web page sends a form."""
    return x.ask.but(type="multipart/form-data; boundary=form")


@rule(
    "client.store-has-a-payload",
    cites="PS3.18 10.5.1.4",
    verifies="PS3.18-10.5.1.4-1",
    on=ON,
    who=USER_AGENT,
    content=False,
    says="A Store request carries at least one representation.",
)
def store_has_a_payload(x: Exchange) -> Iterator[Finding]:
    if not x.ask.body.size:
        yield Finding(got="no payload", want="at least one representation", where="payload")
    elif x.ask.multipart is not None and not x.ask.parts:
        yield Finding(got="no part", want="at least one representation", where="payload")


@store_has_a_payload.mutant(at=ASK)
def stores_nothing(x: Exchange) -> Ask:
    """A Store request has no payload."""
    return payload(x.ask, b"")


@store_has_a_payload.mutant(at=ASK)
def stores_no_part(x: Exchange) -> Ask:
    """A Store request is closed before its first part."""
    return stored(x.ask, DICOM)


@rule(
    "client.store-one-form",
    cites="PS3.18 10.5.1.4",
    verifies="PS3.18-10.5.1.4-2",
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: x.ask.type == "multipart/related" and bool(x.ask.parts),
    says="A Store request carries PS3.10 instances or metadata with bulkdata, and JSON metadata in one part.",
)
def store_one_form(x: Exchange) -> Iterator[Finding]:
    files, others = _files(x), metadata(x)
    if files and (others or _bulk(x)):
        got = ", ".join(dict.fromkeys(p.media.type for p in x.ask.parts))
        yield Finding(got=got, want="instances, or metadata and bulkdata", where="parts")
    if _bulk(x) and not others and not files:
        yield Finding(got="bulkdata alone", want="metadata with its bulkdata", where="parts")
    if len([p for p, _ in others if p.media.type == JSON]) > 1:
        yield Finding(got=f"{len(others)} JSON parts", want="one part with an array of data sets", where="parts")


@store_one_form.mutant(at=ASK)
def mixes_files_and_metadata(x: Exchange) -> Ask | None:
    """A request carries an instance as a file and another as metadata."""
    whole = next(iter(_files(x)), None)
    told = ([("Content-Type", JSON)], b"[{}]")
    file = [([("Content-Type", DICOM)], whole.content.bytes())] if whole else []
    return stored(x.ask, DICOM, *file, told) if file else None


@store_one_form.mutant(at=ASK)
def each_instance_in_a_json_part(x: Exchange) -> Ask:
    """Each instance has a JSON part of its own."""
    one = ([("Content-Type", JSON)], b"[{}]")
    return stored(x.ask, JSON, one, one)


@store_one_form.mutant(at=ASK)
def bulkdata_of_nothing(x: Exchange) -> Ask:
    """Pixels are sent without the metadata that they belong to."""
    return stored(x.ask, "application/octet-stream", ([("Content-Type", "application/octet-stream")], b"\0\0"))


@rule(
    "client.store-in-its-study",
    cites="PS3.18 10.5.1.1.1",
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(x.resource.study) and any(s.identified for s in sent.sent(x)),
    says="What is stored to a study belongs to that study.",
)
def store_in_its_study(x: Exchange) -> Iterator[Finding]:
    for one in sent.misplaced(x):
        yield Finding(got=one.study, want=x.resource.study, where=f"part {one.part.index + 1}")


@store_in_its_study.mutant(at=ASK)
def stores_to_another_study(x: Exchange) -> Ask | None:
    """The target names another study than the instances."""
    if not x.ask.files:
        return None
    path = x.ask.target.partition("?")[0]
    root = path.partition("/studies")[0]
    return x.ask.but(target=f"{root}/studies/2.25.4711")


@rule(
    "client.stores-explicit-vr",
    cites="PS3.18 8.6.2.1; 8.7.3",
    verifies=("PS3.18-8.6.2.1-1", "PS3.18-8.7.3-1"),
    level=SHALL_NOT,
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: any(reading.transfer_syntax for reading in x.ask.files),
    says="What is stored over the web is neither in Implicit VR Little Endian nor in Explicit VR Big Endian.",
)
def stores_explicit_vr(x: Exchange) -> Iterator[Finding]:
    for number, reading in enumerate(x.ask.files, 1):
        if (name := FORBIDDEN.get(reading.transfer_syntax)) is not None:
            yield Finding(got=name, want="a transfer syntax with explicit VR", where=f"file {number}, 00020010")


def _called(x: Exchange, syntax: bytes) -> Ask | None:
    """The request with Explicit VR Little Endian called by another UID in each file."""
    plain = b"UI\x14\x001.2.840.10008.1.2.1\0"
    parts = [([("Content-Type", DICOM)], p.content.bytes()) for p in _files(x)]
    length = len(syntax).to_bytes(2, "little")
    changed = [(fields, octets.replace(plain, b"UI" + length + syntax, 1)) for fields, octets in parts]
    return stored(x.ask, DICOM, *changed) if changed and changed != parts else None


@stores_explicit_vr.mutant(at=ASK)
def stores_implicit(x: Exchange) -> Ask | None:
    """Instances are sent in Implicit VR Little Endian."""
    return _called(x, b"1.2.840.10008.1.2\0")


@stores_explicit_vr.mutant(at=ASK)
def stores_big_endian(x: Exchange) -> Ask | None:
    """Instances are sent in Explicit VR Big Endian."""
    return _called(x, b"1.2.840.10008.1.2.2\0")


@rule(
    "client.metadata-has-no-file-meta",
    cites="PS3.18 10.5.1.4",
    verifies="PS3.18-10.5.1.4-5",
    level=SHALL_NOT,
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(metadata(x)),
    due=False,
    says="Metadata that is stored has no File Meta Information.",
)
def metadata_has_no_file_meta(x: Exchange) -> Iterator[Finding]:
    for part, datasets in metadata(x):
        for tag in sorted({t for d in datasets for t in _tags(d) if t.startswith("0002")}):
            yield Finding(got=tag, want="no element of group 0002", where=f"part {part.index + 1}")


def _tags(dataset: Any) -> list[str]:
    if isinstance(dataset, dict):
        return list(dataset)
    return [a.tag for a in getattr(dataset, "attributes", ())]


def _json(x: Exchange, dataset: dict[str, Any], *bulk: tuple[str, bytes], first: bool = True) -> Ask:
    """A request with this metadata and bulkdata under these locations."""
    told = ([("Content-Type", JSON)], json.dumps([dataset]).encode())
    data = [([("Content-Type", "application/octet-stream"), ("Content-Location", u)], b) for u, b in bulk]
    return stored(x.ask, JSON, *((told, *data) if first else (*data, told)))


_PIXELS = {"vr": "OW", "BulkDataURI": "http://client.example/pixels"}


@metadata_has_no_file_meta.mutant(at=ASK)
def metadata_with_its_meta(x: Exchange) -> Ask:
    """Metadata holds the transfer syntax of the file that it came from."""
    return _json(x, {"00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}})


@rule(
    "client.metadata-has-what-is-stored",
    cites="PS3.18 10.5.2; PS3.4 C.3.4",
    level=SHOULD_NOT,
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(metadata(x)),
    due=False,
    says="Metadata that is stored has no attribute that only a search works out, such as counts and Retrieve URL.",
)
def metadata_has_what_is_stored(x: Exchange) -> Iterator[Finding]:
    for part, datasets in metadata(x):
        for tag in sorted({t for d in datasets for t in _tags(d) if t in WORKED_OUT}):
            yield Finding(got=tag, want="attributes of the instance", where=f"part {part.index + 1}")


@metadata_has_what_is_stored.mutant(at=ASK, defects="M-JS-47")
def stores_what_a_search_gave(x: Exchange) -> Ask:
    """The row of a search is stored with its counts and its Retrieve URL."""
    count = {"vr": "IS", "Value": [12]}
    return _json(x, {"00081190": {"vr": "UR", "Value": ["http://pacs.example/studies/1"]}, "00201208": count})


def _uris(dataset: Any) -> Iterator[str]:
    """The BulkDataURIs of a data set, at any depth."""
    if isinstance(dataset, dict):
        for attribute in dataset.values():
            if isinstance(attribute, dict):
                if isinstance(attribute.get("BulkDataURI"), str):
                    yield attribute["BulkDataURI"]
                for item in attribute.get("Value") or () if attribute.get("vr") == "SQ" else ():
                    yield from _uris(item)
        return
    for attribute in getattr(dataset, "attributes", ()):
        if attribute.uri:
            yield attribute.uri
        for item in attribute.items:
            yield from _uris(item)


def uris_of(dataset: Any) -> list[str]:
    """The BulkDataURIs of a data set of JSON or the Native Model."""
    return list(_uris(dataset))


def located(x: Exchange, uri: str) -> str:
    """The URI against the Base URI."""
    return urljoin(x.ask.base.rstrip("/") + "/", uri)


@rule(
    "client.bulkdata-is-referenced",
    cites="PS3.18 8.6.1.2",
    verifies="PS3.18-8.6.1.2-7",
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(metadata(x)) and bool(_bulk(x)),
    due=False,
    says="The Content-Location of a bulkdata part is the BulkDataURI by which the metadata refers to it.",
)
def bulkdata_is_referenced(x: Exchange) -> Iterator[Finding]:
    told = {located(x, uri) for _, datasets in metadata(x) for d in datasets for uri in _uris(d)}
    for part in _bulk(x):
        location = part.get("content-location")
        if location is None or located(x, location.strip()) not in told:
            want = "a BulkDataURI of the metadata" if told else "metadata that refers to it"
            yield Finding(got=location or "no Content-Location", want=want, where=f"part {part.index + 1}")


@bulkdata_is_referenced.mutant(at=ASK)
def locates_bulkdata_elsewhere(x: Exchange) -> Ask:
    """The pixels have another Content-Location than the metadata says."""
    return _json(x, {"7FE00010": _PIXELS}, ("http://client.example/other", b"\0\0"))


@rule(
    "client.metadata-comes-first",
    cites="PS3.18 8.6.1.2",
    verifies="PS3.18-8.6.1.2-6",
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(metadata(x)) and bool(_bulk(x)),
    due=False,
    says="Metadata precedes the bulkdata that it refers to.",
)
def metadata_comes_first(x: Exchange) -> Iterator[Finding]:
    places = {located(x, p.get("content-location") or ""): p.index for p in _bulk(x)}
    for part, datasets in metadata(x):
        for uri in {located(x, uri) for d in datasets for uri in _uris(d)}:
            if places.get(uri, part.index) < part.index:
                got = f"part {places[uri] + 1}, before its metadata"
                yield Finding(got=got, want=f"after part {part.index + 1}", where=f"bulkdata {uri}"[:100])


@metadata_comes_first.mutant(at=ASK)
def sends_pixels_first(x: Exchange) -> Ask:
    """The pixels precede their metadata."""
    return _json(x, {"7FE00010": _PIXELS}, (_PIXELS["BulkDataURI"], b"\0\0"), first=False)


@is_a_file.mutant(at=ASK, defects="M-MP-13")
def stores_bare_data_sets(x: Exchange) -> Ask | None:
    """A client sends data sets without preamble and File Meta Information."""
    whole = next((p for p in _files(x) if p.content.size > 144), None)
    if whole is None:
        return None
    octets = whole.content.bytes()
    end = 144 + int.from_bytes(octets[140:144], "little")
    return stored(x.ask, DICOM, ([("Content-Type", DICOM)], octets[end:]))


undetected("M-ST-25", why="a study of more than 4 GB takes longer than an observation may ask of anybody")
undetected("M-MP-02", why="a type without quotes is legal since 2023e; http.content-type-syntax refuses it before")
