"""Rules of PS3.4 CC.2.1.3, CC.2.2.3, CC.2.6.3 and CC.2.7.3 on what a workitem holds, as N-GET tells it.

Must not know who set it, but for what was accepted on the same association.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.exchange import Journey
from harness.rule import (
    DOOR,
    MESSAGE,
    RELATION,
    SCP,
    SHALL_NOT,
    Finding,
    ground,
    journey,
    operation,
)
from harness.upper_layer.message import Message as Sent
from harness.wire.difference import difference
from harness.wire.elements import DataSet
from suites.dimse import bend
from suites.dimse.bend import Door, but
from suites.dimse.reading import answers, dataset, hexed, readable, text, texts
from suites.dimse.ups import story
from suites.dimse.ups.story import ACTION, EVENT, FOUND, GOT, Workitem, before, done
from suites.dimse.ups.table import (
    CANCELED,
    CHARSET,
    FIXED,
    IN_PROGRESS,
    MODIFIED,
    SCHEDULED,
    STATE,
    TRANSACTION,
)

RACE = "dimse.ups.race"
_OURS = frozenset({CHARSET, MODIFIED, TRANSACTION})


def _told(o: Operation) -> bool:
    """Attributes of a workitem that could be read."""
    return o.final is not None and o.status in (0x0000, 0x0001, 0x0107) and readable(o, o.final)


def _asked(o: Operation) -> set[str]:
    """The attributes that were asked for, empty for all."""
    return set(o.request.command.tags("AttributeIdentifierList"))


@operation(
    "ups.never-tells-the-lock",
    cites="PS3.4 CC.2.7.3, Table CC.2.5-3 (Transaction UID), Table CC.2.4-1",
    verifies="SV-UPS-003",
    level=SHALL_NOT,
    on=f"{GOT}|{FOUND}|{EVENT}",
    who=SCP,
    when=lambda o: any(True for _ in _shown(o)),
    says="The Transaction UID of a workitem is told to nobody: neither retrieved, found, nor reported.",
)
def never_tells_the_lock(o: Operation) -> Iterator[Finding]:
    for where, found in _shown(o):
        if TRANSACTION in found.elements:
            uid = text(found, TRANSACTION)
            # an attribute that is there without a value gives the lock to nobody
            yield Finding(uid or "empty", "not there", f"{where}, {TRANSACTION}", warn=not uid)


def _shown(o: Operation) -> Iterator[tuple[str, DataSet]]:
    if o.kind == EVENT:
        if readable(o, o.request):
            yield o.where(), dataset(o, o.request)
        return
    for message in answers(o):
        if message.data is not None and readable(o, message):
            yield o.where(message), dataset(o, message)


def _with_lock(message: Sent) -> Sent | None:
    return bend.rewritten(message, lambda found: setattr(found, "TransactionUID", "2.25.17"))


@never_tells_the_lock.mutant(at=MESSAGE, defects="M-UP-14")
def retrieves_the_lock(message: Sent, asked: Sent | None) -> Sent | None:
    """N-GET returns the Transaction UID."""
    return _with_lock(message) if bend.is_response(message, "n-get") and message.has_data else None


@never_tells_the_lock.mutant(at=MESSAGE)
def finds_the_lock(message: Sent, asked: Sent | None) -> Sent | None:
    """C-FIND returns the Transaction UID."""
    return _with_lock(message) if bend.is_pending(message, "find") else None


@never_tells_the_lock.mutant(at=MESSAGE)
def reports_the_lock(message: Sent, asked: Sent | None) -> Sent | None:
    """Events have the Transaction UID."""
    return _with_lock(message) if bend.is_request(message, "n-event-report") and message.has_data else None


@operation(
    "ups.state-follows",
    cites="PS3.4 CC.1.1, Table CC.1.1-2, CC.2.1.3, CC.2.2.3",
    verifies=("SV-UPS-001", "SV-UPS-007", "SV-UPS-014"),
    on=GOT,
    who=SCP,
    basis=RELATION,
    when=lambda o: _told(o) and _knows(o) is not None and _asks_state(o),
    says="A retrieved workitem is in the state that the table of states leads to; what was refused led nowhere.",
)
def state_follows(o: Operation) -> Iterator[Finding]:
    w = _knows(o)
    got = text(dataset(o, o.final), STATE)
    if w is not None and got != w.state:
        yield Finding(got or "no state", w.state, f"{o.where(o.final)}, {STATE}")


def _knows(o: Operation) -> Workitem | None:
    w = before(o)
    return w if w is not None and w.state else None


def _asks_state(o: Operation) -> bool:
    return not _asked(o) or STATE in _asked(o)


def _state(message: Sent, was: str, told: str) -> Sent | None:
    """What is retrieved in one state is told in another one."""

    def moved(found: Dataset) -> bool:
        if found.get("ProcedureStepState") != was:
            return False
        found.ProcedureStepState = told
        return True

    return bend.rewritten(message, moved) if bend.is_response(message, "n-get") and message.has_data else None


@state_follows.mutant(at=MESSAGE)
def stays_as_it_was(message: Sent, asked: Sent | None) -> Sent | None:
    """Workitems stay SCHEDULED."""
    return _state(message, IN_PROGRESS, SCHEDULED)


@state_follows.mutant(at=MESSAGE)
def cancels_nothing(message: Sent, asked: Sent | None) -> Sent | None:
    """A workitem that was SCHEDULED when it was to be canceled is IN PROGRESS afterwards."""
    return _state(message, CANCELED, IN_PROGRESS)


@state_follows.mutant(at=MESSAGE, defects="D-UP-07")
def cancels_for_the_performer(message: Sent, asked: Sent | None) -> Sent | None:
    """A workitem IN PROGRESS is CANCELED by a request to cancel it."""
    return _state(message, IN_PROGRESS, CANCELED)


@operation(
    "ups.get-tells-what-was-set",
    cites="PS3.4 CC.2.5.3, CC.2.6.3, CC.2.7.3",
    verifies=("SV-UPS-014", "SV-UPS-004"),
    on=GOT,
    who=SCP,
    basis=RELATION,
    when=lambda o: _told(o) and bool(_comparable(o)),
    says="A retrieved workitem has the values that were last accepted, in their character sets.",
)
def get_tells_what_was_set(o: Operation) -> Iterator[Finding]:
    found = dataset(o, o.final)
    for tag, source in _comparable(o).items():
        element = source.get(tag)
        if element is not None and element.items is not None:
            yield from _compared(o, _alone(found, tag), _alone(source, tag))
        elif not _same(texts(found, tag), texts(source, tag)):
            got, due = ("\\".join(texts(one, tag)) or "empty" for one in (found, source))
            yield Finding(got, due, f"{o.where(o.final)}, {tag}")


def _comparable(o: Operation) -> dict[str, DataSet]:
    """The request that last set each attribute that was asked for, as far as all of them are known."""
    w = before(o)
    if w is None or not w.whole or w.coerced or w.state == CANCELED:
        return {}
    wanted = (_asked(o) or set(w.merged().elements)) - _OURS - {STATE}
    told_later = FIXED if len(w.values) > 1 else frozenset()
    found = {tag: w.last(tag) if tag not in told_later else w.values[0] for tag in sorted(wanted)}
    return {tag: source for tag, source in found.items() if source is not None and tag in source.elements}


def _same(got: list[str], due: list[str]) -> bool:
    return got == due or not any(due)  # what was empty may have been filled in (CC.2.5.3)


def _alone(found: DataSet, tag: str) -> DataSet:
    elements = {tag: found.elements[tag]} if tag in found.elements else {}
    return DataSet(elements, found.big_endian, found.charsets)


def _compared(o: Operation, found: DataSet, due: DataSet) -> Iterator[Finding]:
    """What a provider adds, or leaves out where there is no value, is its own matter."""
    for one in difference(found, due):
        if one.want != "absent" and not one.want.endswith(("empty", " 0 items")):
            yield Finding(one.got, one.want, f"{o.where(o.final)}, {one.path}")


@get_tells_what_was_set.mutant(at=MESSAGE)
def retrieves_names_in_letters_only(message: Sent, asked: Sent | None) -> Sent | None:
    """Retrieved names lose what is no letter of the default repertoire."""

    def plain(found: Dataset) -> bool:
        name = str(found.get("PatientName", ""))
        if not name or name.isascii():
            return False
        found.PatientName = name.encode("ascii", "replace").decode()
        return True

    return bend.rewritten(message, plain) if bend.is_response(message, "n-get") and message.has_data else None


@get_tells_what_was_set.mutant(at=MESSAGE)
def forgets_how_far_it_came(message: Sent, asked: Sent | None) -> Sent | None:
    """The progress of a retrieved workitem is always 0."""

    def zero(found: Dataset) -> bool:
        items = found.get("ProcedureStepProgressInformationSequence") or []
        told = [item for item in items if "ProcedureStepProgress" in item]
        for item in told:
            item.ProcedureStepProgress = "0"
        return bool(told)

    return bend.rewritten(message, zero) if bend.is_response(message, "n-get") and message.has_data else None


@operation(
    "ups.refused-changes-nothing",
    cites="PS3.4 CC.2.1.3, CC.2.6.3; PS3.7 10.1.3.1.9",
    verifies=("SV-UPS-001", "SV-UPS-002", "SV-UPS-014"),
    on=GOT,
    who=SCP,
    basis=RELATION,
    when=lambda o: _told(o) and _unchanged_since(o) is not None,
    says="What was refused leaves a workitem as it was.",
)
def refused_changes_nothing(o: Operation) -> Iterator[Finding]:
    earlier = _unchanged_since(o)
    if earlier is not None:
        for one in difference(dataset(o, o.final), dataset(o, earlier.final), {MODIFIED, CHARSET}):
            where = f"{o.where(o.final)}, {one.path}"
            yield Finding(one.got, f"{one.want}, as in operation {earlier.number}", where)


def _unchanged_since(o: Operation) -> Operation | None:
    """The last N-GET for the same attributes after which all that was asked of the workitem was refused."""
    if not story.alone(o.association):
        return None
    refusals = 0
    for earlier in reversed(o.association.operations[: o.number - 1]):
        if story.instance(earlier) != story.instance(o) or earlier.kind == FOUND:
            continue
        if earlier.kind == GOT:
            same = _told(earlier) and _asked(earlier) == _asked(o)
            if same and refusals:
                return earlier
        elif not done(earlier) and earlier.final is not None:
            refusals += 1
        elif not (story.happens(earlier) in ("complete", "cancel", "request") and earlier.status in (0xB304, 0xB306)):
            return None
    return None


@refused_changes_nothing.mutant(at=DOOR)
def refuses_and_does_it(request: Sent, door: Door) -> Iterable[Sent]:
    """An N-SET that names the patient is refused, and all else in it is done."""
    told = list(door(request))
    if not bend.is_request(request, "n-set") or told[-1].status == 0:
        return told
    list(door(bend.asking(request, lambda found: bend.dropped(found, *(int(tag, 16) for tag in FIXED)))))
    return told


@refused_changes_nothing.mutant(at=MESSAGE)
def counts_what_it_refuses(message: Sent, asked: Sent | None) -> Sent | None:
    """Each retrieval tells another label."""

    def renamed(found: Dataset) -> bool:
        if "ProcedureStepLabel" not in found:
            return False
        found.ProcedureStepLabel = f"{message.responded}"
        return True

    return bend.rewritten(message, renamed) if bend.is_response(message, "n-get") and message.has_data else None


@journey(
    "ups.one-claim-wins",
    cites="PS3.4 CC.1.1, CC.2.1.2, CC.2.1.3",
    verifies="SV-UPS-002",
    on=RACE,
    who=SCP,
    when=lambda j: bool(_claims(j)),
    says="Of the agents that claim a workitem with Transaction UIDs of their own exactly one succeeds.",
)
def one_claim_wins(j: Journey) -> Iterator[Finding]:
    for uid, claims in _claims(j).items():
        winners = [o for o in claims if done(o)]
        if len(winners) > 1:
            yield Finding(f"{len(winners)} claims of {uid} succeeded", "one", winners[1].where(), seq=winners[1].seq)
        elif not winners:
            told = " and ".join(hexed(o.status) for o in claims)
            yield Finding(f"{told} to the claims of {uid}", "one 0000H", claims[0].where(), seq=claims[0].seq,
                          warn=any(o.status in story.OWN_REASONS for o in claims))  # fmt: skip


def _claims(j: Journey) -> dict[str, list[Operation]]:
    """The claims of each workitem that was created in the journey, where all of them were answered."""
    every = [o for a in j.associations for o in a.operations]
    created = {story.instance(o) for o in every if o.kind == story.CREATED and done(o)}
    found: dict[str, list[Operation]] = {}
    for o in every:
        if o.kind == ACTION and story.happens(o) == "claim" and story.instance(o) in created:
            found.setdefault(story.instance(o), []).append(o)
    return {uid: claims for uid, claims in found.items() if len(claims) > 1 and all(o.final for o in claims)}


@one_claim_wins.mutant(at=MESSAGE)
def everybody_wins(message: Sent, asked: Sent | None) -> Sent | None:
    """Every claim succeeds."""
    lost = bend.is_response(message, "n-action") and message.status in (0xC301, 0xC302)
    return but(message, Status=0, ErrorComment=None, OffendingElement=None) if lost else None


@one_claim_wins.mutant(at=MESSAGE)
def nobody_wins(message: Sent, asked: Sent | None) -> Sent | None:
    """No claim succeeds."""
    won = bend.is_response(message, "n-action") and message.status == 0
    return but(message, Status=0xC301) if won else None


ground("ups", state_follows)
