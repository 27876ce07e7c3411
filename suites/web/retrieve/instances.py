"""Rules on the instances that a study, series or instance resource gives (PS3.18 10.4.1.1.1, 10.4.3.3.1).

Must not know their encoding, nor status codes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.past import SERIES, SOP_INSTANCE, STUDY
from harness.rule import DOOR, ORACLE, RELATION, Door, Finding, journey, rule
from harness.wire import part10, uri
from suites.web.retrieve import permitted
from suites.web.retrieve.bend import files_changed, metadata_changed, other_uid, parts_changed, without_items
from suites.web.retrieve.reading import (
    DICOM,
    LOSSY,
    files,
    got,
    held,
    instances,
    listed,
    named,
    past_of,
    pieces,
    stored,
)

INSTANCES = "web.retrieve.instances"
METADATA = "web.retrieve.metadata"
PIXEL_DATA, CHARACTER_SET = "7FE00010", "00080005"
MOST_COMPARED = 64  # files of one answer that are compared value by value
MOST_FINDINGS = 10


def _several(x: Exchange) -> bool:
    return got(x) and bool(list(instances(x.answer))) and not _derived(x)


def _derived(x: Exchange) -> bool:
    """One image came that was compressed with loss for the asker: it has a SOP Instance UID of its own by PS3.3
    C.7.6.1.1.5, and that of what was asked for by PS3.18 10.4.3.3.1, so nobody is blamed for either."""
    kept, syntaxes = held(x), {r.transfer_syntax for _, r in files(x.answer)}
    return len(kept) == 1 and kept[0].transfer_syntax not in LOSSY and bool(syntaxes) and syntaxes <= LOSSY


# --- which instances ---------------------------------------------------------------------------------------------


def _complete(x: Exchange) -> Iterator[Finding]:
    found = {f.instance for f in instances(x.answer)}
    missing = [k.instance for k in held(x) if k.instance not in found]
    if missing:
        yield Finding(
            f"{len(found)} instances without {listed(missing)}", f"all {len(held(x))} stored", "SOP Instance UIDs"
        )


def _drop_last(x: Exchange) -> Answer | None:
    """The last instance of several is left out."""
    if x.kind == METADATA:
        return metadata_changed(x, lambda rows: rows.pop() if len(rows) > 1 else False)
    return parts_changed(x, lambda parts: parts[:-1] if len(parts) > 1 and x.kind == INSTANCES else None)


@rule(
    "retrieve.instances-complete",
    cites="PS3.18 10.4.1.1.1; 10.4.3.1",
    verifies=("PS3.18-10.4.1.1.1-1", "PS3.18-10.4.3.1-1", "PS3.18-10.4.3.3.1-1"),
    on=INSTANCES,
    basis=RELATION,
    when=lambda x: x.answer.status == 200 and _several(x) and bool(held(x)),
    says="A study or series comes with every instance that was stored in it.",
)
def instances_complete(x: Exchange) -> Iterator[Finding]:
    yield from _complete(x)


@instances_complete.mutant
def last_instance_is_lost(x: Exchange) -> Answer | None:
    """The last instance of a study is left out."""
    return _drop_last(x)


@instances_complete.mutant
def only_one_series(x: Exchange) -> Answer | None:
    """A study comes with its first series only."""

    def change(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]] | None:
        seen = [f.series for f in instances(x.answer)]
        if x.resource.level != "study" or len(set(seen)) < 2:
            return None
        return [part for part, series in zip(parts, seen, strict=False) if series == seen[0]]

    return parts_changed(x, change)


@rule(
    "retrieve.metadata-complete",
    cites="PS3.18 10.4.1.1.2; 10.4.3.1",
    verifies=("PS3.18-10.4.1.1.2-1", "PS3.18-10.4.3.1-1"),
    on=METADATA,
    basis=RELATION,
    when=lambda x: x.answer.status == 200 and _several(x) and bool(held(x)),
    says="The metadata of a study or series covers every instance that was stored in it.",
)
def metadata_complete(x: Exchange) -> Iterator[Finding]:
    yield from _complete(x)


@metadata_complete.mutant
def last_entry_is_lost(x: Exchange) -> Answer | None:
    """The metadata of the last instance is left out."""
    return _drop_last(x)


@metadata_complete.mutant(defects="D-WA-03")
def entries_are_merged(x: Exchange) -> Answer | None:
    """The metadata of all instances is merged into one data set."""

    def edit(rows: list[dict[str, Any]]) -> bool:
        if len(rows) < 2:
            return False
        merged = {tag: attribute for row in rows for tag, attribute in row.items()}
        rows[:] = [merged]
        return True

    return metadata_changed(x, edit)


@rule(
    "retrieve.exactly-the-instances",
    cites="PS3.18 10.4.1.1.1; 10.4.1.1.2",
    verifies=("PS3.18-10.4.1.1.1-1", "PS3.18-10.4.1.1.2-1"),
    on=f"{INSTANCES}|{METADATA}",
    basis=ORACLE,
    when=lambda x: x.answer.status == 200 and _several(x) and bool(_predicted(x)),
    says="What is retrieved is exactly what an unbroken archive with the same data would give.",
)
def exactly_the_instances(x: Exchange) -> Iterator[Finding]:
    wanted, found = set(_predicted(x)), {f.instance for f in instances(x.answer)}
    if missing := sorted(wanted - found):
        yield Finding(f"no {listed(missing)}", f"{len(wanted)} instances", "SOP Instance UIDs")
    if extra := sorted(found - wanted):
        yield Finding(f"also {listed(extra)}", f"{len(wanted)} instances", "SOP Instance UIDs")


def _predicted(x: Exchange) -> list[str]:
    return list((x.expected or {}).get("instances") or ())


@exactly_the_instances.mutant(at=DOOR)
def whole_study_for_a_series(ask: Ask, door: Door) -> Answer:
    """A series is answered with its whole study."""
    resource = ask.resource
    if resource.kind not in (INSTANCES, METADATA) or resource.level != "series":
        return door(ask)
    tail = "/metadata" if resource.kind == METADATA else ""
    return door(ask.but(target=f"{uri.base_path(ask.base)}/studies/{resource.study}{tail}"))


# --- whose instances ---------------------------------------------------------------------------------------------


def _foreign(x: Exchange) -> Iterator[Finding]:
    names = ("Study Instance UID", "Series Instance UID", "SOP Instance UID")
    asked = named(x.resource)
    for found in instances(x.answer):
        for name, said, wanted in zip(names, (found.study, found.series, found.instance), asked, strict=True):
            if wanted and said != wanted:
                yield Finding(said or "none", wanted, f"{found.where} {name}")


def _uids_changed(x: Exchange, keyword: str, tag: str) -> Answer | None:
    if x.kind == METADATA:
        return metadata_changed(x, lambda rows: _others(rows, tag))
    return files_changed(x, lambda ds: setattr(ds, keyword, other_uid(str(ds[keyword].value))))


def _others(rows: list[dict[str, Any]], tag: str) -> None:
    for row in rows:
        row[tag]["Value"] = [other_uid(v) for v in row[tag]["Value"]]


@rule(
    "retrieve.instances-belong",
    cites="PS3.18 10.1.1; 10.4.1.1.1",
    verifies=("PS3.18-10.4.1.1.1-1", "PS3.18-10.4.3.3.1-1"),
    on=INSTANCES,
    when=_several,
    says="Every instance carries the Study, Series and SOP Instance UID of the path it was asked by.",
)
def instances_belong(x: Exchange) -> Iterator[Finding]:
    yield from _foreign(x)


@instances_belong.mutant(defects="M-WA-17")
def of_another_study(x: Exchange) -> Answer | None:
    """Instances of another study are sent."""
    return _uids_changed(x, "StudyInstanceUID", STUDY)


@instances_belong.mutant
def another_instance(x: Exchange) -> Answer | None:
    """Another instance of the series is sent."""
    return _uids_changed(x, "SOPInstanceUID", SOP_INSTANCE) if x.resource.level == "instance" else None


@rule(
    "retrieve.metadata-belongs",
    cites="PS3.18 10.1.1; 10.4.1.1.2",
    verifies="PS3.18-10.4.1.1.2-1",
    on=METADATA,
    when=_several,
    says="All metadata carries the Study, Series and SOP Instance UID of the path it was asked by.",
)
def metadata_belongs(x: Exchange) -> Iterator[Finding]:
    yield from _foreign(x)


@metadata_belongs.mutant
def metadata_of_another_series(x: Exchange) -> Answer | None:
    """The metadata names another series."""
    return _uids_changed(x, "SeriesInstanceUID", SERIES) if x.resource.level != "study" else None


@metadata_belongs.mutant
def metadata_without_study(x: Exchange) -> Answer | None:
    """The metadata lacks the Study Instance UID."""
    return metadata_changed(x, lambda rows: [row.pop(STUDY, None) for row in rows])


@rule(
    "retrieve.each-instance-once",
    cites="PS3.18 10.4.1.1.1; 10.4.1.1.2",
    verifies=("PS3.18-10.4.1.1.1-1", "PS3.18-10.4.1.1.2-1"),
    on=f"{INSTANCES}|{METADATA}",
    when=_several,
    says="No instance comes twice in one answer, and an instance resource gives one.",
)
def each_instance_once(x: Exchange) -> Iterator[Finding]:
    found = Counter(f.instance for f in instances(x.answer))
    for uid, times in found.items():
        if uid and times > 1:
            yield Finding(f"{times} times", "once", f"SOP Instance UID {uid}")


@each_instance_once.mutant
def last_instance_twice(x: Exchange) -> Answer | None:
    """The last instance comes twice."""
    if x.kind == METADATA:
        return metadata_changed(x, lambda rows: rows.append(rows[-1]))
    return parts_changed(x, lambda parts: [*parts, parts[-1]] if x.kind == INSTANCES else None)


# --- are they what was stored ------------------------------------------------------------------------------------


def _comparable(x: Exchange) -> bool:
    return got(x) and any(past_of(x).get(f.instance) for f in instances(x.answer))


@rule(
    "retrieve.instance-is-what-was-stored",
    cites="PS3.18 10.4.3.3.1; 10.5.2",
    verifies="PS3.18-10.4.3.3.1-1",
    on=INSTANCES,
    basis=RELATION,
    when=_comparable,
    says="A retrieved data set is the one that was stored, but for declared coercion and the coding of its pixels.",
)
def instance_is_what_was_stored(x: Exchange) -> Iterator[Finding]:
    for piece, reading in files(x.answer)[:MOST_COMPARED]:
        kept = past_of(x).get(reading.dataset.text(SOP_INSTANCE))
        if kept is None or not reading.dataset.elements:
            continue
        ours = stored(kept).dataset
        skip = permitted.coerced(reading.dataset) - permitted.coerced(ours)
        skip |= permitted.pixel_description(kept, reading.dataset.text(permitted.PHOTOMETRIC), reading.transfer_syntax)
        if permitted.recoded(kept, reading.transfer_syntax) and PIXEL_DATA in reading.dataset.elements:
            skip |= {PIXEL_DATA}  # what the pixels are is judged where they can be decoded
        if reading.dataset.get(CHARACTER_SET) is not None:
            skip |= {CHARACTER_SET}  # text may come in another repertoire (8.8); it is compared as text
        found = (d for d in part10.difference(reading.dataset, ours) if _top(d.path) not in skip)
        for _, d in zip(range(MOST_FINDINGS), found, strict=False):
            own = d.path in permitted.ABOUT_THE_ARCHIVE or permitted.of_its_own(d.path, ours, reading.dataset)
            yield Finding(d.got, d.want, f"{piece.where} {d.path}", warn=d.want == "absent" and own)


def _top(path: str) -> str:
    return path[:8]


def _damage(edit: Callable[[Any], bool | None]) -> Callable[[Exchange], Answer | None]:
    return lambda x: files_changed(x, edit)


@instance_is_what_was_stored.mutant
def name_is_changed(x: Exchange) -> Answer | None:
    """The Patient's Name is normalised to capitals and shortened."""
    return files_changed(x, lambda ds: setattr(ds, "PatientName", f"{str(ds.get('PatientName', ''))[:4].upper()}X"))


@instance_is_what_was_stored.mutant(defects="M-JS-36")
def items_are_lost(x: Exchange) -> Answer | None:
    """Sequences lose their items."""
    return files_changed(x, without_items)


@instance_is_what_was_stored.mutant
def private_is_stripped(x: Exchange) -> Answer | None:
    """Private attributes are left out."""

    def edit(ds: Any) -> bool:
        before = len(ds)
        ds.remove_private_tags()
        return len(ds) != before

    return files_changed(x, edit)


@instance_is_what_was_stored.mutant(defects=("M-WA-02", "M-WA-13"))
def pixels_are_turned(x: Exchange) -> Answer | None:
    """The octets of native pixel data stand in the wrong order."""

    def edit(ds: Any) -> bool:
        if "PixelData" not in ds or ds["PixelData"].is_undefined_length or ds.BitsAllocated != 16:
            return False
        octets = bytearray(ds.PixelData)
        octets[0::2], octets[1::2] = octets[1::2], octets[0::2]
        ds.PixelData = bytes(octets)
        return True

    return files_changed(x, edit)


@instance_is_what_was_stored.mutant(defects="M-JS-46")
def internal_attribute_leaks(x: Exchange) -> Answer | None:
    """The archive's own private attributes are in the data set."""

    def edit(ds: Any) -> None:
        ds.private_block(0x4321, "ARCHIVE", create=True).add_new(1, "LO", "internal")

    return files_changed(x, edit)


# --- a part's own place ------------------------------------------------------------------------------------------


def _located(x: Exchange) -> bool:
    return got(x) and any(p.location for p in pieces(x.answer))


@rule(
    "retrieve.location-names-the-part",
    cites="PS3.18 8.6.1.2; 10.4.3",
    verifies="PS3.18-8.6.1.2-3",
    on=f"{INSTANCES}|{METADATA}",
    when=_located,
    says="A Content-Location that names a study, a series or an instance names that of its part, and parts that "
    "differ are told apart by it.",
)
def location_names_the_part(x: Exchange) -> Iterator[Finding]:
    whole = x.answer.multipart is None
    if whole and x.resource.level != "instance":
        return
    places: dict[str, str] = {}
    for piece, found in zip(_framed(x), instances(x.answer), strict=False):
        place = uri.classify("GET", piece.location, x.ask.base) if piece.location else None
        said = place.uids if place is not None and place.kind.startswith("web.retrieve.") else ()
        if said != (found.study, found.series, found.instance)[: len(said)]:
            yield Finding(str(piece.location), f"the resource of {found.instance}", f"{piece.where} Content-Location")
        # the text speaks of "down to the level" of an instance by way of example only
        elif piece.location and places.setdefault(piece.location, found.instance) != found.instance:
            want = f"another place than that of {places[piece.location]}"
            yield Finding(piece.location, want, f"{piece.where} Content-Location", warn=True)


def _framed(x: Exchange) -> Iterator[Any]:
    for piece in pieces(x.answer):
        if piece.type == DICOM or x.kind == METADATA:
            yield piece


@location_names_the_part.mutant
def all_parts_in_one_place(x: Exchange) -> Answer | None:
    """All parts name the place of the first."""

    def change(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]] | None:
        first = [v for n, v in parts[0][0] if n.lower() == "content-location"]
        if len(parts) < 2 or not first or x.kind not in (INSTANCES, METADATA):
            return None
        return [([(n, first[0] if n.lower() == "content-location" else v) for n, v in fields], octets)
                for fields, octets in parts]  # fmt: skip

    return parts_changed(x, change)


@location_names_the_part.mutant
def parts_of_another_study(x: Exchange) -> Answer | None:
    """What is sent says that it is the metadata of another study."""
    if x.kind != METADATA or x.resource.level != "instance" or "content-location" not in x.answer.headers:
        return None
    place = f"{x.ask.base}/studies/{other_uid(x.resource.study)}/metadata"
    return x.answer.but(headers=x.answer.headers.but("content-location", place))


@location_names_the_part.mutant
def parts_in_the_study(x: Exchange) -> Answer | None:
    """All parts name the place of the study."""

    def change(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]] | None:
        if len(parts) < 2 or x.kind not in (INSTANCES, METADATA):
            return None
        return [([(n, v.partition("/series/")[0] if n.lower() == "content-location" else v) for n, v in fields], octets)
                for fields, octets in parts]  # fmt: skip

    return parts_changed(x, change)


@journey(
    "retrieve.location-leads-to-the-part",
    cites="PS3.18 8.6.1.2; 10.4.3",
    verifies="PS3.18-8.6.1.2-3",
    on="web.retrieve.location",
    when=lambda j: any(got(x) for x in j.steps("whole")) and bool(j.steps("located")),
    says="What the Content-Location of a part names can be retrieved, and is what the part holds.",
)
def location_leads_to_the_part(j: Journey) -> Iterator[Finding]:
    whole = next(x for x in j.steps("whole") if got(x))
    for x in j.steps("located"):
        index = int(x.facts.get("part", -1))
        shown = _first(x) if x.answer.ok else None
        wanted = files(whole.answer)[index][1] if 0 <= index < len(files(whole.answer)) else None
        if shown is None:
            yield Finding(x.answer.line, "200 with the instance", x.ask.line, seq=x.seq)
        elif wanted and (d := next(part10.difference(shown, wanted.dataset), None)):
            yield Finding(f"{d.path}: {d.got}", d.want, x.ask.line, seq=x.seq)


def _first(x: Exchange) -> part10.DataSet | None:
    found = files(x.answer)
    return found[0][1].dataset if found else None


@location_leads_to_the_part.mutant(at=DOOR)
def place_does_not_exist(ask: Ask, door: Door) -> Answer:
    """The Content-Location of parts leads nowhere."""

    def change(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]]:
        return [
            ([(n, other_uid(v) if n.lower() == "content-location" else v) for n, v in fields], octets)
            for fields, octets in parts
        ]

    answer = door(ask)
    several = ask.resource.kind == INSTANCES and ask.resource.level != "instance"
    return (parts_changed(Exchange(0, ask, answer), change) if several else None) or answer
