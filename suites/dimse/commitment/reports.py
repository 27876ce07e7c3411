"""Rules of PS3.4 J.3.3 on reports of storage commitment: their form, and what they say of each instance asked for.

Must not know which transport carries a report, but for the role of who sends it.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.rule import MESSAGE, RELATION, SCP, SHALL_NOT, SHOULD, Finding, ground, operation
from harness.upper_layer.message import Message as Sent
from harness.wire.sop import COMMITMENT_INSTANCE
from suites.dimse import bend
from suites.dimse.bend import but
from suites.dimse.commitment import reading
from suites.dimse.commitment.reading import (
    EVENT,
    FAILED,
    FAILURES,
    FILE_SET_ID,
    FILE_SET_UID,
    REFERENCED,
    RETRIEVE_AE,
    SUCCESSFUL,
    TRANSACTION,
    is_uid,
)
from suites.dimse.commitment.requests import has_any, misplaced
from suites.dimse.reading import dataset, hexed

KEEP = 5
# PS3.3 C.14.1.1 of 2020c; later editions may have more
REASONS = {
    0x0110: "processing failure", 0x0112: "no such instance", 0x0119: "class and instance in conflict",
    0x0122: "class not supported", 0x0131: "transaction in use", 0x0213: "resource limitation",
}  # fmt: skip


def _telling(message: Sent, change: bend.Change) -> Sent | None:
    """A report with other Event Information."""
    return bend.rewritten(message, change) if bend.is_request(message, "n-event-report") else None


def _items(found: Dataset, keyword: str) -> list[Dataset]:
    return list(found.get(keyword) or [])


@operation(
    "commitment.report",
    cites="PS3.4 J.3.3.1.1, Table J.3-2, J.3.5",
    verifies=("SV-STC-003", "SV-STC-012"),
    on=EVENT,
    who=SCP,
    content=False,
    incomplete=True,
    says="A report names the well-known instance and a Transaction UID, and for each item its class, its UID and why.",
)
def report(o: Operation) -> Iterator[Finding]:
    if o.request.instance != COMMITMENT_INSTANCE:
        yield Finding(o.request.instance or "none", COMMITMENT_INSTANCE, f"{o.where()}, Affected SOP Instance UID")
    if not is_uid(reading.transaction(o)):
        yield Finding(repr(reading.transaction(o)), "a UID", f"{o.where()}, {TRANSACTION}")
    for tag, refs in ((REFERENCED, reading.referenced(o)), (FAILED, reading.failed(o))):
        for n, one in enumerate(refs, 1):
            place = f"{o.where()}, {tag}, item {n}"
            if not one.sop_class or not one.instance:
                yield Finding(f"{one.sop_class!r} {one.instance!r}", "class and instance", place)
            if tag == FAILED and one.reason is None:
                yield Finding("no Failure Reason", "one", place)


@report.mutant(at=MESSAGE)
def no_reason_given(message: Sent, asked: Sent | None) -> Sent | None:
    """Failed instances have no Failure Reason."""

    def pruned(found: Dataset) -> bool:
        held = _items(found, "FailedSOPSequence")
        for item in held:
            bend.dropped(item, 0x00081197)
        return bool(held)

    return _telling(message, pruned)


@report.mutant(at=MESSAGE, defects="M-NS-07")
def references_under_other_tags(message: Sent, asked: Sent | None) -> Sent | None:
    """References of a report have the SOP Instance UID in place of the Referenced SOP Instance UID."""

    def retagged(found: Dataset) -> bool:
        held = _items(found, "ReferencedSOPSequence") + _items(found, "FailedSOPSequence")
        for item in held:
            item.SOPInstanceUID = item.ReferencedSOPInstanceUID
            del item.ReferencedSOPInstanceUID
        return bool(held)

    return _telling(message, retagged)


@report.mutant(at=MESSAGE)
def reports_of_another_instance(message: Sent, asked: Sent | None) -> Sent | None:
    """Reports are about a made-up instance."""
    return but(message, AffectedSOPInstanceUID="2.25.7") if bend.is_request(message, "n-event-report") else None


@operation(
    "commitment.event-type",
    cites="PS3.4 J.3.3.1.2, Table J.3-2",
    verifies="SV-STC-003",
    on=EVENT,
    who=SCP,
    incomplete=True,
    when=reading.reported,
    says="Event type 1 says that all is kept and names what; type 2 names what is not. There are no others.",
)
def event_type(o: Operation) -> Iterator[Finding]:
    type_, kept, lost = reading.type_of(o), reading.referenced(o), reading.failed(o)
    where = f"{o.where()}, Event Type ID"
    if type_ not in (SUCCESSFUL, FAILURES):
        yield Finding(f"{type_}", "1 or 2", where)
    elif type_ == SUCCESSFUL and (lost or not kept):
        yield Finding(f"1 with {len(kept)} kept and {len(lost)} failed", "2 where something failed", where)
    elif type_ == SUCCESSFUL and FAILED in dataset(o, o.request).elements:
        yield Finding("1 with an empty Failed SOP Sequence", "no such sequence", where, warn=True)
    elif type_ == FAILURES and not lost:
        yield Finding(f"2 with {len(kept)} kept and none failed", "1 where nothing failed", where)


@event_type.mutant(at=MESSAGE, defects="D-NS-04")
def always_successful(message: Sent, asked: Sent | None) -> Sent | None:
    """Every report is of the event type 1."""
    return but(message, EventTypeID=1) if bend.is_request(message, "n-event-report") else None


@event_type.mutant(at=MESSAGE)
def always_failures(message: Sent, asked: Sent | None) -> Sent | None:
    """Every report is of the event type 2."""
    return but(message, EventTypeID=2) if bend.is_request(message, "n-event-report") else None


@operation(
    "commitment.each-reported-once",
    cites="PS3.4 J.3.3.1.2, Table J.3-2",
    verifies="SV-STC-004",
    on=EVENT,
    who=SCP,
    incomplete=True,
    when=lambda o: bool(reading.referenced(o) or reading.failed(o)),
    says="Each instance is reported once, as kept or as failed.",
)
def each_reported_once(o: Operation) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for tag, refs in ((REFERENCED, reading.referenced(o)), (FAILED, reading.failed(o))):
        for n, one in enumerate(refs, 1):
            if one.instance and one.instance in seen:
                got = f"{one.instance} {'again' if seen[one.instance] == tag else 'as kept and as failed'}"
                yield Finding(got, "each instance once", f"{o.where()}, {tag}, item {n}")
            seen[one.instance] = tag


@each_reported_once.mutant(at=MESSAGE, defects="D-NS-03")
def kept_and_failed(message: Sent, asked: Sent | None) -> Sent | None:
    """What failed is reported as kept too."""

    def both(found: Dataset) -> bool:
        lost = _items(found, "FailedSOPSequence")
        found.ReferencedSOPSequence = _items(found, "ReferencedSOPSequence") + lost
        return bool(lost)

    return _telling(message, both)


@operation(
    "commitment.report-complete",
    cites="PS3.4 J.3.3.1.2",
    verifies=("SV-STC-004", "SV-STC-010"),
    on=EVENT,
    who=SCP,
    basis=RELATION,
    incomplete=True,
    when=lambda o: reading.reported(o) and reading.requested(o) is not None,
    says="A report names what the request named, all of it and nothing else, each under its class.",
)
def report_complete(o: Operation) -> Iterator[Finding]:
    due = {i: c for c, i in reading.requested(o) or ()}
    got = {r.instance: r.sop_class for r in (*reading.referenced(o), *reading.failed(o))}
    for instance in [i for i in due if i not in got][:KEEP]:
        yield Finding(f"{instance} is not there", f"each of {len(due)} instances asked for", o.where())
    for instance, sop_class in list(got.items())[: len(due) + KEEP]:
        if instance not in due:
            yield Finding(f"{instance or 'an item without UID'}", "what was asked for", o.where())
        elif sop_class != due[instance]:
            yield Finding(f"{sop_class} of {instance}", due[instance], o.where())


@report_complete.mutant(at=MESSAGE)
def forgets_the_last(message: Sent, asked: Sent | None) -> Sent | None:
    """The last of the kept or of the failed instances is not reported."""

    def shorter(found: Dataset) -> bool:
        for keyword in ("FailedSOPSequence", "ReferencedSOPSequence"):
            held = _items(found, keyword)
            if len(held) > 1:
                setattr(found, keyword, held[:-1])
                return True
        return False

    return _telling(message, shorter)


@report_complete.mutant(at=MESSAGE)
def one_more_for_good_measure(message: Sent, asked: Sent | None) -> Sent | None:
    """Something that nobody asked for is reported."""

    def longer(found: Dataset) -> bool:
        for keyword in ("FailedSOPSequence", "ReferencedSOPSequence"):
            if held := _items(found, keyword):
                extra = Dataset()
                extra.update(held[0])
                extra.ReferencedSOPInstanceUID = "2.25.7"
                setattr(found, keyword, [*held, extra])
                return True
        return False

    return _telling(message, longer)


@operation(
    "commitment.transaction-of-a-request",
    cites="PS3.4 J.3.3.1.2",
    verifies="SV-STC-005",
    on=EVENT,
    who=SCP,
    basis=RELATION,
    incomplete=True,
    when=lambda o: reading.reported(o) and _complete_story(o),
    says="A report has the Transaction UID of a request.",
)
def transaction_of_a_request(o: Operation) -> Iterator[Finding]:
    due = {reading.transaction(p) for p in o.association.operations if p.kind == reading.ACTION}
    due |= set(o.facts.get("transactions", {}))
    if reading.transaction(o) not in due:
        want = f"one of the {len(due)} of our requests"
        yield Finding(reading.transaction(o) or "none", want, f"{o.where()}, {TRANSACTION}")


def _complete_story(o: Operation) -> bool:
    """All requests that a report may answer are known: a probe says so, the list being that of its run."""
    return "transactions" in o.facts


@transaction_of_a_request.mutant(at=MESSAGE)
def another_transaction(message: Sent, asked: Sent | None) -> Sent | None:
    """Reports have a Transaction UID of their own."""

    def other(found: Dataset) -> bool:
        found.TransactionUID = "2.25.9"
        return True

    return _telling(message, other)


@operation(
    "commitment.commits-to-what-is-kept",
    cites="PS3.4 J.1.1, J.3.3.1.2",
    verifies=("SV-STC-003", "SV-STC-005"),
    on=EVENT,
    who=SCP,
    basis=RELATION,
    incomplete=True,
    when=lambda o: reading.reported(o) and _tellable(o),
    says="What was never stored, or is of another class, is not committed to; what was just stored can be.",
)
def commits_to_what_is_kept(o: Operation) -> Iterator[Finding]:
    kept = {r.instance for r in reading.referenced(o)}
    about = reading.known(o)
    for word in ("unknown", "conflicting"):
        for instance in about.get(word, ()):
            if instance in kept:
                yield Finding(f"{instance} is committed to", f"a failure: it is {word}", o.where())
    lost = [r for r in reading.failed(o) if r.instance in about.get("kept", ())]
    for one in lost[:KEEP]:
        # why it does not commit to what it has is its own affair, but then it commits to nothing
        yield Finding(f"{one.instance} failed, {hexed(one.reason)}", "a commitment", o.where(), warn=True)


def _tellable(o: Operation) -> bool:
    """What the probe asked for holds something that was stored, so that a report can be right in both ways."""
    about = reading.known(o)
    committed = {r.instance for r in reading.referenced(o)} & set(about.get("kept", ()))
    return bool(about.get("unknown")) and (bool(committed) or not about.get("kept"))


@commits_to_what_is_kept.mutant(at=MESSAGE)
def commits_to_everything(message: Sent, asked: Sent | None) -> Sent | None:
    """Whatever is asked for is committed to."""

    def all_kept(found: Dataset) -> bool:
        lost = _items(found, "FailedSOPSequence")
        found.ReferencedSOPSequence = _items(found, "ReferencedSOPSequence") + lost
        return bend.dropped(found, 0x00081198)

    changed = _telling(message, all_kept)
    return but(changed, EventTypeID=1) if changed is not None else None


ground("commitment", commits_to_what_is_kept)


@operation(
    "commitment.failure-reason",
    cites="PS3.3 C.14.1.1; PS3.4 J.3.3.1.2, J.3.3.1.4",
    verifies="SV-STC-005",
    level=SHOULD,
    on=EVENT,
    who=SCP,
    incomplete=True,
    when=lambda o: any(r.reason is not None for r in reading.failed(o)),
    says="A Failure Reason is a listed one: 0112H for what is not there, 0119H for what is of another class.",
)
def failure_reason(o: Operation) -> Iterator[Finding]:
    about = reading.known(o)
    due = dict.fromkeys(about.get("unknown", ()), 0x0112) | dict.fromkeys(about.get("conflicting", ()), 0x0119)
    for n, one in enumerate(reading.failed(o), 1):
        place = f"{o.where()}, {FAILED}, item {n}"
        if one.reason is not None and one.reason not in REASONS:
            yield Finding(hexed(one.reason), ", ".join(hexed(r) for r in sorted(REASONS)), place)
        elif one.reason in (0x0112, 0x0119) and due.get(one.instance, one.reason) != one.reason:
            yield Finding(hexed(one.reason), hexed(due[one.instance]), place)


@failure_reason.mutant(at=MESSAGE)
def reasons_of_its_own(message: Sent, asked: Sent | None) -> Sent | None:
    """Failures have the reason 0001H."""

    def changed(found: Dataset) -> bool:
        held = _items(found, "FailedSOPSequence")
        for item in held:
            item.FailureReason = 1
        return bool(held)

    return _telling(message, changed)


@operation(
    "commitment.report-place",
    cites="PS3.4 J.3.3.1.1.1, J.3.3.1.1.2",
    verifies="SV-STC-012",
    on=EVENT,
    who=SCP,
    content=False,
    incomplete=True,
    due=False,
    when=lambda o: has_any(o, RETRIEVE_AE, FILE_SET_ID, FILE_SET_UID),
    says="Retrieve AE Title and File-Set stand outside of the references or inside of them, not both.",
)
def report_place(o: Operation) -> Iterator[Finding]:
    return misplaced(o, RETRIEVE_AE, FILE_SET_ID, FILE_SET_UID)


@report_place.mutant(at=MESSAGE)
def the_title_everywhere(message: Sent, asked: Sent | None) -> Sent | None:
    """Retrieve AE Title stands outside of the references and in each of them."""

    def more(found: Dataset) -> bool:
        held = _items(found, "ReferencedSOPSequence")
        found.RetrieveAETitle = "ARCHIVE"
        for item in held:
            item.RetrieveAETitle = "ARCHIVE"
        return bool(held)

    return _telling(message, more)


@operation(
    "commitment.reported-once",
    cites="PS3.4 J.3.3.1.2",
    verifies="SV-STC-012",
    level=SHALL_NOT,
    on=EVENT,
    who=SCP,
    content=False,
    incomplete=True,
    when=lambda o: is_uid(reading.transaction(o)),
    says="What was reported, and was taken, is not reported again under the same Transaction UID.",
)
def reported_once(o: Operation) -> Iterator[Finding]:
    since = 0
    for p in o.association.operations:
        if p.number >= o.number or reading.transaction(p) != reading.transaction(o):
            continue
        if p.kind == reading.ACTION:
            since = 0  # asked again, on purpose or not
        elif p.kind == EVENT and p.status == 0:
            since = p.number
    if since:
        yield Finding(f"a second report of {reading.transaction(o)}", f"one, operation {since}", o.where())


@reported_once.mutant(at=MESSAGE)
def reports_twice(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """Every report is sent twice."""
    again = but(message, MessageID=message.id + 5000)
    return [message, again] if bend.is_request(message, "n-event-report") else None
