"""Rules of PS3.4 K.4.1.3 that compare queries: a step that was seen is found by its keys, and not by others.

Must not know how it came to be scheduled: a probe that saw it says so in the facts of its association.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.exchange import Journey
from harness.rule import DOOR, RELATION, SCP, Finding, ground, journey, operation, undetected, untested
from harness.upper_layer.message import Message as Sent
from suites.dimse import bend
from suites.dimse.bend import Door
from suites.dimse.worklist import asked
from suites.dimse.worklist.asked import DATE, ON, PATIENT_ID, TIME
from suites.dimse.worklist.bending import rewriting

RELATIONS = "dimse.worklist.relations"
MOST = 40  # queries of one journey that are compared

Restriction = frozenset[tuple[str, str]]


def restriction(o: Operation) -> Restriction:
    """What a query restricts: keys with a value that does not mean everything."""
    return frozenset((k.path, k.value) for k in asked.keys(o) if not k.universal)


def cases(o: Operation) -> list[tuple[str, bool]]:
    """(name of a step, whether it is due) that the probe made this very query for."""
    if not asked.finished(o):
        return []
    found = []
    for keys, name, due in o.facts.get("cases", ()):
        if restriction(o) == frozenset((str(path), str(value)) for path, value in keys.items()):
            found.append((str(name), bool(due)))
    return found


def _misses(o: Operation) -> Iterator[Finding]:
    """A finding for each step that is due and was not found, or was found and is not due."""
    found = asked.names(o)
    keys = "; ".join(f"{path} {value!r}" for path, value in sorted(restriction(o)))
    for name, due in cases(o):
        if (name in found) is not due:
            got = "found" if name in found else f"not among {len(found)} found"
            yield Finding(got, f"{name} {'found' if due else 'not found'} by {keys}", o.where())


def _paths(o: Operation) -> set[str]:
    return {path for path, _ in restriction(o)}


def _nobody(o: Operation) -> bool:
    """A query for a Patient ID that nobody has."""
    return asked.finished(o) and restriction(o) == {(PATIENT_ID, str(o.facts.get("nobody", "")))}


@operation(
    "worklist.found-by-patient-id",
    cites="PS3.4 K.2.2.1.1.1, K.4.1.3, Table K.6-1 (0010,0020)",
    verifies="SV-MWL-001",
    on=ON,
    who=SCP,
    basis=RELATION,
    when=lambda o: _nobody(o) or (_paths(o) == {PATIENT_ID} and bool(cases(o))),
    says="A step is found by the ID of its patient and not by another one; an ID that nobody has finds nothing.",
)
def found_by_patient_id(o: Operation) -> Iterator[Finding]:
    yield from _misses(o)
    if _nobody(o) and asked.names(o):
        yield Finding(f"{len(asked.names(o))} items", "no item", f"{o.where()}, {PATIENT_ID}")


@found_by_patient_id.mutant(at=DOOR)
def brings_the_whole_list(request: Sent, door: Door) -> Iterable[Sent]:
    """Every query brings the whole worklist."""
    return door(rewriting(request, lambda path, value: None))


@found_by_patient_id.mutant(at=DOOR)
def ignores_patient_ids(request: Sent, door: Door) -> Iterable[Sent]:
    """The key for the Patient ID brings everything."""
    return door(rewriting(request, lambda path, value: None if path == PATIENT_ID else value))


@found_by_patient_id.mutant(at=DOOR)
def brings_nothing_for_a_key(request: Sent, door: Door) -> Iterable[Sent]:
    """A query with a value in any key brings nothing."""
    keyed: list[str] = []

    def noted(path: str, value: str) -> str:
        if value:
            keyed.append(path)
        return value

    rewriting(request, noted)
    return [m for m in door(request) if not (keyed and bend.is_pending(m, "find"))]


ground("worklist", found_by_patient_id)


@operation(
    "worklist.required-keys",
    cites="PS3.4 K.2.2.1.1.1, K.4.1.3, K.4.1.3.1, Table K.6-1",
    verifies="SV-MWL-001",
    on=ON,
    who=SCP,
    basis=RELATION,
    when=lambda o: _paths(o) != {PATIENT_ID} and len(_paths(o)) == 1 and bool(cases(o)),
    says="Each required key by itself finds a step that fits, and not one that does not.",
)
def required_keys(o: Operation) -> Iterator[Finding]:
    return _misses(o)


for _path, _name in (
    (f"{asked.STEP}.00400001", "stations"), (f"{asked.STEP}.00400002", "days"), (f"{asked.STEP}.00400003", "times"),
    (f"{asked.STEP}.00080060", "modalities"), (f"{asked.STEP}.00400006", "physicians"), ("00100010", "names"),
):  # fmt: skip

    def _act(request: Sent, door: Door, _path: str = _path) -> Iterable[Sent]:
        return door(rewriting(request, lambda path, value: None if path == _path else value))

    _act.__name__, _act.__doc__ = f"ignores_{_name}", f"The key for {_name} brings everything."
    required_keys.mutant(_act, at=DOOR)


@operation(
    "worklist.days-and-times-together",
    cites="PS3.4 K.6.1.2.2, Table K.6-1 (0040,0003); C.2.2.2.5.4",
    verifies="SV-MWL-007",
    on=ON,
    who=SCP,
    basis=RELATION,
    when=lambda o: _paths(o) == {DATE, TIME} and bool(cases(o)),
    says="A range of days with a range of times finds every step of the stretch they span, whatever its time of day.",
)
def days_and_times_together(o: Operation) -> Iterator[Finding]:
    return _misses(o)


@days_and_times_together.mutant(at=DOOR)
def each_day_by_itself(request: Sent, door: Door) -> Iterable[Sent]:
    """Ranges of days and times do not combine: the range of times holds for each day."""
    ends: dict[str, str] = {}

    def noted(path: str, value: str) -> str:
        if path in (DATE, TIME) and "-" in value:
            ends[path] = value
        return value

    rewriting(request, noted)
    if set(ends) != {DATE, TIME}:
        return door(request)
    low, _, high = ends[TIME].partition("-")

    def kept(found: Dataset) -> bool:
        steps = found.get("ScheduledProcedureStepSequence")
        hour = str(steps[0].get("ScheduledProcedureStepStartTime", "")) if steps else ""
        return (not low or low <= hour) and (not high or hour <= high)

    return bend.found_by(door(request), kept)


def queries(j: Journey) -> list[Operation]:
    """The queries that claim to have told every match."""
    found = [o for a in j.associations for o in a.operations if o.kind == ON and asked.finished(o)]
    return [o for o in found if all(asked.names(o))][:MOST]


def _sure(o: Operation) -> bool:
    """Every restriction is one that the SCP has to apply."""
    return all(asked.supported(k) for k in asked.keys(o) if not k.universal)


def _nested(found: Sequence[Operation]) -> Iterator[tuple[Operation, Operation]]:
    """A query and one with more keys, apart from days and times, which are read together."""
    for one, other in permutations(found, 2):
        more = restriction(one) - restriction(other)
        if _sure(one) and restriction(one) > restriction(other) and not {p for p, _ in more} & {DATE, TIME}:
            yield one, other


@journey(
    "worklist.narrower-finds-no-more",
    cites="PS3.4 K.4.1.3, K.4.1.3.1",
    verifies="SV-MWL-001",
    on=RELATIONS,
    who=SCP,
    when=lambda j: any(True for _ in _nested(queries(j))),
    says="A query with one key more brings nothing that the query without it does not bring.",
)
def narrower_finds_no_more(j: Journey) -> Iterator[Finding]:
    for narrow, wide in _nested(queries(j)):
        extra = sorted(set(asked.names(narrow)) - set(asked.names(wide)))
        if extra:
            want = f"among the {len(asked.names(wide))} of {wide.called}"
            yield Finding(f"{extra[0]}, {len(extra)} in all", want, narrow.where(), seq=narrow.seq)


@narrower_finds_no_more.mutant(at=DOOR)
def a_page_of_the_whole_list(request: Sent, door: Door) -> Iterable[Sent]:
    """A query without any key brings one item at most."""
    keyed: list[str] = []

    def noted(path: str, value: str) -> str:
        if value:
            keyed.append(path)
        return value

    rewriting(request, noted)
    told = list(door(request))
    pending = [m for m in told if bend.is_pending(m, "find")]
    return [m for m in told if keyed or m not in pending[1:]]


def _same(found: Sequence[Operation]) -> Iterator[tuple[Operation, Operation]]:
    for n, one in enumerate(found):
        for other in found[n + 1 :]:
            if restriction(one) == restriction(other):
                yield one, other


@journey(
    "worklist.universal-changes-nothing",
    cites="PS3.4 K.2.2.1.1.1, K.2.2.1.2, C.2.2.2.3",
    verifies=("SV-MWL-001", "SV-MWL-003"),
    on=RELATIONS,
    who=SCP,
    when=lambda j: any(True for _ in _same(queries(j))),
    says="A key without a value, or with an asterisk alone, brings the same items as no key at all.",
)
def universal_changes_nothing(j: Journey) -> Iterator[Finding]:
    for one, other in _same(queries(j)):
        first, second = set(asked.names(one)), set(asked.names(other))
        if first != second:
            odd = sorted(first ^ second)
            got = f"{len(second)} items, {odd[0]} differs"
            yield Finding(got, f"the {len(first)} of {one.called}", other.where(), seq=other.seq)


def _emptied(path: str, request: Sent) -> bool:
    """A request has this key without a value."""
    met: list[str] = []

    def noted(at: str, value: str) -> str:
        if at == path and not value:
            met.append(at)
        return value

    rewriting(request, noted)
    return bool(met)


@universal_changes_nothing.mutant(at=DOOR, defects="M-CF-26")
def an_empty_status_means_scheduled(request: Sent, door: Door) -> Iterable[Sent]:
    """The key for the status of the step, asked for without a value, brings only what has the status SCHEDULED."""
    told = door(request)
    if not _emptied(f"{asked.STEP}.00400020", request):
        return told

    def kept(found: Dataset) -> bool:
        steps = found.get("ScheduledProcedureStepSequence")
        return bool(steps) and str(steps[0].get("ScheduledProcedureStepStatus", "")) == "SCHEDULED"

    return bend.found_by(told, kept)


@universal_changes_nothing.mutant(at=DOOR)
def an_empty_physician_means_known(request: Sent, door: Door) -> Iterable[Sent]:
    """The key for the physician, asked for with an asterisk, brings only steps that have one."""
    path = f"{asked.STEP}.00400006"
    return door(rewriting(request, lambda p, v: "?*" if p == path and v == "*" else v))


untested("SV-MWL-005", "what a user makes of zero matches, FF01H, failures or a cancel is not seen on the wire")
untested("SV-MWL-006", "the octets of its extended negotiation are judged with the association, as UI-EXT rows")
undetected("M-CF-23", "a time zone is due only where the provider means one, and nobody but it knows (K.4.1.1.3.2)")
undetected("M-CF-33", "nothing can be scheduled over DIMSE, so nobody but the product knows how a name was scheduled")
