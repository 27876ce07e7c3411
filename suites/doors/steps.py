"""Procedure steps across the doors: the worklist and the performed steps of one system, over HTTP and in DIMSE.

PS3.18 14.1 and 15.1 give both services the meaning of those in DIMSE (PS3.4 K and F); that they are of one system is
shown or claimed, and a difference is worth a look. Must not know which steps there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.exchange import Answer, Exchange, Journey
from harness.make import steps
from harness.make.uids import uid
from harness.rule import BOTH, MESSAGE, SHOULD, Finding, journey, probe
from harness.talk.conversation import Web
from harness.talk.dialogue import Dimse
from harness.upper_layer.message import Message as Sent
from harness.wire.sop import MPPS, MPPS_RETRIEVE, WORKLIST
from suites.dimse import bend
from suites.dimse.mpps.probes import CONTEXTS
from suites.dimse.mpps.story import GOT
from suites.dimse.mpps.table import COMPLETED, FINAL, STATUS
from suites.dimse.reading import dataset, text
from suites.dimse.worklist import asked as worklist
from suites.dimse.worklist.probes import BRIEF
from suites.dimse.worklist.probes import CONTEXTS as WORKLISTS
from suites.doors.probes import joined
from suites.doors.story import one_archive
from suites.web.datasets import emptied
from suites.web.performed_steps import probes as by_web
from suites.web.performed_steps.reading import RETRIEVE, SINCE, UPDATE, only, state
from suites.web.scheduled_steps import probes as scheduled_by_web
from suites.web.scheduled_steps.reading import SEARCH, found, rows

PERFORMED, SCHEDULED = "doors.across.performed-steps", "doors.across.scheduled-steps"
KEEP = 5
PATIENT = "00100020"


# --- what is performed ----------------------------------------------------------------------------------------------


def _read_by_web(j: Journey) -> list[Exchange]:
    """Retrievals over HTTP of steps that were created in DIMSE."""
    return [x for x in j.steps("read") if x.kind == RETRIEVE and x.answer.status not in (405, 501)]


def _read_by_dimse(j: Journey) -> list[Operation]:
    """N-GETs of steps that were created over HTTP."""
    return [o for a in j.associations if a.step == "read" for o in a.operations if o.kind == GOT]


def _seen(x: Exchange) -> tuple[str, str]:
    found_ = only(x.answer) or {}
    return state(found_), str((found_.get(PATIENT, {}).get("Value") or [""])[0])


@journey(
    "across.step-is-read-by-both",
    cites="PS3.18 15.1; PS3.4 F.7.1, F.8.1",
    verifies="PS3.18-15.1-1",
    level=SHOULD,
    on=PERFORMED,
    who=BOTH,
    since=SINCE,
    due=False,
    when=lambda j: one_archive(j) and bool(_read_by_web(j) or _read_by_dimse(j)),
    says="A performed step that was created by one door is retrieved by the other one, with its state and its patient.",
)
def step_is_read_by_both(j: Journey) -> Iterator[Finding]:
    for x in _read_by_web(j):
        want = tuple(x.facts.get("want", ()))
        if x.answer.status != 200 or _seen(x) != want:
            got = x.answer.line if x.answer.status != 200 else " ".join(_seen(x))
            yield Finding(got, " ".join(want), x.ask.line, x.seq)
    for o in _read_by_dimse(j):
        want = tuple(o.facts.get("want", {}).get(o.request.instance, ()))
        held = dataset(o, o.final) if o.final is not None and o.final.data is not None else None
        got_ = (text(held, STATUS), text(held, PATIENT)) if held is not None else ()
        if want and got_ != want:
            yield Finding(" ".join(got_) or f"{o.status}", " ".join(want), o.where(o.final), o.seq)


@step_is_read_by_both.mutant
def http_knows_its_own_steps_only(x: Exchange) -> Answer | None:
    """Over HTTP a retrieval finds nothing."""
    return emptied(x.answer, 404, "Not Found") if x.kind == RETRIEVE else None


@step_is_read_by_both.mutant(at=MESSAGE)
def dimse_tells_no_patient(message: Sent, asked: Sent | None) -> Sent | None:
    """N-GET tells another patient."""

    def other(found_: Dataset) -> bool:
        found_.PatientID = "SOMEBODY"
        return True

    return bend.rewritten(message, other) if bend.is_response(message, "n-get") and message.data else None


@journey(
    "across.step-ends-for-both",
    cites="PS3.18 15.1; 15.5.3.1; PS3.4 F.7.2.2.2",
    verifies="PS3.18-15.5-FSM-1",
    level=SHOULD,
    on=PERFORMED,
    who=BOTH,
    since=SINCE,
    due=False,
    when=lambda j: one_archive(j) and bool(j.steps("late")),
    says="A performed step that was completed by one door can no longer be updated by the other one.",
)
def step_ends_for_both(j: Journey) -> Iterator[Finding]:
    for x in j.steps("late"):
        if x.answer.ok:
            yield Finding(f"{x.answer.line} to an update of a step that is over", "a refusal", x.ask.line, x.seq)


@step_ends_for_both.mutant
def http_goes_on_after_the_end(x: Exchange) -> Answer | None:
    """Over HTTP steps can be updated when they are over."""
    return emptied(x.answer, 200, "OK") if x.kind == UPDATE and x.answer.status == 409 else None


@probe("across.performed-steps", provokes=PERFORMED, needs="write")
def performed(web: Web, dimse: Dimse) -> None:
    """A step that is created in DIMSE and one that is created over HTTP; each is read and ended by the other door."""
    http = by_web.Steps(web)
    if web.edition < SINCE or not by_web.there(web, http):
        return
    facts: dict[str, Any] = {"joined": joined(web, dimse)}
    here, there = http.next(), uid(web.session.seed, web.nonce, web.probe, "in DIMSE")
    made = http.created()
    patient = str(made.PatientID)
    with web.journey(PERFORMED) as name, dimse.within(name):
        if not http.create(here, made, facts=facts).answer.ok:
            return
        known = {here: {"state": steps.IN_PROGRESS, "attributes": [f"{int(e.tag):08X}" for e in made]}}
        want = {here: [steps.IN_PROGRESS, patient]}
        with dimse.associate(CONTEXTS, step="read", facts={**facts, "steps": known, "want": want}) as a:
            if a.accepts(MPPS) is None:
                return
            if a.accepts(MPPS_RETRIEVE) is not None:
                a.n_get(MPPS_RETRIEVE, here)
            created = a.n_create(MPPS, there, made).status == 0
        if not created:
            return
        http.retrieve(there, step="read", facts={**facts, "want": [steps.IN_PROGRESS, patient]})
        with dimse.associate(CONTEXTS, step="ends", facts={**facts, "steps": {there: known[here]}}) as a:
            ended = a.accepts(MPPS) is not None and a.n_set(MPPS, there, http.finished()).status == 0
        if ended:
            http.retrieve(there, step="read", facts={**facts, "want": [COMPLETED, patient]})
            late = steps.finished("late", FINAL[1])
            http.update(there, late, step="late", facts={**facts, "wrong": "final"})


# --- what is scheduled ----------------------------------------------------------------------------------------------


def _questions(j: Journey) -> Iterator[tuple[Exchange, Operation]]:
    """Each question with its answers by both doors."""
    asked_ = [o for a in j.associations for o in a.operations if o.kind == worklist.ON and o.status == 0]
    for x in j.steps("query"):
        number = x.facts.get("question")
        o = next((o for o in asked_ if o.association.facts.get("question") == number), None)
        if o is not None and rows(x) is not None:
            yield x, o


@journey(
    "across.scheduled-by-both",
    cites="PS3.18 14.1; 14.4; PS3.4 K.4.1, K.6.1.2.2",
    verifies="PS3.18-14-EQ-1",
    level=SHOULD,
    on=SCHEDULED,
    who=BOTH,
    since=SINCE,
    due=False,
    when=lambda j: one_archive(j) and any(found(x) or worklist.names(o) for x, o in _questions(j)),
    says="One question finds the same scheduled steps over HTTP and by C-FIND of the worklist.",
)
def scheduled_by_both(j: Journey) -> Iterator[Finding]:
    for x, o in _questions(j):
        web, dimse = set(found(x)), set(worklist.names(o))
        for label in sorted((web ^ dimse) - {""})[:KEEP]:
            by = "over HTTP" if label in web else "by C-FIND"
            about = f"{len(web)} steps over HTTP, {len(dimse)} by C-FIND"
            yield Finding(f"{label} is found {by} only; {about}", "by both, or by neither", x.ask.line, x.seq)


@scheduled_by_both.mutant
def http_has_an_empty_worklist(x: Exchange) -> Answer | None:
    """Over HTTP nothing is scheduled."""
    return emptied(x.answer, 204, "No Content") if x.kind == SEARCH and "=" in x.ask.target else None


@scheduled_by_both.mutant(at=MESSAGE)
def c_find_knows_no_ct(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """C-FIND of the worklist finds no CT."""
    if not bend.is_pending(message, "find"):
        return None
    step = (bend.decoded(bend.octets_of(message)).get("ScheduledProcedureStepSequence") or [Dataset()])[0]
    return [] if step.get("Modality") == "CT" else None


@probe("across.scheduled-steps", provokes=SCHEDULED, needs="write")
def scheduled(web: Web, dimse: Dimse) -> None:
    """All scheduled steps, and some of them by each required key, through both doors."""
    if not scheduled_by_web.there(web):
        return
    facts: dict[str, Any] = {"joined": joined(web, dimse)}
    held = scheduled_by_web.seen(web, "")
    keys: list[dict[str, str]] = [{}]
    for path in steps.REQUIRED.values():
        values = [scheduled_by_web.value(row, path) for row in held]
        keys += [{path: value} for value in values if scheduled_by_web.askable(path, value) and value.isascii()][:1]
    with web.journey(SCHEDULED) as name, dimse.within(name):
        for number, asked_ in enumerate(keys):
            about = {**facts, "question": number}
            scheduled_by_web.ask(web, asked_, step="query", facts=about)
            with dimse.associate(WORKLISTS, step="query", facts=about) as a:
                if a.accepts(WORKLIST) is None:
                    return
                a.find(WORKLIST, steps.query(asked_, BRIEF))
