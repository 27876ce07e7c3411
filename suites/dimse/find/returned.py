"""Rules of PS3.4 C.4.1.1.3.2, C.4.1.1.4 and C.4.1.3 on what C-FIND responses carry: identifiers and their attributes.

Must not know whether a match is a right one.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.make.identifiers import UNIQUE
from harness.rule import MESSAGE, SCP, SHALL_NOT, Finding, operation
from harness.upper_layer.message import Message as Sent
from harness.wire import vr
from harness.wire.dimse import Message
from harness.wire.elements import DataSet
from suites.dimse import bend, models
from suites.dimse.bend import but
from suites.dimse.find import asked
from suites.dimse.models import AVAILABILITY, CHARSET, FILE_SET_ID, FILE_SET_UID, LEVEL, RETRIEVE_AE, TIMEZONE
from suites.dimse.reading import answers, dataset, hexed, readable, text, texts

ON = "dimse.query-retrieve.find"
ANY = "dimse.query-retrieve.find|dimse.worklist.find|dimse.ups.find"
_ALWAYS = frozenset({LEVEL, CHARSET, TIMEZONE, RETRIEVE_AE, AVAILABILITY, FILE_SET_ID, FILE_SET_UID, models.VIEW})


def _found(o: Operation) -> Iterator[tuple[Message, DataSet]]:
    """The Pending responses with an identifier that can be read."""
    for message in o.pending:
        if readable(o, message):
            yield message, dataset(o, message)


def _matched(o: Operation) -> bool:
    return asked.lawful(o) and any(True for _ in _found(o))


@operation(
    "find.pending-has-an-identifier",
    cites="PS3.7 9.1.2.1.5, 9.1.2.1.6; PS3.4 C.4.1.3.1",
    verifies="DM-SEQ-003",
    on=ANY,
    who=SCP,
    content=False,
    incomplete=True,
    when=lambda o: any(m.pending for m in answers(o)),
    says="Each Pending response to a C-FIND carries an identifier.",
)
def pending_has_an_identifier(o: Operation) -> Iterator[Finding]:
    for message in answers(o):
        if message.pending and (message.data is None or not dataset(o, message).elements):
            yield Finding(f"{hexed(message.status)} without an identifier", "an identifier", o.where(message))


@pending_has_an_identifier.mutant(at=MESSAGE)
def pending_without_identifier(message: Sent, request: Sent | None) -> Sent | None:
    """Pending responses come without their identifier."""
    return message.carrying(None) if bend.is_pending(message, "find") else None


@operation(
    "find.final-has-no-identifier",
    cites="PS3.7 9.1.2.1.5, 9.1.2.1.6; PS3.4 C.4.1.3.1, Table C.4-1",
    verifies=("DM-SEQ-002", "SV-FND-014"),
    level=SHALL_NOT,
    on=ANY,
    who=SCP,
    content=False,
    when=lambda o: o.final is not None,
    says="The final response to a C-FIND carries no identifier, whatever its status.",
)
def final_has_no_identifier(o: Operation) -> Iterator[Finding]:
    if o.final is not None and o.final.data is not None:
        yield Finding(f"{hexed(o.status)} with a data set", "no identifier", o.where(o.final))


@final_has_no_identifier.mutant(at=MESSAGE, defects="M-CF-01")
def success_with_the_query(message: Sent, request: Sent | None) -> Sent | None:
    """Success carries the identifier that was asked with."""
    done = request is not None and bend.is_final(message, "find")
    return message.carrying(bend.octets_of(request)) if done and request is not None else None


@operation(
    "find.success-at-the-end",
    cites="PS3.4 C.4.1.3.1, Table C.4-1",
    verifies="SV-FND-014",
    on=ON,
    who=SCP,
    when=lambda o: asked.lawful(o) and o.final is not None and not o.cancels,
    says="A lawful query ends with 0000H, or with a failure that says it could not be processed.",
)
def success_at_the_end(o: Operation) -> Iterator[Finding]:
    # out of resources and not authorized are no fault of the answer; a lawful query that is not understood is
    if o.status is not None and o.status not in (0x0000, 0xA700, 0x0124):
        yield Finding(hexed(o.status), "0000H", f"{o.where(o.final)}, level {asked.level(o)}")


@success_at_the_end.mutant(at=MESSAGE, defects=("M-CF-14", "M-CF-18"))
def fails_after_its_matches(message: Sent, request: Sent | None) -> Sent | None:
    """Queries end with C001H."""
    return but(message, Status=0xC001) if bend.is_final(message, "find") else None


@operation(
    "find.level-echoed",
    cites="PS3.4 C.4.1.1.3.2",
    verifies="SV-FND-012",
    on=ON,
    who=SCP,
    when=_matched,
    says="Each match has the Query/Retrieve Level of the request.",
)
def level_echoed(o: Operation) -> Iterator[Finding]:
    for message, match in _found(o):
        if models.level(match) != asked.level(o):
            got = models.level(match) or "no level"
            yield Finding(got, asked.level(o), f"{o.where(message)}, {LEVEL}")


@level_echoed.mutant(at=MESSAGE, defects="M-CF-06")
def matches_without_level(message: Sent, request: Sent | None) -> Sent | None:
    """Matches have no Query/Retrieve Level."""
    return _edited(message, lambda found: bend.dropped(found, 0x00080052))


@level_echoed.mutant(at=MESSAGE)
def everything_is_a_study(message: Sent, request: Sent | None) -> Sent | None:
    """Matches below the study have the level STUDY."""

    def renamed(found: Dataset) -> bool:
        other = str(found.get("QueryRetrieveLevel", "")) != "STUDY"
        found.QueryRetrieveLevel = "STUDY"
        return other

    return _edited(message, renamed)


def _edited(message: Sent, change: bend.Change) -> Sent | None:
    return bend.rewritten(message, change) if bend.is_pending(message, "find") else None


@operation(
    "find.returns-required-keys",
    cites="PS3.4 C.4.1.1.3.2, C.2.2.1.1, C.2.2.1.2; Tables C.6-1 to C.6-5",
    verifies=("SV-FND-012", "SV-FND-004", "SV-FND-007"),
    on=ON,
    who=SCP,
    when=lambda o: _matched(o) and any(asked.supported(o, k) for k in asked.keys(o)),
    says="Each match has every unique and required key that was asked for, empty where there is no value.",
)
def returns_required_keys(o: Operation) -> Iterator[Finding]:
    wanted = [k.tag for k in asked.keys(o) if asked.supported(o, k)]
    for message, match in _found(o):
        missing = [tag for tag in wanted if tag not in match.elements]
        if missing:
            yield Finding(f"no {', '.join(missing)}", "every required key of the request", o.where(message))


@returns_required_keys.mutant(at=MESSAGE, defects="M-CF-10")
def leaves_out_what_is_empty(message: Sent, request: Sent | None) -> Sent | None:
    """Attributes without a value are left out of matches."""

    def thinned(found: Dataset) -> bool:
        empty = [e.tag for e in found if e.is_empty]
        for tag in empty:
            del found[tag]
        return bool(empty)

    return _edited(message, thinned)


@returns_required_keys.mutant(at=MESSAGE)
def keeps_the_patient_id_back(message: Sent, request: Sent | None) -> Sent | None:
    """Patient ID and Series Number are never returned."""
    return _edited(message, lambda found: bend.dropped(found, 0x00100020, 0x00200011))


@operation(
    "find.names-what-it-found",
    cites="PS3.4 C.2.2.1.1, C.4.1.3.1.1",
    verifies=("SV-FND-012", "SV-FND-004"),
    on=ON,
    who=SCP,
    when=_matched,
    says="Each match has one value in its unique key, and the unique keys of the levels above.",
)
def names_what_it_found(o: Operation) -> Iterator[Finding]:
    at = asked.level(o)
    # a relational search returns of the levels above what was asked for (C.4.1.3.2.2)
    above = [tag for tag in models.unique_above(o, at) if asked.key(o, tag) or not asked.relational(o)]
    due = (*above, *((UNIQUE[at],) if asked.key(o, UNIQUE[at]) else ()))
    for message, match in _found(o):
        for tag in due:
            values = [v for v in texts(match, tag) if v]
            if len(values) != 1:
                got = repr("\\".join(values)) if values else "no value"
                # Patient ID may be empty in every IOD, and all the same no entity may be without a unique key
                warn = tag == UNIQUE["PATIENT"] and not values
                yield Finding(got, "one value", f"{o.where(message)}, {tag}", warn=warn)


@names_what_it_found.mutant(at=MESSAGE)
def series_without_their_study(message: Sent, request: Sent | None) -> Sent | None:
    """Matches below the study do not name the study; studies have no UID."""
    return _edited(message, lambda found: bend.dropped(found, 0x0020000D))


@operation(
    "find.returns-nothing-else",
    cites="PS3.4 C.4.1.1.3.2, C.4.1.3.1.1",
    verifies="SV-FND-012",
    level=SHALL_NOT,
    on=ON,
    who=SCP,
    when=_matched,
    says="A match has no attribute that was neither asked for nor named by the clause.",
)
def returns_nothing_else(o: Operation) -> Iterator[Finding]:
    own = UNIQUE[asked.level(o)]
    allowed = {k.tag for k in asked.keys(o)} | _ALWAYS | {own, *models.unique_above(o, asked.level(o))}
    requested = set(dataset(o, o.request).elements)
    for message, match in _found(o):
        extra = [t for t in match.elements if t not in allowed and t not in requested and not _reserves(t, match)]
        extra = [t for t in extra if not t.endswith("0000")]
        if extra:
            yield Finding(", ".join(sorted(extra)[:5]), "attributes of the request", o.where(message))


def _reserves(tag: str, match: DataSet) -> bool:
    """A Private Creator comes with the elements of its block (PS3.5 7.8.1)."""
    return tag[3] in "13579BDF" and "0010" <= tag[4:] <= "00FF"


@returns_nothing_else.mutant(at=MESSAGE)
def tells_the_institution(message: Sent, request: Sent | None) -> Sent | None:
    """Matches have an Institution Name that nobody asked for."""

    def told(found: Dataset) -> bool:
        found.InstitutionName = "PRACTICE"
        return True

    return _edited(message, told)


@operation(
    "find.says-where-to-retrieve",
    cites="PS3.4 C.4.1.1.3.2",
    verifies="SV-FND-012",
    on=ON,
    who=SCP,
    when=_matched,
    says="Each match has Retrieve AE Title, or File-Set ID and UID; at the lowest level with a value.",
)
def says_where_to_retrieve(o: Operation) -> Iterator[Finding]:
    lowest = asked.level(o) == "IMAGE"
    for message, match in _found(o):
        title, media = match.get(RETRIEVE_AE), (match.get(FILE_SET_ID), match.get(FILE_SET_UID))
        if title is None and not all(media):
            want = f"{RETRIEVE_AE}, or {FILE_SET_ID} with {FILE_SET_UID}"
            yield Finding("neither", want, o.where(message))
        elif lowest and (title is None or title.empty) and not any(m and not m.empty for m in media):
            yield Finding("no value", "a value at the level IMAGE", f"{o.where(message)}, {RETRIEVE_AE}")


@says_where_to_retrieve.mutant(at=MESSAGE, defects="M-CF-08")
def does_not_say_where(message: Sent, request: Sent | None) -> Sent | None:
    """Matches have no Retrieve AE Title and no File-Set."""
    tags = (0x00080054, 0x00880130, 0x00880140)
    return _edited(message, lambda found: bend.dropped(found, *tags))


@operation(
    "find.retrieve-ae-title",
    cites="PS3.4 C.4.1.1.3.2; PS3.5 6.2 (AE)",
    verifies="SV-FND-012",
    on=ON,
    who=SCP,
    when=lambda o: any(text(match, RETRIEVE_AE) for _, match in _found(o)),
    says="Retrieve AE Title names application entities, not patterns.",
)
def retrieve_ae_title(o: Operation) -> Iterator[Finding]:
    for message, match in _found(o):
        for title in texts(match, RETRIEVE_AE):
            wrong = [want for kind, want in vr.faults("AE", title)] if title else []
            if wrong or set(title) & set("*?"):
                want = wrong[0] if wrong else "the title of an application entity"
                yield Finding(repr(title), want, f"{o.where(message)}, {RETRIEVE_AE}")


@retrieve_ae_title.mutant(at=MESSAGE, defects="M-CF-09")
def retrievable_from_anywhere(message: Sent, request: Sent | None) -> Sent | None:
    """Retrieve AE Title is an asterisk."""

    def starred(found: Dataset) -> bool:
        found.RetrieveAETitle = "*"
        return True

    return _edited(message, starred)


_AVAILABLE = ("ONLINE", "NEARLINE", "OFFLINE", "UNAVAILABLE")


@operation(
    "find.instance-availability",
    cites="PS3.4 C.4.1.1.3.2",
    verifies="SV-FND-012",
    on=ON,
    who=SCP,
    due=False,
    when=lambda o: any(AVAILABILITY in match.elements for _, match in _found(o)),
    says="Instance Availability is ONLINE, NEARLINE, OFFLINE or UNAVAILABLE, and never empty.",
)
def instance_availability(o: Operation) -> Iterator[Finding]:
    for message, match in _found(o):
        got = text(match, AVAILABILITY)
        if AVAILABILITY in match.elements and got not in _AVAILABLE:
            yield Finding(repr(got), ", ".join(_AVAILABLE), f"{o.where(message)}, {AVAILABILITY}")


@instance_availability.mutant(at=MESSAGE)
def availability_yes(message: Sent, request: Sent | None) -> Sent | None:
    """Matches are available: YES."""

    def yes(found: Dataset) -> bool:
        found.InstanceAvailability = "YES"
        return True

    return _edited(message, yes)


@operation(
    "find.charset-has-a-value",
    cites="PS3.4 C.2.2.2, C.4.1.1.3.2",
    verifies=("SV-FND-012", "ENC-CS-006"),
    level=SHALL_NOT,
    on=ON,
    who=SCP,
    when=lambda o: any(t in match.elements for _, match in _found(o) for t in (CHARSET, TIMEZONE)),
    says="Specific Character Set and Timezone Offset From UTC in a match are not empty.",
)
def charset_has_a_value(o: Operation) -> Iterator[Finding]:
    for message, match in _found(o):
        for tag in (CHARSET, TIMEZONE):
            element = match.get(tag)
            if element is not None and element.empty:
                # who asks for the time zone as for any key gets it back without a value when there is none
                warn = tag == TIMEZONE and TIMEZONE in dataset(o, o.request).elements
                yield Finding("zero length", "a value, or not there", f"{o.where(message)}, {tag}", warn=warn)


@charset_has_a_value.mutant(at=MESSAGE)
def an_empty_character_set(message: Sent, request: Sent | None) -> Sent | None:
    """Matches in the default repertoire have an empty Specific Character Set."""

    def emptied(found: Dataset) -> bool:
        found.SpecificCharacterSet = None
        return True

    return _edited(message, emptied) if bend.octets_of(message).isascii() else None


@operation(
    "find.warns-of-unsupported-keys",
    cites="PS3.4 C.4.1.1.4, Table C.4-1; C.2.2.1.3",
    verifies="SV-FND-013",
    on=ON,
    who=SCP,
    when=lambda o: _matched(o) and bool(_absent(o)),
    says="Where an optional key of the request is not supported and so not returned, Pending is FF01H.",
)
def warns_of_unsupported_keys(o: Operation) -> Iterator[Finding]:
    absent = _absent(o)
    for message, _ in _found(o):
        if message.status != 0xFF01:
            yield Finding(f"{hexed(message.status)} without {', '.join(absent[:5])}", "FF01H", o.where(message))


def _absent(o: Operation) -> list[str]:
    """Optional keys that no match has; private ones may be ignored (C.4.1.1.3.2)."""
    optional = {k.tag for k in asked.keys(o) if not asked.supported(o, k) and k.tag[3] in "02468ACE"}
    have = {tag for _, match in _found(o) for tag in match.elements}
    return sorted(optional - have - {RETRIEVE_AE, AVAILABILITY, FILE_SET_ID, FILE_SET_UID})


@warns_of_unsupported_keys.mutant(at=MESSAGE, defects="M-CF-05")
def never_warns(message: Sent, request: Sent | None) -> Sent | None:
    """Pending is always FF00H."""
    return but(message, Status=0xFF00) if bend.is_pending(message, "find") and message.status == 0xFF01 else None


@warns_of_unsupported_keys.mutant(at=MESSAGE)
def drops_the_study_description(message: Sent, request: Sent | None) -> Sent | None:
    """Some optional keys are left out, and nothing is said of it."""
    return _edited(message, lambda found: bend.dropped(found, 0x00081030, 0x0008103E))


@operation(
    "find.no-match-twice",
    cites="PS3.7 9.1.2.2; PS3.4 C.4.1.3.1, C.2.2.1.1",
    verifies="SV-FND-015",
    level=SHALL_NOT,
    on=ON,
    who=SCP,
    when=lambda o: _matched(o) and len(list(_found(o))) > 1,
    says="Nothing is found twice by one query.",
)
def no_match_twice(o: Operation) -> Iterator[Finding]:
    path = (*models.unique_above(o, asked.level(o)), UNIQUE[asked.level(o)])
    seen: set[tuple[str, ...]] = set()
    for message, match in _found(o):
        name = tuple(text(match, tag) for tag in path)
        if name in seen and all(name):
            yield Finding(f"{name[-1]} again", "one response for each match", o.where(message))
        seen.add(name)


@no_match_twice.mutant(at=MESSAGE)
def every_match_twice(message: Sent, request: Sent | None) -> list[Sent] | None:
    """Every match is sent twice."""
    return [message, message] if bend.is_pending(message, "find") else None
