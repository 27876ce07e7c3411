"""Rules of PS3.18 10.5.1.4 and 10.5.2 on instances made of metadata and bulk data: they come back as what was sent.

Must not know which requests are to be taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.body import Body
from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, Door, Finding, journey
from harness.wire import dicom_json, part10
from suites.web.retrieve.bend import files_changed, metadata_changed, octets_changed, without_items
from suites.web.retrieve.compare import Difference, compare, compare_json
from suites.web.retrieve.permitted import ABOUT_THE_ARCHIVE, ORIGINAL_ATTRIBUTES
from suites.web.retrieve.reading import COMPRESSED, DEFLATED, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from suites.web.store import alter
from suites.web.store.apart import (
    DOCUMENT,
    PIXELS,
    TRANSFORMED,
    Reference,
    references,
)
from suites.web.store.kept import PIXEL_DESCRIPTION, Told, acknowledged
from suites.web.store.rebuilt_reading import APART_JOURNEY, bulk, made
from suites.web.store.sent import OCTETS, apart

# Image Pixel Description Macro (PS3.3 C.7.6.3), which a server fills in, and what it has to say of lossy pixels.
DESCRIPTION = frozenset(
    {"00280002", "00280004", "00280006", "00280008", "00280010", "00280011", "00280034", "00280100", "00280101",
     "00280102", "00280103", "00280106", "00280107", "00282000", "00282002", "00282110", "00282112", "00282114",
     "7FE00001", "7FE00002", "7FE00003"}
)  # fmt: skip


@journey(
    "store.rebuilt-says-the-same",
    cites="PS3.18 10.5.1.4; 10.5.2; F.2; PS3.19 A.1",
    verifies=("PS3.18-10.5.1.4-3", "PS3.18-10.5.1.4-4", "PS3.18-10.5.2-3", "PS3.18-10.5.2-1"),
    on=APART_JOURNEY,
    when=lambda j: bool(made(j)),
    due=False,  # a server that takes no metadata fails elsewhere
    says="An instance made of metadata has the attributes that were sent, with the same values, and no others.",
)
def rebuilt_says_the_same(j: Journey) -> Iterator[Finding]:
    for told, x, reading in made(j):
        for difference in list(_differences(told, reading))[:5]:
            # what the server adds was not coerced; nothing forbids it in so many words
            added = difference.kind == "missing"
            # `compare` speaks of the model's side first, which here is what was sent
            yield Finding(got=difference.want, want=difference.got, where=f"{told.sent.instance} {difference.path}",
                          seq=x.seq, warn=added)  # fmt: skip


def _differences(told: Told, reading: part10.Reading) -> Iterator[Difference]:
    attributes = told.sent.attributes or {}
    coded = any(r.path == PIXELS and r.type != OCTETS for r in references(told.x.ask, told.sent))
    skip = {PIXELS, *ABOUT_THE_ARCHIVE}
    if coded:
        skip |= {tag for tag in DESCRIPTION if tag not in attributes}
    if not _as_it_came(told, reading):
        skip |= PIXEL_DESCRIPTION
    yield from compare(reading.dataset, attributes, frozenset(skip))


def _as_it_came(told: Told, reading: part10.Reading) -> bool:
    """The pixel data is coded as it was sent, so that its description stays as well (PS3.5 8.2)."""
    sent = next((r for r in references(told.x.ask, told.sent) if r.path == PIXELS), None)
    if sent is None:
        return True
    if sent.type in TRANSFORMED:
        return False
    return reading.transfer_syntax in COMPRESSED.get(sent.type, (EXPLICIT_LE, DEFLATED))


@rebuilt_says_the_same.mutant
def loses_private_attributes(x: Exchange) -> Answer | None:
    """Private attributes are lost on the way from the model."""
    return files_changed(x, lambda ds: ds.remove_private_tags())


@rebuilt_says_the_same.mutant(defects="M-JS-05")
def loses_empty_attributes(x: Exchange) -> Answer | None:
    """An attribute without a value is lost."""

    def edit(ds: Any) -> bool:
        found = [e.tag for e in ds if e.VR != "SQ" and e.is_empty]
        for tag in found:
            del ds[tag]
        return bool(found)

    return files_changed(x, edit)


@rebuilt_says_the_same.mutant
def loses_sequences(x: Exchange) -> Answer | None:
    """Sequences of the model come out empty."""
    return files_changed(x, without_items)


@rebuilt_says_the_same.mutant
def reads_names_as_one_group(x: Exchange) -> Answer | None:
    """Of a person name only the alphabetic group is read."""

    def edit(ds: Any) -> bool:
        name = str(ds.get("PatientName", ""))
        ds.PatientName = name.partition("=")[0]
        return "=" in name

    return files_changed(x, edit)


@rebuilt_says_the_same.mutant
def cuts_decimals(x: Exchange) -> Answer | None:
    """Numbers are read as whole ones."""

    def edit(ds: Any) -> bool:
        found = [e for e in ds if e.VR == "DS" and e.VM == 1 and float(e.value) % 1]
        for element in found:
            element.value = str(int(float(element.value)))
        return bool(found)

    return files_changed(x, edit)


def _shown(j: Journey) -> Iterator[tuple[Told, Exchange, dict[str, Any]]]:
    """Each acknowledged instance that was sent apart, and its metadata as it was retrieved; none that was coerced."""
    for uid, told in acknowledged(j).items():
        for x in j.steps("metadata") if told.sent.attributes is not None else ():
            for dataset in x.answer.json.datasets if x.answer.ok and x.answer.json else ():
                if dicom_json.text(dataset, "00080018") == uid and ORIGINAL_ATTRIBUTES not in dataset:
                    yield told, x, dict(dataset)


@journey(
    "store.metadata-comes-back",
    cites="PS3.18 10.5.1.4; 10.4.1.1.2; F.2",
    verifies=("PS3.18-10.5.1.4-3", "PS3.18-10.5.1.4-4"),
    on=APART_JOURNEY,
    when=lambda j: any(True for _ in _shown(j)),
    due=False,  # a server that takes no metadata fails elsewhere
    says="Retrieved metadata of an instance made of metadata says what was sent.",
)
def metadata_comes_back(j: Journey) -> Iterator[Finding]:
    for told, x, shown in _shown(j):
        loose = DESCRIPTION | ABOUT_THE_ARCHIVE | {PIXELS}
        sent = {tag: value for tag, value in (told.sent.attributes or {}).items() if tag not in loose}
        got = {tag: value for tag, value in shown.items() if tag not in loose}
        for difference in list(compare_json(sent, got))[:5]:
            yield Finding(got=difference.got, want=difference.want, where=f"{told.sent.instance} {difference.path}",
                          seq=x.seq, warn=difference.kind == "extra")  # fmt: skip


@metadata_comes_back.mutant
def shows_no_patient(x: Exchange) -> Answer | None:
    """Metadata leaves out every attribute of the patient."""

    def edit(root: list[dict[str, Any]]) -> None:
        for dataset in root:
            for tag in [t for t in dataset if t.startswith("0010")]:
                del dataset[tag]

    return metadata_changed(x, edit)


def _uncompressed(reference: Reference) -> bool:
    return len(reference.parts) == 1 and (reference.type == OCTETS or reference.path == DOCUMENT)


@journey(
    "store.bulk-comes-back",
    cites="PS3.18 8.6.1.2; 8.7.3.3.1; 10.5.1.4",
    verifies=("PS3.18-10.5.1.4-6", "PS3.18-10.5.1.4-8", "PS3.18-8.6.1.2-7"),
    on=APART_JOURNEY,
    when=lambda j: any(True for _ in bulk(j, _uncompressed)),
    due=False,  # a server that takes no metadata fails elsewhere
    says="A value that came as uncompressed bulk data, or as a document, is that of its reference, octet for octet.",
)
def bulk_comes_back(j: Journey) -> Iterator[Finding]:
    for (told, x, reading), reference in bulk(j, _uncompressed):
        element = _at(reading.dataset, reference.path)
        content = reference.parts[0].content
        if element is not None and element.fragments is not None:
            continue  # compressed by the server, or for this answer
        value = element.value if element is not None else None
        if value is None or not _same(value, content):
            got = "no value" if value is None else f"{value.size} octets, SHA-256 {value.digest[:12]}"
            want = f"{content.size} octets, SHA-256 {content.digest[:12]}"
            where = f"{told.sent.instance} {reference.path}"
            yield Finding(got=got, want=want, where=where, seq=x.seq)


def _same(value: Body, content: Body) -> bool:
    """Octet for octet, a padding one aside."""
    if value.size not in (content.size, content.size + content.size % 2):
        return False
    return value.slice(0, content.size).same(content)


def _at(dataset: part10.DataSet, path: str) -> part10.Element | None:
    """The element at a path such as "00880200[0].7FE00010"."""
    *outer, tag = path.split(".")
    for word in outer:
        element = dataset.get(word[:8])
        items = element.items if element is not None else None
        index = int(word[9:-1])
        if not items or index >= len(items):
            return None
        dataset = items[index]
    return dataset.get(tag)


@bulk_comes_back.mutant(at=DOOR, defects="D-ST-01")
def goes_by_the_order_of_parts(ask: Ask, door: Door) -> Answer:
    """The first part of bulk data is taken for the first reference, whatever its Content-Location says."""
    if ask.resource.kind != "web.store" or not apart(ask):
        return door(ask)
    bulk = [p for p in ask.parts if p.media.type == OCTETS]
    wanted = {p.index: other.content.bytes() for p, other in zip(bulk, reversed(bulk), strict=True)}
    return door(alter.reparted(ask, ask.parts, wanted) or ask)


@bulk_comes_back.mutant
def loses_bulk_in_items(x: Exchange) -> Answer | None:
    """Bulk data that an item of a sequence refers to is lost."""

    def edit(ds: Any) -> bool:
        found = [i for e in ds if e.VR == "SQ" for i in e.value if any(v.VR in ("OB", "OW") for v in i)]
        for item in found:
            for element in item:
                if element.VR in ("OB", "OW"):
                    element.value = b""
        return bool(found)

    return files_changed(x, edit)


@bulk_comes_back.mutant
def cuts_documents(x: Exchange) -> Answer | None:
    """An encapsulated document ends after a kilobyte."""

    def edit(ds: Any) -> bool:
        if "EncapsulatedDocument" not in ds:
            return False
        ds.EncapsulatedDocument = ds.EncapsulatedDocument[: len(ds.EncapsulatedDocument) // 4 * 2]
        return True

    return files_changed(x, edit)


@journey(
    "store.rebuilt-has-file-meta",
    cites="PS3.18 10.5.1.4; PS3.10 7.1",
    verifies=("PS3.18-10.5.1.4-5", "PS3.18-10.5.2-1"),
    on=APART_JOURNEY,
    when=lambda j: bool(made(j)),
    due=False,  # a server that takes no metadata fails elsewhere
    says="An instance made of metadata comes back with File Meta Information that names it, in a syntax of the web.",
)
def rebuilt_has_file_meta(j: Journey) -> Iterator[Finding]:
    for told, x, reading in made(j):
        named = (("00020003", told.sent.instance), ("00020002", told.sent.sop_class))
        for tag, wanted in named:
            if reading.meta.text(tag) != wanted:
                got = reading.meta.text(tag)[:80] or "absent"
                yield Finding(got=got, want=wanted, where=f"{told.sent.instance} {tag}", seq=x.seq)
        if reading.transfer_syntax in ("", IMPLICIT_LE, EXPLICIT_BE):
            got = reading.transfer_syntax or "absent"
            yield Finding(got=got, want="an explicit little endian syntax", where="00020010", seq=x.seq)


@rebuilt_has_file_meta.mutant
def invents_a_new_instance(x: Exchange) -> Answer | None:
    """The File Meta Information names another instance than the data set."""

    def change(octets: bytes) -> bytes:
        at = octets.find(b"\x02\x00\x03\x00UI")
        return octets[: at + 8] + b"1" + octets[at + 9 :] if at >= 0 else octets

    return octets_changed(x, change) if x.kind == "web.retrieve.instances" else None
