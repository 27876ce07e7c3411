"""Rules of PS3.18 11.4 and PS3.4 CC.2.5 on creating a workitem: what is taken, refused, and said of it.

Must not know the later life of workitems.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from harness.exchange import Answer, Exchange, Journey
from harness.rule import SHOULD, STANDARD, Finding, journey, rule
from harness.wire.dicom_json import DataSet
from suites.web.search.rows import texts
from suites.web.workitems import making, reading, story, table
from suites.web.workitems.judging import allowed, each, granting, refused, refusing, without
from suites.web.workitems.making import LOCK, SCHEDULED, STATE
from suites.web.workitems.reading import CREATED, RETRIEVED, datasets, granted, only, readable
from suites.web.workitems.story import ABSENT, EVERY, Moment, about


def lacking(dataset: DataSet, kind: str) -> list[str]:
    """The attributes of this type that an N-CREATE has to have and this one has not; of type 1 also the empty ones."""
    return [t for t in table.at_creation(kind) if t not in dataset or (kind == "1" and not any(texts(dataset, t)))]


def whole(dataset: DataSet) -> bool:
    """Everything that a Create has to have is there, the state and the Transaction UID as they have to be."""
    missing = lacking(dataset, "1") or lacking(dataset, "2")
    return not missing and reading.text(dataset, STATE) == SCHEDULED and not reading.text(dataset, LOCK)


def _sent(m: Moment) -> DataSet:
    return only(m.x.ask) or {}


def _new(j: Journey) -> list[Moment]:
    """Creates of what does not exist."""
    return [m for m in about(j, CREATED) if m.item.state == ABSENT and readable(m.x)]


def _good(j: Journey) -> list[Moment]:
    return [m for m in _new(j) if whole(_sent(m))]


@journey(
    "workitem.create-succeeds",
    cites="PS3.18 11.4.2, 11.4.3.1; PS3.4 CC.2.5.3",
    verifies="PS3.18-11.4.3.1-1",
    on=EVERY,
    when=lambda j: bool(_good(j)),
    says="A new workitem that is SCHEDULED and has all that it has to have is created: 201.",
)
def create_succeeds(j: Journey) -> Iterator[Finding]:
    for m in _good(j):
        yield from allowed(m, 201)


@create_succeeds.mutant
def nothing_can_be_created(x: Exchange) -> Answer | None:
    """Every Create is refused."""
    return refusing(x, CREATED, 400)


def _made(x: Exchange) -> bool:
    return x.answer.status == 201


@rule(
    "workitem.create-location",
    cites="PS3.18 11.4.2, 11.4.3.2",
    verifies=("PS3.18-11.4.2-1", "PS3.18-11.4.3.2-1"),
    on=CREATED,
    when=_made,
    says="The answer to a Create has a Location, which is the URL of the workitem.",
)
def create_location(x: Exchange) -> Iterator[Finding]:
    where = x.answer.headers.get("location")
    if not where:
        yield Finding("no Location", "the URL of the workitem", "Location")
        return
    path = urlsplit(where).path.rstrip("/")
    if not path.endswith(f"workitems/{reading.located(x)}") or not reading.located(x):
        yield Finding(where, "a URL that ends in workitems/{workitem}", "Location")


@create_location.mutant
def does_not_tell_where(x: Exchange) -> Answer | None:
    """A Create has no Location in its answer."""
    return x.answer.but(headers=x.answer.headers.but("location", None)) if _made(x) else None


@create_location.mutant
def points_at_the_worklist(x: Exchange) -> Answer | None:
    """Location is the URL of all workitems."""
    return x.answer.but(headers=x.answer.headers.but("location", f"{x.ask.base}/workitems")) if _made(x) else None


@rule(
    "workitem.create-answers-briefly",
    cites="PS3.18 11.4.3.3",
    verifies="PS3.18-11.4.3.3-1",
    level=SHOULD,
    on=CREATED,
    content=False,
    when=_made,
    says="The answer to a Create that succeeded has no payload.",
)
def create_answers_briefly(x: Exchange) -> Iterator[Finding]:
    if x.answer.body.size:
        yield Finding(f"{x.answer.body.size} octets", "no payload", "payload")


@create_answers_briefly.mutant
def sends_it_back(x: Exchange) -> Answer | None:
    """A Create is answered with the workitem."""
    return x.answer.but(body=x.ask.body.bytes(), type="application/dicom+json") if _made(x) else None


@journey(
    "workitem.created-once",
    cites="PS3.18 11.4.2, 11.4.3.1; PS3.4 Table CC.1.1-2",
    verifies=("PS3.18-11.4.2-3", "PS3.18-11.4.3.1-1"),
    on=EVERY,
    when=lambda j: bool(_again(j)),
    says="A Create under the UID of a workitem that exists is refused: 409.",
)
def created_once(j: Journey) -> Iterator[Finding]:
    for m in _again(j):
        # how long one stays that is over is the server's own affair
        for finding in refused(m, (409,)):
            yield (
                finding
                if m.item.state not in making.FINAL
                else Finding(finding.got, finding.want, finding.where, finding.seq, warn=True)
            )


def _again(j: Journey) -> list[Moment]:
    return [m for m in about(j, CREATED) if m.item.state and readable(m.x)]


@created_once.mutant
def creates_twice(x: Exchange) -> Answer | None:
    """A second Create of a workitem succeeds."""
    return granting(x, CREATED, 409, to=201)


@journey(
    "workitem.created-scheduled-only",
    cites="PS3.18 11.4.2; PS3.4 CC.2.5.3, CC.2.5.4",
    verifies="PS3.18-11.4.2-2",
    on=EVERY,
    when=lambda j: bool(_begun(j)),
    says="A Create in another state than SCHEDULED is refused: 400.",
)
def created_scheduled_only(j: Journey) -> Iterator[Finding]:
    for m in _begun(j):
        yield from refused(m, (400,))


def _begun(j: Journey) -> list[Moment]:
    return [m for m in _new(j) if reading.text(_sent(m), STATE) not in ("", SCHEDULED)]


@created_scheduled_only.mutant
def created_in_any_state(x: Exchange) -> Answer | None:
    """A workitem can be created COMPLETED."""
    begun = reading.text(only(x.ask), STATE) not in ("", SCHEDULED)
    return granting(x, CREATED, to=201) if begun else None


@journey(
    "workitem.create-incomplete",
    cites="PS3.18 11.4.1.4, 11.4.3.1; PS3.4 Table CC.2.5-3",
    verifies=("PS3.18-11.4.1.4-2", "PS3.18-11.4.3.1-1"),
    on=EVERY,
    when=lambda j: any(lacking(_sent(m), "1") for m in _new(j)),
    says="A Create without a value for an attribute of type 1 is refused: 400.",
)
def create_incomplete(j: Journey) -> Iterator[Finding]:
    for m in _new(j):
        missing = lacking(_sent(m), "1")
        if missing:
            yield from _filled(m, missing)


def _filled(m: Moment, missing: list[str]) -> Iterator[Finding]:
    """A server may correct what is wrong and say so (CC.2.5.3); to take it as it is, is another thing."""
    told = granted(m.x) and reading.warns(m.x, reading.CREATED_OTHERWISE)
    for f in refused(m, (400,)):
        yield Finding(f"{f.got} without {', '.join(missing[:3])}", f.want, f.where, f.seq, warn=f.warn or told)


@create_incomplete.mutant
def takes_whatever_there_is(x: Exchange) -> Answer | None:
    """Attributes of type 1 may be missing."""
    return granting(x, CREATED, 400, to=201) if lacking(only(x.ask) or {}, "1") else None


@journey(
    "workitem.create-lacks-type-2",
    cites="PS3.18 11.4.1.4, 11.4.3.1; PS3.4 Table CC.2.5-3",
    verifies="PS3.18-11.4.1.4-2",
    level=SHOULD,
    on=EVERY,
    when=lambda j: any(lacking(_sent(m), "2") and not lacking(_sent(m), "1") for m in _new(j)),
    says="A Create without an attribute of type 2 is refused: 400.",
)
def create_lacks_type_2(j: Journey) -> Iterator[Finding]:
    for m in _new(j):
        missing = lacking(_sent(m), "2")
        if missing and not lacking(_sent(m), "1") and not reading.warns(m.x, reading.CREATED_OTHERWISE):
            yield from _filled(m, missing)


@create_lacks_type_2.mutant
def thinks_type_2_is_optional(x: Exchange) -> Answer | None:
    """Attributes of type 2 may be left out."""
    return granting(x, CREATED, 400, to=201)


@journey(
    "workitem.created-without-lock",
    cites="PS3.18 11.4.1.4; PS3.4 Table CC.1.1-2, Table CC.2.5-3",
    verifies="PS3.18-11.4.2-4",
    on=EVERY,
    when=lambda j: bool(_locked(j)),
    says="A Create with a Transaction UID is refused, 400, or the Transaction UID is left out with a Warning.",
)
def created_without_lock(j: Journey) -> Iterator[Finding]:
    for m in _locked(j):
        if granted(m.x):
            if not reading.warns(m.x, reading.CREATED_OTHERWISE):
                # the workitem has no Transaction UID, whatever was sent: nothing but the word of it may be missing
                yield Finding(m.x.answer.line, "400, or a Warning", "Transaction UID", seq=m.x.seq, warn=True)
        else:
            yield from refused(m, (400,))


def _locked(j: Journey) -> list[Moment]:
    return [m for m in _new(j) if reading.text(_sent(m), LOCK)]


@created_without_lock.mutant
def created_with_any_lock(x: Exchange) -> Answer | None:
    """A workitem can be created with a Transaction UID."""
    return granting(x, CREATED, to=201) if reading.text(only(x.ask), LOCK) else None


@rule(
    "workitem.create-unreadable",
    cites="PS3.18 11.4.3.1; 8.5",
    verifies="PS3.18-11.4.3.1-1",
    on=CREATED,
    basis=STANDARD,
    when=lambda x: bool(x.facts.get("unreadable")) and not reading.declined(x),
    says="A Create whose payload is no workitem is refused: 400, or 415 for its media type.",
)
def create_unreadable(x: Exchange) -> Iterator[Finding]:
    if x.answer.status not in (400, 415):
        soft = 400 <= x.answer.status < 500
        yield Finding(x.answer.line, "400", str(x.facts["unreadable"]), warn=soft)


@create_unreadable.mutant
def breaks_over_bad_json(x: Exchange) -> Answer | None:
    """What cannot be read is answered 500."""
    return x.answer.but(status=500, reason="Internal Server Error") if not datasets(x.ask) else None


def pairs(j: Journey) -> Iterator[tuple[Moment, DataSet]]:
    """Creates that succeeded, with what was retrieved of the workitem before anything else was granted."""
    open_: dict[str, Moment] = {}
    for m in story.moments(j):
        if m.x.kind == CREATED and granted(m.x):
            open_[m.uid] = m
        elif m.x.kind == RETRIEVED and m.uid in open_:
            found = only(m.x.answer) if granted(m.x) else None
            if found is not None:
                yield open_.pop(m.uid), found
        elif granted(m.x):
            open_.pop(m.uid, None)


# What the server fills in, and what it may write in other words.
ITS_OWN = frozenset({"00080005", "00080016", "00080018", "00404010", LOCK, STATE})


def owed(sent: DataSet) -> list[str]:
    """The attributes of a Create with values that every server keeps, as far as they are plain."""
    rows = table.rows()
    kept = [t for t in sent if t in rows and rows[t].owed[:1] in ("1", "2") and t not in ITS_OWN]
    return [t for t in kept if any(texts(sent, t)) and sent[t].get("vr") != "SQ"]


@journey(
    "workitem.kept-as-created",
    cites="PS3.18 11.4.2, 11.4.3.2, 11.5.2; PS3.4 CC.2.5.1, CC.2.5.3",
    verifies=("PS3.18-11.4.3.2-2", "PS3.18-11.5.2-1"),
    on=EVERY,
    when=lambda j: any(owed(_sent(m)) for m, _ in pairs(j)),
    says="A workitem has the values it was created with, unless a Warning said that it was modified.",
)
def kept_as_created(j: Journey) -> Iterator[Finding]:
    for m, found in pairs(j):
        if reading.warns(m.x, reading.CREATED_OTHERWISE):
            continue
        for tag in owed(_sent(m)):
            got, want = texts(found, tag), texts(_sent(m), tag)
            if got != want:
                yield Finding("; ".join(got) or "empty", "; ".join(want), f"attribute {tag} of {m.uid}", seq=m.x.seq)


@kept_as_created.mutant
def labels_are_cut(x: Exchange) -> Answer | None:
    """Procedure Step Label has eight characters at most."""

    def cut(row: DataSet) -> DataSet:
        return {**row, making.LABEL: making.element(making.LABEL, reading.text(row, making.LABEL)[:8])}

    return each(x, cut, RETRIEVED)


@kept_as_created.mutant
def forgets_the_patient(x: Exchange) -> Answer | None:
    """Workitems have no patient."""
    return each(x, without("00100010", "00100020"), RETRIEVED)


@journey(
    "workitem.begins-scheduled",
    cites="PS3.18 11.4.2; PS3.4 CC.2.5.3, Table CC.1.1-2",
    verifies="PS3.18-11.4.2-1",
    on=EVERY,
    when=lambda j: any(True for _ in pairs(j)),
    says="A workitem that was created is SCHEDULED.",
)
def begins_scheduled(j: Journey) -> Iterator[Finding]:
    for m, found in pairs(j):
        state = reading.text(found, STATE)
        if state != SCHEDULED:
            # a server that performs steps itself may have begun
            soft = state == making.IN_PROGRESS
            yield Finding(state or "no state", SCHEDULED, f"state of {m.uid}", seq=m.x.seq, warn=soft)


@begins_scheduled.mutant
def has_no_state(x: Exchange) -> Answer | None:
    """Workitems are retrieved without their state."""
    return each(x, without(STATE), RETRIEVED)


@begins_scheduled.mutant
def warned_and_done(x: Exchange) -> Answer | None:
    """Whatever is retrieved is COMPLETED."""
    return each(x, lambda row: {**row, STATE: making.element(STATE, making.COMPLETED)}, RETRIEVED)
