"""Rules of PS3.4 C.4.1.1.3.1, C.4.1.2 and C.2.2.2 on what an SCU asks with C-FIND: level, keys, forms of values.

Must not know responses.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.make.identifiers import UNIQUE
from harness.rule import MESSAGE, SCU, SHALL_NOT, Finding, operation
from harness.upper_layer.message import Message as Sent
from harness.wire import vr
from suites.dimse import bend, models
from suites.dimse.find import asked
from suites.dimse.reading import dataset, readable, text

ON = "dimse.query-retrieve.find"
MODELLED = "dimse.query-retrieve"


def _modelled(o: Operation) -> bool:
    return bool(models.model(o)) and readable(o, o.request)


def _asks(o: Operation) -> bool:
    return _modelled(o) and bool(asked.level(o))


@operation(
    "find.level",
    cites="PS3.4 C.4.1.1.3.1, C.4.2.1.4.1, C.4.3.1.3.1, Tables C.6.1-1, C.6.2-1",
    verifies=("SV-FND-001", "SV-MOV-001"),
    on=f"{ON}|dimse.query-retrieve.get|dimse.query-retrieve.move",
    who=SCU,
    content=False,
    incomplete=True,
    when=_modelled,
    says="The identifier of a request has a Query/Retrieve Level of its information model.",
)
def level(o: Operation) -> Iterator[Finding]:
    got = models.level(dataset(o, o.request))
    if got not in models.levels(o):
        want = ", ".join(models.levels(o))
        yield Finding(repr(got) if got else "no level", want, f"{o.where()}, {models.LEVEL}")


@level.mutant(at=MESSAGE, defects="M-CF-16")
def calls_images_instances(message: Sent, asked_: Sent | None) -> Sent | None:
    """Queries for images have the level INSTANCE."""

    def renamed(found: Dataset) -> bool:
        found.QueryRetrieveLevel = "INSTANCE"
        return True

    return bend.rewritten(message, renamed) if bend.is_request(message, "find", "get", "move") else None


@level.mutant(at=MESSAGE)
def no_level(message: Sent, asked_: Sent | None) -> Sent | None:
    """Requests have no Query/Retrieve Level."""
    return _without(message, models.LEVEL)


def _without(message: Sent, tag: str) -> Sent | None:
    if not bend.is_request(message, "find", "get", "move"):
        return None
    return bend.rewritten(message, lambda found: bend.dropped(found, int(tag, 16)))


@operation(
    "find.hierarchical",
    cites="PS3.4 C.4.1.2.1, C.4.1.2.2",
    verifies="SV-FND-002",
    on=ON,
    who=SCU,
    content=False,
    incomplete=True,
    when=lambda o: _asks(o) and not asked.relational(o),
    says="Without relational queries: one value in each unique key above the level, and no other keys from above.",
)
def hierarchical(o: Operation) -> Iterator[Finding]:
    for got, want in asked.departures(o):
        yield Finding(got, want, f"{o.where()}, level {asked.level(o)}")


@hierarchical.mutant(at=MESSAGE, defects="D-CF-02")
def no_unique_key_above(message: Sent, asked_: Sent | None) -> Sent | None:
    """Queries below the study leave its UID out."""
    octets = bend.octets_of(message)
    below = any(word in octets for word in (b"SERIES", b"IMAGE "))
    return _without(message, UNIQUE["STUDY"]) if below and bend.is_request(message, "find") else None


@hierarchical.mutant(at=MESSAGE, defects="M-CF-11")
def keys_of_the_patient_everywhere(message: Sent, asked_: Sent | None) -> Sent | None:
    """Queries below the study ask for the patient's name."""

    def more(found: Dataset) -> bool:
        found.PatientName = ""
        return str(found.get("QueryRetrieveLevel")) in ("SERIES", "IMAGE")

    return bend.rewritten(message, more) if bend.is_request(message, "find") else None


@operation(
    "find.names-its-unique-key",
    cites="PS3.4 C.4.1.2.1, C.4.1.2.2.1",
    verifies="SV-FND-002",
    on=ON,
    who=SCU,
    content=False,
    incomplete=True,
    when=_asks,
    says="A query contains the unique key of its level, with or without a value, and no key of a lower level.",
)
def names_its_unique_key(o: Operation) -> Iterator[Finding]:
    at = asked.level(o)
    own = UNIQUE[at]
    if asked.key(o, own) is None:
        yield Finding("not there", f"{own}, the unique key of {at}", o.where())
    names = models.levels(o)
    for key in asked.keys(o):
        home = models.level_of(o, key.path)
        # SOP Class UID stands in instances and in no table above them, but everybody asks for it at any level
        if home and names.index(home) > names.index(at) and key.path != "00080016":
            lowest = key.path in models.required(o, home)
            yield Finding(f"{key.path} of level {home}", f"keys down to {at}", o.where(), warn=not lowest)


@names_its_unique_key.mutant(at=MESSAGE)
def never_names_what_it_looks_for(message: Sent, asked_: Sent | None) -> Sent | None:
    """Queries for studies have no Study Instance UID."""
    study = b"STUDY " in bend.octets_of(message) and bend.is_request(message, "find")
    return _without(message, UNIQUE["STUDY"]) if study else None


@names_its_unique_key.mutant(at=MESSAGE)
def asks_studies_for_instance_numbers(message: Sent, asked_: Sent | None) -> Sent | None:
    """Queries for studies ask for an instance number."""

    def more(found: Dataset) -> bool:
        found.InstanceNumber = ""
        return str(found.get("QueryRetrieveLevel")) == "STUDY"

    return bend.rewritten(message, more) if bend.is_request(message, "find") else None


@operation(
    "find.reserved-attributes",
    cites="PS3.4 C.4.1.1.3.1, C.4.1.1.3.2, C.2.2.2",
    verifies=("SV-FND-001", "SV-FND-017"),
    level=SHALL_NOT,
    on=ON,
    who=SCU,
    content=False,
    incomplete=True,
    when=_modelled,
    says="No Instance Availability is asked for, no View that was not agreed; no empty character set or time zone.",
)
def reserved_attributes(o: Operation) -> Iterator[Finding]:
    found = dataset(o, o.request)
    if models.AVAILABILITY in found.elements:
        yield Finding("Instance Availability", "not in a request", f"{o.where()}, {models.AVAILABILITY}")
    if models.VIEW in found.elements and not models.option(o, models.ENHANCED):
        got = text(found, models.VIEW) or "empty"
        yield Finding(got, "no view without its negotiation", f"{o.where()}, {models.VIEW}")
    for tag in (models.CHARSET, models.TIMEZONE):
        element = found.get(tag)
        if element is not None and element.empty:
            yield Finding("zero length", "a value, or not there", f"{o.where()}, {tag}")


@reserved_attributes.mutant(at=MESSAGE)
def asks_for_availability(message: Sent, asked_: Sent | None) -> Sent | None:
    """Queries ask how available instances are."""

    def more(found: Dataset) -> bool:
        found.InstanceAvailability = ""
        return True

    return bend.rewritten(message, more) if bend.is_request(message, "find") else None


@reserved_attributes.mutant(at=MESSAGE)
def an_empty_time_zone(message: Sent, asked_: Sent | None) -> Sent | None:
    """Queries have a time zone without a value."""

    def more(found: Dataset) -> bool:
        found.TimezoneOffsetFromUTC = ""
        return True

    return bend.rewritten(message, more) if bend.is_request(message, "find") else None


@operation(
    "find.sequence-has-one-item",
    cites="PS3.4 C.2.2.2.6",
    verifies="SV-FND-011",
    on=f"{ON}|dimse.worklist.find",
    who=SCU,
    content=False,
    incomplete=True,
    due=False,
    when=lambda o: any(e.items is not None for e in dataset(o, o.request).elements.values()),
    says="A sequence in the identifier of a query has one item.",
)
def sequence_has_one_item(o: Operation) -> Iterator[Finding]:
    for tag, element in dataset(o, o.request).elements.items():
        if element.items is not None and len(element.items) > 1:
            yield Finding(f"{len(element.items)} items", "one item", f"{o.where()}, {tag}")


@sequence_has_one_item.mutant(at=MESSAGE)
def asks_with_two_items(message: Sent, asked_: Sent | None) -> Sent | None:
    """The item of a sequence key is sent twice."""

    def doubled(found: Dataset) -> bool:
        sequences = [e for e in found if e.VR == "SQ" and len(e.value) == 1]
        for element in sequences:
            element.value = [element.value[0], element.value[0]]
        return bool(sequences)

    return bend.rewritten(message, doubled) if bend.is_request(message, "find") else None


@operation(
    "find.values-fit-for-matching",
    cites="PS3.4 C.2.2.2; PS3.5 6.2",
    verifies=("SV-FND-001", "ENC-VR-004", "ENC-VR-011"),
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
            # the total length may exceed that of the VR, and matching has characters of its own (C.2.2.2)
            faults = vr.faults(key.vr, value, query=True) if value else ()
            wrong = [want for kind, want in faults if kind in ("form", "characters")]
            if wrong:
                yield Finding(repr(value[:64]), wrong[0], f"{o.where()}, {key.path}")


@values_fit_for_matching.mutant(at=MESSAGE)
def dates_as_people_write_them(message: Sent, asked_: Sent | None) -> Sent | None:
    """Study Date is asked for as 01/31/2024."""

    def spoken(found: Dataset) -> bool:
        if "StudyDate" not in found:
            return False
        found["StudyDate"]._value = "01/31/2024"
        return True

    return bend.rewritten(message, spoken) if bend.is_request(message, "find") else None
