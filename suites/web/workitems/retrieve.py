"""Rules of PS3.18 11.5 and PS3.4 CC.2.7 on a workitem that is retrieved, and on asking for one that is not there.

Must not know how its state came about.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from harness.exchange import Answer, Exchange, Journey
from harness.rule import SHALL_NOT, STANDARD, Finding, ground, journey, rule
from harness.wire.dicom_json import DataSet
from suites.web.search.rows import texts
from suites.web.workitems import making, reading, table
from suites.web.workitems.judging import each, edited, refused, refusing, where, without
from suites.web.workitems.making import FINAL, LABEL, LOCK
from suites.web.workitems.reading import ABOUT_ONE, RETRIEVED, SEARCHED, datasets, granted, only
from suites.web.workitems.story import ABSENT, EVERY, Moment, about

GROUND = "web.workitems.ground"
MODELS = "web.workitems.models"


def _known(j: Journey) -> list[Exchange]:
    return [x for x in j.steps("known") if not reading.declined(x)]


@journey(
    "workitem.retrieves-its-own",
    cites="PS3.18 11.5.2, 11.5.3.1",
    verifies=("PS3.18-11.5.2-1", "PS3.18-11.5.3.1-1"),
    on=GROUND,
    when=lambda j: len(_known(j)) > 1 and bool(j.steps("unknown")),
    says="Each workitem is retrieved as itself, and one that nobody created is not found.",
)
def retrieves_its_own(j: Journey) -> Iterator[Finding]:
    for x in _known(j):
        got = reading.text(only(x.answer), LABEL) if granted(x) else x.answer.line
        if got != x.facts.get("label"):
            yield Finding(got or "no label", str(x.facts.get("label")), f"workitem {reading.uid_of(x)}", seq=x.seq)
    for x in j.steps("unknown"):
        if granted(x):
            yield Finding(x.answer.line, "404", "a workitem that nobody created", seq=x.seq)


@retrieves_its_own.mutant
def retrieves_always_the_same(x: Exchange) -> Answer | None:
    """Whatever is asked for, the same workitem comes."""
    if x.kind != RETRIEVED:
        return None
    body = json.dumps([making.workitem("the-same", "W")]).encode()
    return x.answer.but(status=200, reason="OK", body=body, type="application/dicom+json")


ground("workitems", retrieves_its_own)


def _shown(x: Exchange) -> bool:
    return granted(x) and bool(datasets(x.answer))


@rule(
    "workitem.transaction-uid-stays-secret",
    cites="PS3.18 11.5.2, 11.5.3.3, 11.9.2; PS3.4 CC.2.7.3, Table CC.2.5-3",
    verifies=("PS3.18-11.5.2-2", "PS3.18-11.9.2-4"),
    level=SHALL_NOT,
    on=f"{RETRIEVED}|{SEARCHED}|socket.workitems.event",
    when=lambda x: bool(datasets(x.answer)) and x.answer.complete,
    says="The Transaction UID is in no workitem that is retrieved or found, and in no event.",
)
def transaction_uid_stays_secret(x: Exchange) -> Iterator[Finding]:
    for number, dataset in enumerate(datasets(x.answer), 1):
        if any(path.endswith(LOCK) for path in reading.everything(dataset)):
            value = "\\".join(texts(dataset, LOCK))
            # without a value nothing is given away
            yield Finding(value or "empty", "no Transaction UID", f"data set {number}, {LOCK}", warn=not value)


@transaction_uid_stays_secret.mutant(defects="M-UP-14")
def gives_the_lock_away(x: Exchange) -> Answer | None:
    """Workitems have their Transaction UID."""
    return each(x, lambda row: {**row, LOCK: making.element(LOCK, "2.25.99")}, RETRIEVED, SEARCHED)


@rule(
    "workitem.retrieved-as-one",
    cites="PS3.18 11.5.3.3, 11.1.3",
    verifies="PS3.18-11.5.3.3-1",
    on=RETRIEVED,
    when=lambda x: granted(x) and x.ask.method == "GET",
    says="A retrieved workitem is one data set: in JSON the only one of an array, in XML the only part.",
)
def retrieved_as_one(x: Exchange) -> Iterator[Finding]:
    found = datasets(x.answer)
    if len(found) != 1:
        yield Finding(f"{len(found)} data sets in {x.answer.type or 'no media type'}", "one", "payload")
    elif x.answer.json is not None and x.answer.json.root == "object":
        yield Finding("an object", "an array of one", "payload", warn=True, policy="D-12")


@retrieved_as_one.mutant
def retrieves_two(x: Exchange) -> Answer | None:
    """A workitem comes twice."""
    return edited(x, lambda rows: rows * 2, RETRIEVED)


@retrieved_as_one.mutant
def retrieves_nothing(x: Exchange) -> Answer | None:
    """The payload of a retrieved workitem is an empty array."""
    return edited(x, lambda rows: [], RETRIEVED)


@rule(
    "workitem.retrieved-has-its-values",
    cites="PS3.18 11.5.2; PS3.4 CC.2.7.1, Table CC.2.5-3",
    verifies="PS3.18-11.5.2-1",
    on=RETRIEVED,
    when=_shown,
    says="A retrieved workitem has a value for every attribute that a provider always has.",
)
def retrieved_has_its_values(x: Exchange) -> Iterator[Finding]:
    dataset = only(x.answer)
    if dataset is None:
        return
    for tag in table.retrieved():
        if not any(texts(dataset, tag)):
            yield Finding("empty" if tag in dataset else "not there", f"a value for {table.rows()[tag].name}", tag)
    uid = reading.text(dataset, reading.INSTANCE)
    if uid and uid != x.resource.uid:
        yield Finding(uid, x.resource.uid, reading.INSTANCE)


@retrieved_has_its_values.mutant
def leaves_out_the_priority(x: Exchange) -> Answer | None:
    """Workitems have no priority."""
    return each(x, without("00741200"), RETRIEVED)


@retrieved_has_its_values.mutant
def does_not_keep_when_it_was_modified(x: Exchange) -> Answer | None:
    """Workitems have no time of their last modification."""
    return each(x, without("00404010"), RETRIEVED)


@journey(
    "workitem.exists-until-it-ends",
    cites="PS3.18 11.5.2, 11.5.3.1; PS3.4 CC.2.7.3",
    verifies="PS3.18-11.5.2-1",
    on=EVERY,
    when=lambda j: bool(_living(j)),
    says="A workitem that is SCHEDULED or IN PROGRESS is retrieved: 200.",
)
def exists_until_it_ends(j: Journey) -> Iterator[Finding]:
    for m in _living(j):
        if not granted(m.x):
            yield Finding(m.x.answer.line, "200", where(m), seq=m.x.seq)


def _living(j: Journey) -> list[Moment]:
    kept = [m for m in about(j, RETRIEVED) if m.item.state and m.item.state not in FINAL]
    return [m for m in kept if m.x.ask.method == "GET" and m.x.answer.status not in (304, 406)]


@exists_until_it_ends.mutant
def loses_workitems(x: Exchange) -> Answer | None:
    """A workitem that was created is not found."""
    return refusing(x, RETRIEVED, 404)


@journey(
    "workitem.unknown-is-404",
    cites="PS3.18 11.5.3.1, 11.6.3.1, 11.7.3.1, 11.8.3.1; PS3.4 Table CC.1.1-2",
    verifies=("PS3.18-11.5.3.1-1", "PS3.18-11.6.3.1-1", "PS3.18-11.7.2-10", "PS3.18-11.8.3.1-1"),
    on=EVERY,
    when=lambda j: bool(_unknown(j)),
    says="Whatever is asked of a workitem that nobody created is answered 404.",
)
def unknown_is_404(j: Journey) -> Iterator[Finding]:
    for m in _unknown(j):
        yield from refused(m, (404,))


def _unknown(j: Journey) -> list[Moment]:
    return [m for m in about(j, *ABOUT_ONE) if m.item.state == ABSENT and m.x.facts.get("unknown")]


@unknown_is_404.mutant
def retrieves_what_is_not_there(x: Exchange) -> Answer | None:
    """An unknown workitem is retrieved as an empty answer."""
    return x.answer.but(status=204, reason="No Content", body=b"") if _missed(x, RETRIEVED) else None


@unknown_is_404.mutant
def updates_what_is_not_there(x: Exchange) -> Answer | None:
    """An update of an unknown workitem succeeds."""
    return x.answer.but(status=200, reason="OK", body=b"") if _missed(x, reading.UPDATED) else None


@unknown_is_404.mutant
def claims_what_is_not_there(x: Exchange) -> Answer | None:
    """A claim of an unknown workitem succeeds."""
    return x.answer.but(status=200, reason="OK", body=b"") if _missed(x, reading.CHANGED) else None


@unknown_is_404.mutant
def cancels_what_is_not_there(x: Exchange) -> Answer | None:
    """A request to cancel an unknown workitem is accepted."""
    return x.answer.but(status=202, reason="Accepted", body=b"") if _missed(x, reading.ASKED_TO_CANCEL) else None


def _missed(x: Exchange, kind: str) -> bool:
    return x.kind == kind and x.answer.status == 404


@journey(
    "workitem.models-agree",
    cites="PS3.18 11.1.3, 11.5.2",
    verifies=("PS3.18-11.1.3-1", "PS3.18-11.1.2-1"),
    on=MODELS,
    when=lambda j: any(granted(x) for x in j.steps("json")) and bool(j.steps("xml")),
    says="A workitem is the same data set in JSON and in XML.",
)
def models_agree(j: Journey) -> Iterator[Finding]:
    known = next((only(x.answer) for x in j.steps("json") if granted(x)), None) or {}
    for x in j.steps("xml"):
        if reading.declined(x):
            continue
        found = only(x.answer) if granted(x) else None
        if found is None:
            yield Finding(f"{x.answer.line}, {x.answer.type or 'no payload'}", "one document", "XML", seq=x.seq)
            continue
        yield from _differences(x, known, found)


def _differences(x: Exchange, known: DataSet, found: DataSet) -> Iterator[Finding]:
    ours = {p for p in reading.everything(known) if any(texts(known, p))}
    theirs = {p for p in reading.everything(found) if any(texts(found, p))}
    for path in sorted((ours | theirs) - {"00080005"}):
        told, other = texts(known, path), texts(found, path)
        if [reading.plain(t) for t in told] != [reading.plain(t) for t in other]:
            yield Finding("; ".join(other) or "nothing", "; ".join(told) or "nothing", f"XML, {path}", seq=x.seq)


@models_agree.mutant
def xml_is_of_somebody_else(x: Exchange) -> Answer | None:
    """In JSON every workitem has another label than in XML."""
    return each(x, lambda row: {**row, LABEL: making.element(LABEL, "OTHER")}, RETRIEVED)


@models_agree.mutant
def has_no_xml(x: Exchange) -> Answer | None:
    """A workitem in XML is answered 406."""
    return refusing(x, RETRIEVED, 406) if x.answer.type == "multipart/related" else None


@rule(
    "workitem.model-asked-for",
    cites="PS3.18 11.5.2, 11.9.3.3, 11.1.3; 8.7.4",
    verifies="PS3.18-11.1.3-1",
    on=f"{RETRIEVED}|{SEARCHED}",
    basis=STANDARD,
    when=lambda x: _shown(x) and bool(x.ask.accept.ranges) and "accept" not in x.ask.query,
    says="A workitem, or what a search finds, comes in a media type that was asked for.",
)
def model_asked_for(x: Exchange) -> Iterator[Finding]:
    asked = [r for r in x.ask.accept.ranges if r.q > 0]
    if not any(r.covers(x.answer.type, x.answer.media.parameters) for r in asked):
        yield Finding(x.answer.type, ", ".join(r.type for r in asked), "Content-Type")


@model_asked_for.mutant
def always_plain_json(x: Exchange) -> Answer | None:
    """Workitems are sent as application/json."""
    return x.answer.but(type="application/json") if x.answer.type == "application/dicom+json" else None
