"""Rules of PS3.4 CC.2.8 and Table CC.2.5-3 on what a search for workitems brings.

Must not know how a provider searches. That something is missing can only be said of what the association created.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.exchange import view
from harness.rule import DOOR, MESSAGE, RELATION, SCP, SHALL_NOT, Finding, operation
from harness.upper_layer.message import Message as Sent
from harness.wire.dimse import Message
from harness.wire.elements import DataSet
from harness.wire.sop import UPS_PUSH
from suites.dimse import bend
from suites.dimse.bend import Door, but
from suites.dimse.reading import dataset, hexed, readable, text, texts
from suites.dimse.ups import story
from suites.dimse.ups.story import FOUND, Workitem
from suites.dimse.ups.table import MATCHED, RETURNED, SOP_CLASS, SOP_INSTANCE, STATE
from suites.web.search import fits

_ALWAYS = frozenset({"00080005", "00080201"})
_VRS = {"00100010": "PN", "00404005": "DT", "00404011": "DT", "00100030": "DA"}  # of others single values of text


@view
def keys(o: Operation) -> dict[str, str]:
    """The keys of a search with a value, by path."""
    return dict(_keys(dataset(o, o.request)))


def _keys(found: DataSet, above: str = "") -> Iterator[tuple[str, str]]:
    for tag, element in found.elements.items():
        path = f"{above}{tag}"
        if element.items is not None:
            for item in element.items:
                yield from _keys(item, f"{path}.")
        elif not element.empty and tag not in _ALWAYS:
            yield path, "\\".join(texts(found, tag))


def _lawful(o: Operation) -> bool:
    return readable(o, o.request) and o.agreed is not None and o.request.sop_class == o.agreed.abstract


def _found(o: Operation) -> Iterator[tuple[Message, DataSet]]:
    """The Pending responses with an identifier that can be read."""
    for message in o.pending:
        if readable(o, message):
            yield message, dataset(o, message)


def _brought(o: Operation) -> bool:
    return _lawful(o) and any(True for _ in _found(o))


@operation(
    "ups.search-succeeds",
    cites="PS3.4 CC.2.8.3, Table CC.2.8-2",
    verifies="SV-UPS-015",
    on=FOUND,
    who=SCP,
    when=lambda o: _lawful(o) and o.final is not None and not o.cancels and set(keys(o)) <= MATCHED,
    says="A search by required keys ends with 0000H, whether it brought something or not.",
)
def search_succeeds(o: Operation) -> Iterator[Finding]:
    if o.status not in (0x0000, 0xA700, 0x0124):
        yield Finding(hexed(o.status), "0000H", o.where(o.final))


@search_succeeds.mutant(at=MESSAGE)
def fails_when_all_is_told(message: Sent, asked: Sent | None) -> Sent | None:
    """Searches end with C001H."""
    return but(message, Status=0xC001) if bend.is_final(message, "find") else None


@operation(
    "ups.matches-fit",
    cites="PS3.4 CC.2.8.3, CC.2.8.3.1, Table CC.2.5-3 (Match Key Type R), C.2.2.2",
    verifies="SV-UPS-015",
    on=FOUND,
    who=SCP,
    when=lambda o: _brought(o) and any(True for _ in _judged(o)),
    says="Every match has the values that were asked for.",
)
def matches_fit(o: Operation) -> Iterator[Finding]:
    for message, match in _found(o):
        for path, wanted in _judged(o):
            held = texts(match, path)
            if held and fit(path, wanted, held) is False:
                yield Finding("\\".join(held), wanted, f"{o.where(message)}, {path}")


def _judged(o: Operation) -> Iterator[tuple[str, str]]:
    return ((path, wanted) for path, wanted in keys(o).items() if path in MATCHED)


def fit(path: str, wanted: str, held: list[str]) -> fits.Fit:
    """Whether the values at a path meet a key, None when it is open."""
    vr = _VRS.get(path, "LO")
    if vr == "DT":  # precision, zones and ranges leave it open
        seconds = all(len(value) == 14 and value.isdigit() for value in (wanted, held[0]))
        return True if wanted == held[0] else False if seconds else None
    return fits.fit(vr, wanted, held)


def _rewritten(message: Sent, change: bend.Change) -> Sent | None:
    return bend.rewritten(message, change) if bend.is_pending(message, "find") else None


@matches_fit.mutant(at=MESSAGE)
def brings_what_is_canceled(message: Sent, asked: Sent | None) -> Sent | None:
    """Matches are CANCELED, whatever was asked for."""
    return _rewritten(message, lambda found: setattr(found, "ProcedureStepState", "CANCELED"))


@matches_fit.mutant(at=MESSAGE)
def brings_others_patients(message: Sent, asked: Sent | None) -> Sent | None:
    """Matches are of another patient."""
    return _rewritten(message, lambda found: setattr(found, "PatientID", "ANOTHER"))


@matches_fit.mutant(at=MESSAGE)
def brings_what_begins_at_another_time(message: Sent, asked: Sent | None) -> Sent | None:
    """Matches begin at another time, whatever was asked for."""
    return _rewritten(message, lambda found: setattr(found, "ScheduledProcedureStepStartDateTime", "20230101000000"))


@view
def _due(o: Operation) -> list[str]:
    """The workitems that have to be found, where they are told by their UIDs."""
    asked = dataset(o, o.request)
    # what is no required key, a provider may know and match, or not
    lawful = _lawful(o) and SOP_INSTANCE in asked.elements and set(keys(o)) <= MATCHED and keys(o) and o.status == 0
    if not lawful or o.cancels:
        return []
    return [uid for uid, w in story.known(o).items() if w.whole and not w.coerced and w.state and _fits(w, keys(o))]


@operation(
    "ups.search-finds",
    cites="PS3.4 CC.2.8.3, CC.2.8.3.1, Table CC.2.5-3 (Match Key Type R)",
    verifies="SV-UPS-015",
    on=FOUND,
    who=SCP,
    basis=RELATION,
    when=lambda o: bool(_due(o)),
    says="A workitem that was created, and has the values that are asked for, is found.",
)
def search_finds(o: Operation) -> Iterator[Finding]:
    told = {text(match, SOP_INSTANCE) for _, match in _found(o)}
    for uid in _due(o):
        if uid not in told:
            yield Finding(f"{len(told)} matches without {uid}", "a match", f"{o.where()} for {keys(o)}")


def _fits(w: Workitem, asked: dict[str, str]) -> bool:
    merged = w.merged()
    values = ((path, wanted, [w.state] if path == STATE else texts(merged, path)) for path, wanted in asked.items())
    return all(held and fit(path, wanted, held) is True for path, wanted, held in values)


@search_finds.mutant(at=MESSAGE)
def finds_nothing(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """Searches bring nothing."""
    return [] if bend.is_pending(message, "find") else None


@search_finds.mutant(at=MESSAGE)
def finds_what_is_scheduled_only(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """Workitems that were claimed are not found any more."""
    if not bend.is_pending(message, "find") or not message.has_data:
        return None
    found = bend.decoded(bend.octets_of(message))
    return [] if found.get("ProcedureStepState") == "IN PROGRESS" else None


@view
def _strangers(o: Operation) -> frozenset[str]:
    """Workitems that cannot match: of a required key they have another value."""
    judged = dict(_judged(o))
    if not judged or SOP_INSTANCE not in dataset(o, o.request).elements:
        return frozenset()
    return frozenset(
        uid for uid, w in story.known(o).items() if w.whole and not w.coerced and w.state and _differs(w, judged)
    )


@operation(
    "ups.search-in-vain",
    cites="PS3.4 CC.2.8.3",
    verifies="SV-UPS-015",
    on=FOUND,
    who=SCP,
    basis=RELATION,
    when=lambda o: _lawful(o) and o.status == 0 and bool(_strangers(o)),
    says="A workitem that has another value than was asked for is not found.",
)
def search_in_vain(o: Operation) -> Iterator[Finding]:
    for message, match in _found(o):
        if text(match, SOP_INSTANCE) in _strangers(o):
            yield Finding(text(match, SOP_INSTANCE), "no match", f"{o.where(message)} for {keys(o)}")


def _differs(w: Workitem, asked: dict[str, str]) -> bool:
    merged = w.merged()
    values = ((path, wanted, [w.state] if path == STATE else texts(merged, path)) for path, wanted in asked.items())
    return any(any(held) and fit(path, wanted, held) is False for path, wanted, held in values)


@search_in_vain.mutant(at=DOOR)
def brings_every_workitem(request: Sent, door: Door) -> Iterable[Sent]:
    """The state is not looked at in searches."""
    return door(bend.asking(request, _any_state)) if bend.is_request(request, "find") else door(request)


def _any_state(found: Dataset) -> bool:
    if not found.get("ProcedureStepState"):
        return False
    found.ProcedureStepState = ""
    return True


@operation(
    "ups.return-types",
    cites="PS3.4 CC.2.8.1.3.2, Table CC.2.5-3 (Return Key Type)",
    verifies="SV-UPS-015",
    on=FOUND,
    who=SCP,
    when=lambda o: _brought(o) and bool(_returned(o)),
    says="What was asked for comes back: type 1 with a value, type 2 with one or without.",
)
def return_types(o: Operation) -> Iterator[Finding]:
    for message, match in _found(o):
        for tag, kind in _returned(o).items():
            element = match.get(tag)
            if element is None or (kind == "1" and element.empty):
                got = "not there" if element is None else "no value"
                yield Finding(got, f"type {kind}", f"{o.where(message)}, {tag}")


def _returned(o: Operation) -> dict[str, str]:
    asked = dataset(o, o.request).elements
    return {tag: kind for tag, kind in RETURNED.items() if tag in asked}


@return_types.mutant(at=MESSAGE)
def leaves_out_what_is_empty(message: Sent, asked: Sent | None) -> Sent | None:
    """Attributes without a value do not come back."""
    return _rewritten(message, lambda found: bend.dropped(found, *(int(e.tag) for e in found if not e.value)))


@return_types.mutant(at=MESSAGE)
def keeps_the_state_to_itself(message: Sent, asked: Sent | None) -> Sent | None:
    """Matches have no state."""
    return _rewritten(message, lambda found: bend.dropped(found, 0x00741000))


@operation(
    "ups.returns-nothing-else",
    cites="PS3.4 CC.2.8.1.3.2",
    verifies="SV-UPS-015",
    level=SHALL_NOT,
    on=FOUND,
    who=SCP,
    when=_brought,
    says="A match has no attribute that was not asked for, but for character set and time zone.",
)
def returns_nothing_else(o: Operation) -> Iterator[Finding]:
    asked = set(dataset(o, o.request).elements) | _ALWAYS
    for message, match in _found(o):
        extra = sorted(set(match.elements) - asked)
        if extra:
            yield Finding(", ".join(extra[:5]), "what was asked for", o.where(message))


@returns_nothing_else.mutant(at=MESSAGE)
def tells_more(message: Sent, asked: Sent | None) -> Sent | None:
    """Matches have a comment that nobody asked for."""
    return _rewritten(message, lambda found: setattr(found, "PatientComments", "more"))


@operation(
    "ups.class-of-matches",
    cites="PS3.4 CC.3.1, CC.3.1.1, CC.2.5.1.3.1",
    verifies=("SV-UPS-006", "SV-UPS-015"),
    on=FOUND,
    who=SCP,
    when=lambda o: any(text(match, SOP_CLASS) for _, match in _found(o)),
    says="The SOP Class of every match is UPS Push.",
)
def class_of_matches(o: Operation) -> Iterator[Finding]:
    for message, match in _found(o):
        got = text(match, SOP_CLASS)
        if got and got != UPS_PUSH:
            yield Finding(got, UPS_PUSH, f"{o.where(message)}, {SOP_CLASS}")


@class_of_matches.mutant(at=MESSAGE)
def matches_of_the_class_of_the_context(message: Sent, asked: Sent | None) -> Sent | None:
    """Matches are of the class that was asked."""

    def renamed(found: Dataset) -> bool:
        if "SOPClassUID" not in found:
            return False
        found.SOPClassUID = message.text("AffectedSOPClassUID") or "1.2.840.10008.5.1.4.34.6.3"
        return str(found.SOPClassUID) != UPS_PUSH

    return _rewritten(message, renamed)
