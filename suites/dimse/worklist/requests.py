"""Rules of PS3.4 K.4.1.1.3.1 and Table K.6-1 on what the user of a worklist asks.

Must not know responses.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.rule import MESSAGE, SCU, SHALL_NOT, SHOULD_NOT, Finding, operation
from harness.upper_layer.message import Message as Sent
from harness.wire import vr
from suites.dimse import bend
from suites.dimse.models import CHARSET, LEVEL, TIMEZONE
from suites.dimse.reading import dataset, readable, text
from suites.dimse.worklist import asked
from suites.dimse.worklist.asked import ON


def _asks(o: Operation) -> bool:
    return readable(o, o.request)


def _edited(message: Sent, change: bend.Change) -> Sent | None:
    """A worklist query with another identifier."""
    return bend.rewritten(message, change) if bend.is_request(message, "find") else None


@operation(
    "worklist.no-level",
    cites="PS3.4 K.1.1, K.2.1, K.4.1.1.3.1",
    verifies="SV-MWL-004",
    level=SHOULD_NOT,
    on=ON,
    who=SCU,
    content=False,
    incomplete=True,
    when=_asks,
    says="A worklist has one level only: its queries have no Query/Retrieve Level.",
)
def no_level(o: Operation) -> Iterator[Finding]:
    if LEVEL in dataset(o, o.request).elements:
        got = text(dataset(o, o.request), LEVEL) or "empty"
        yield Finding(got, "no Query/Retrieve Level", f"{o.where()}, {LEVEL}")


@no_level.mutant(at=MESSAGE)
def asks_at_the_level_of_studies(message: Sent, asked_: Sent | None) -> Sent | None:
    """Worklist queries have the level STUDY."""

    def more(found: Dataset) -> bool:
        found.QueryRetrieveLevel = "STUDY"
        return True

    return _edited(message, more)


@operation(
    "worklist.keys-as-they-may-be-asked",
    cites="PS3.4 K.2.2.2, Table K.6-1",
    verifies="SV-MWL-001",
    on=ON,
    who=SCU,
    content=False,
    incomplete=True,
    when=lambda o: _asks(o) and any(k.path in asked.REQUIRED and not k.universal for k in asked.keys(o)),
    says="Required keys are asked by the kinds of matching of the table: no patterns for stations, modalities and IDs.",
)
def keys_as_they_may_be_asked(o: Operation) -> Iterator[Finding]:
    for key in asked.keys(o):
        if key.path in asked.REQUIRED and not asked.in_form(o, key):
            got = f"{key.value!r}: {asked.kind(o, key)}" if len(key.values) == 1 else f"{len(key.values)} values"
            want = " or ".join(asked.REQUIRED[key.path])
            yield Finding(got, want, f"{o.where()}, {key.path}")


@keys_as_they_may_be_asked.mutant(at=MESSAGE)
def stations_by_pattern(message: Sent, asked_: Sent | None) -> Sent | None:
    """Stations and patients are asked for with an asterisk behind the first letters."""

    def starred(found: Dataset) -> bool:
        steps = found.get("ScheduledProcedureStepSequence") or []
        held = [i for i in steps if i.get("ScheduledStationAETitle")]
        for item in held:
            item.ScheduledStationAETitle = f"{item.ScheduledStationAETitle[:2]}*"
        if found.get("PatientID"):
            found.PatientID = f"{found.PatientID[:2]}*"
        return bool(held) or bool(found.get("PatientID"))

    return _edited(message, starred)


@keys_as_they_may_be_asked.mutant(at=MESSAGE)
def several_modalities_at_once(message: Sent, asked_: Sent | None) -> Sent | None:
    """Two modalities are asked for in one key."""

    def doubled(found: Dataset) -> bool:
        steps = [i for i in found.get("ScheduledProcedureStepSequence") or [] if i.get("Modality")]
        for item in steps:
            item.Modality = [item.Modality, "OT"]
        return bool(steps)

    return _edited(message, doubled)


@operation(
    "worklist.reserved-attributes",
    cites="PS3.4 K.4.1.1.3.1, Table K.6-1a",
    verifies="SV-MWL-004",
    level=SHALL_NOT,
    on=ON,
    who=SCU,
    content=False,
    incomplete=True,
    when=_asks,
    says="Character set and time zone of a query are not sent empty; no HL7 references are asked for.",
)
def reserved_attributes(o: Operation) -> Iterator[Finding]:
    found = dataset(o, o.request)
    for tag in (CHARSET, TIMEZONE):
        element = found.get(tag)
        if element is not None and element.empty:
            # of the time zone the text says so in as many words, of the character set that it is not sent otherwise
            yield Finding("zero length", "a value, or not there", f"{o.where()}, {tag}", warn=tag == CHARSET)
    if "0040A390" in found.elements:
        yield Finding("HL7 Structured Document Reference Sequence", "in responses only", f"{o.where()}, 0040A390")


@reserved_attributes.mutant(at=MESSAGE)
def an_empty_time_zone_for_worklists(message: Sent, asked_: Sent | None) -> Sent | None:
    """Worklist queries have a time zone without a value."""

    def more(found: Dataset) -> bool:
        found.TimezoneOffsetFromUTC = ""
        return True

    return _edited(message, more)


@operation(
    "worklist.values-fit-for-matching",
    cites="PS3.4 K.2.2.2, C.2.2.2; PS3.5 6.2",
    verifies=("SV-MWL-001", "ENC-VR-004", "ENC-VR-011"),
    on=ON,
    who=SCU,
    content=False,
    incomplete=True,
    when=lambda o: _asks(o) and any(not k.universal for k in asked.keys(o)),
    says="Values of keys are values of their VR, or ranges and patterns where the VR has them.",
)
def values_fit_for_matching(o: Operation) -> Iterator[Finding]:
    for key in asked.keys(o):
        if key.vr not in vr.STRINGS or key.universal:
            continue
        for value in key.values if key.vr not in vr.SINGLE else (key.value,):
            faults = vr.faults(key.vr, value, query=True) if value else ()
            wrong = [want for kind, want in faults if kind in ("form", "characters")]
            if wrong:
                yield Finding(repr(value[:64]), wrong[0], f"{o.where()}, {key.path}")


@values_fit_for_matching.mutant(at=MESSAGE)
def dates_with_slashes(message: Sent, asked_: Sent | None) -> Sent | None:
    """The day of the step is asked for as 03/06/2024."""

    def spoken(found: Dataset) -> bool:
        steps = [i for i in found.get("ScheduledProcedureStepSequence") or [] if "ScheduledProcedureStepStartDate" in i]
        for item in steps:
            item["ScheduledProcedureStepStartDate"]._value = "03/06/2024"
        return bool(steps)

    return _edited(message, spoken)
