"""Workitems across the doors: what one door creates, claims and changes, the other one shows, keeps and tells of.

PS3.18 11.1 speaks of the Unified Procedure Steps of PS3.4 CC, and CC.2.4.3 of subscribers at both doors. That both are
of one system is shown or claimed. Must not know which workitems there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import BOTH, DOOR, MESSAGE, Door, Finding, journey, probe
from harness.talk.conversation import Web
from harness.talk.dialogue import Dimse
from harness.talk.listener import Manner
from harness.upper_layer.message import Message as Sent
from harness.upper_layer.negotiate import Policy
from harness.wire.sop import UPS_EVENT
from suites.dimse import bend
from suites.dimse.bend import but
from suites.dimse.reading import dataset, matches, readable, text
from suites.dimse.ups import making
from suites.dimse.ups.agent import EXPLICIT, IMPLICIT, Items, agency
from suites.dimse.ups.story import ACTION, EVENT, FOUND, GOT, event_type
from suites.dimse.ups.table import COMPLETED, IN_PROGRESS, REPORT, SOP_INSTANCE, STATE, SUBSCRIBE
from suites.doors.probes import joined
from suites.doors.story import one_archive
from suites.web.datasets import changed, emptied
from suites.web.retrieve.compare import compare
from suites.web.workitems import making as on_web
from suites.web.workitems import reading
from suites.web.workitems.probes.agent import Agent, settle, there
from suites.web.workitems.reading import only

KIND = "doors.across.workitems"
RETRIEVE, CHANGE, TOLD = "web.workitems.retrieve", "web.workitems.state", "socket.workitems.event"
PATIENCE = 5.0  # seconds that an event may take
KEEP = 5
# What either door names by itself: PS3.18 9.1 and CC.2.5.1.3.1 have the UIDs in one form only.
_NAMES = frozenset({"00080005", "00080016", "00080018", "00081190", "00404010"})


def _gets(j: Journey, step: str) -> list[Operation]:
    return [o for a in j.associations if a.step == step for o in a.operations if o.kind == GOT]


def _retrieved(j: Journey) -> list[Exchange]:
    return [x for x in j.exchanges if x.kind == RETRIEVE and "want" in x.facts]


def _wanted(o: Operation) -> str:
    """The state in which N-GET has to show the workitem, by what was done at the other door before."""
    return str(o.facts.get("want", ""))


@journey(
    "across.workitem-is-one",
    cites="PS3.4 CC.2.4.3, CC.2.5.3, CC.2.8.3; PS3.18 11.1",
    verifies="SV-UPS-018",
    on=KIND,
    who=BOTH,
    due=False,
    when=lambda j: one_archive(j) and bool(_retrieved(j)),
    says="A workitem that one door created is found and retrieved by the other one, in the state that either gave it.",
)
def workitem_is_one(j: Journey) -> Iterator[Finding]:
    for x in _retrieved(j):
        got, want = reading.text(only(x.answer), STATE) if x.answer.ok else x.answer.line, str(x.facts["want"])
        if got != want:
            yield Finding(got or "no state", want, x.ask.line, x.seq)
    for o in _gets(j, "reads"):
        got = text(dataset(o, o.final), STATE) if o.final is not None and readable(o, o.final) else f"{o.status}"
        if got != _wanted(o):
            yield Finding(got or "no state", _wanted(o), o.where(o.final), o.seq)
    for o in _searches(j):
        if o.facts.get("made") not in [text(match, SOP_INSTANCE) for match in matches(o)]:
            yield Finding("no match", str(o.facts.get("made")), o.where(o.final), o.seq)


def _searches(j: Journey) -> list[Operation]:
    return [o for a in j.associations if a.step == "finds" for o in a.operations if o.kind == FOUND]


@workitem_is_one.mutant(at=MESSAGE, defects=("D-UP-08", "M-UP-02"))
def c_find_knows_its_own_only(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """C-FIND does not find what was created over HTTP."""
    return [] if bend.is_pending(message, "find") else None


@workitem_is_one.mutant
def http_knows_its_own_only(x: Exchange) -> Answer | None:
    """Over HTTP there is nothing that was created in DIMSE."""
    return emptied(x.answer, 404, "Not Found") if x.kind == RETRIEVE else None


@workitem_is_one.mutant(at=MESSAGE)
def dimse_does_not_see_the_end(message: Sent, asked: Sent | None) -> Sent | None:
    """In DIMSE a workitem that was completed over HTTP is IN PROGRESS."""

    def back(found: Dataset) -> bool:
        if found.get("ProcedureStepState") != COMPLETED:
            return False
        found.ProcedureStepState = IN_PROGRESS
        return True

    return bend.rewritten(message, back) if bend.is_response(message, "n-get") and message.has_data else None


@journey(
    "across.workitem-agrees",
    cites="PS3.4 CC.2.7.3; PS3.18 11.5.3, F.2",
    verifies="SV-UPS-018",
    on=KIND,
    who=BOTH,
    due=False,
    when=lambda j: one_archive(j) and any(True for _ in _pairs(j)),
    says="JSON and N-GET tell the same of a workitem.",
)
def workitem_agrees(j: Journey) -> Iterator[Finding]:
    for x, o in _pairs(j):
        shown = only(x.answer) or {}
        found = dataset(o, o.final)
        for d in [d for d in compare(found, shown, _NAMES) if d.kind != "lines"][:KEEP]:
            yield Finding(d.got, f"{d.want}, as {o.where(o.final)} has it", f"{x.ask.line}, {d.path}", x.seq)


def _pairs(j: Journey) -> Iterator[tuple[Exchange, Operation]]:
    """Retrievals of one workitem by both doors with nothing between them."""
    for o in _gets(j, "compares"):
        x = next((x for x in j.steps("compares") if x.answer.ok and reading.uid_of(x) == o.request.instance), None)
        if x is not None and only(x.answer) and o.final is not None and readable(o, o.final):
            yield x, o


@workitem_agrees.mutant
def http_tells_another_label(x: Exchange) -> Answer | None:
    """Over HTTP workitems have another label."""

    def renamed(found: dict[str, Any]) -> bool:
        found["00741204"] = {"vr": "LO", "Value": ["Another"]}
        return True

    return changed(x.answer, renamed) if x.kind == RETRIEVE and x.answer.ok else None


@workitem_agrees.mutant(at=MESSAGE)
def dimse_tells_names_in_letters_only(message: Sent, asked: Sent | None) -> Sent | None:
    """N-GET tells names in the default repertoire."""

    def plain(found: Dataset) -> bool:
        name = str(found.get("PatientName", ""))
        if not name or name.isascii():
            return False
        found.PatientName = name.encode("ascii", "replace").decode()
        return True

    return bend.rewritten(message, plain) if bend.is_response(message, "n-get") and message.has_data else None


@journey(
    "across.workitem-lock-holds",
    cites="PS3.4 CC.1.1, CC.2.1.3; PS3.18 11.7.3",
    verifies="SV-UPS-018",
    on=KIND,
    who=BOTH,
    due=False,
    when=lambda j: one_archive(j) and bool(j.steps("second") or _second(j)),
    says="Who claimed a workitem at one door holds it at the other one, by its Transaction UID and against all others.",
)
def workitem_lock_holds(j: Journey) -> Iterator[Finding]:
    for x in j.steps("second"):
        if x.answer.ok:
            yield Finding(f"{x.answer.line} to a second claim", "a refusal", x.ask.line, x.seq)
    for x in j.steps("holder"):
        if not x.answer.ok:
            yield Finding(f"{x.answer.line} to whoever holds the Transaction UID", "2xx", x.ask.line, x.seq)
    for o in _second(j):
        if o.status == 0:
            yield Finding("0000H to a second claim", "C301H", o.where(o.final), o.seq)


def _second(j: Journey) -> list[Operation]:
    return [o for a in j.associations if a.step == "second" for o in a.operations if o.kind == ACTION]


@workitem_lock_holds.mutant
def http_lets_everybody_claim(x: Exchange) -> Answer | None:
    """Over HTTP what was claimed in DIMSE can be claimed."""
    return emptied(x.answer, 200, "OK") if x.kind == CHANGE and not x.answer.ok else None


@workitem_lock_holds.mutant(at=MESSAGE)
def dimse_lets_everybody_claim(message: Sent, asked: Sent | None) -> Sent | None:
    """In DIMSE what was claimed over HTTP can be claimed."""
    refused = bend.is_response(message, "n-action") and message.status != 0
    return but(message, Status=0, ErrorComment=None, OffendingElement=None) if refused else None


@journey(
    "across.workitem-is-told",
    cites="PS3.4 CC.2.4.3, CC.2.3.3; PS3.18 11.13",
    verifies="SV-UPS-018",
    on=KIND,
    who=BOTH,
    due=False,
    when=lambda j: one_archive(j) and any(True for _ in _due(j)),
    says="A change that was made at one door is told to the subscribers at the other one.",
)
def workitem_is_told(j: Journey) -> Iterator[Finding]:
    for door, told, states, where, seq in _due(j):
        for state in states:
            if state not in told:
                # who told something can tell; where nothing came at all the road may be barred (CC.2.4.3)
                yield Finding(f"no event of {state} {door}", "a UPS State Report", where, seq=seq, warn=not told)


def _due(j: Journey) -> Iterator[tuple[str, list[str], list[str], str, int]]:
    """For each subscriber: its door, the states that it was told, those that there were, where and when."""
    for x in j.steps("subscribes"):
        if x.answer.ok and j.steps("listens"):
            heard = [e for e in j.exchanges if e.kind == TOLD]
            told = [reading.text(only(e.answer), STATE) for e in heard]
            yield "over the notification connection", told, list(x.facts.get("states", ())), x.ask.line, x.seq
    for a in j.associations:
        if a.step == "subscribes" and any(o.kind == ACTION and o.status in (0, 0xB301) for o in a.operations):
            reports = [o for b in j.associations for o in b.operations if o.kind == EVENT and event_type(o) == REPORT]
            told = [text(dataset(o, o.request), STATE) for o in reports]
            yield "in DIMSE", told, list(a.facts.get("states", ())), "Receiving AE", a.seq


@workitem_is_told.mutant(at=DOOR)
def subscribes_and_lets_go(ask: Ask, door: Door) -> Answer:
    """Over HTTP subscriptions succeed and are ended at once."""
    answer = door(ask)
    if ask.method == "POST" and "/subscribers/" in ask.target and answer.ok:
        door(Ask("DELETE", ask.target.partition("?")[0], ask.base, ask.headers))
    return answer


@workitem_is_told.mutant(at=MESSAGE)
def dimse_tells_of_its_own_only(message: Sent, asked: Sent | None) -> list[Sent] | None:
    """Nothing that was done over HTTP is told in DIMSE."""
    if not bend.is_request(message, "n-event-report") or not message.has_data:
        return None
    return [] if bend.decoded(bend.octets_of(message)).get("ProcedureStepState") == COMPLETED else None


# --- what provokes it ----------------------------------------------------------------------------------------------


@probe("across.workitems", provokes=KIND, needs="write")
def workitems(web: Web, dimse: Dimse) -> None:
    """A workitem of each door goes through its life by both, watched at both; each door is asked what it has become."""
    if not there(web):
        return
    settle(web)
    facts: dict[str, Any] = {"joined": joined(web, dimse)}
    with web.journey(KIND) as name, dimse.within(name):
        _made_over_http(web, dimse, facts)
        _made_in_dimse(web, dimse, facts)


def _made_over_http(web: Web, dimse: Dimse, facts: dict[str, Any]) -> None:
    http, items = Agent(web), Items(dimse)
    item = http.item(x00100010="Größe^Ämil")
    uid = http.create(item, facts=facts)
    if not uid:
        return
    with agency(dimse, step="finds", made=uid, **facts) as agent:
        if agent is None:
            return
        agent.find({"00741204": reading.text(item, "00741204")}, (SOP_INSTANCE, STATE))
    http.get(uid, step="compares", facts=facts)
    with agency(dimse, step="compares", **facts) as agent:
        if agent is not None:
            agent.get(uid)
    title, lock = http.title(), items.transaction("over http")
    x = http.subscribe(uid, title, step="subscribes", facts={**facts, "states": [IN_PROGRESS, COMPLETED]})
    url = x.answer.headers.get("content-location") or ""
    if not (x.answer.ok and url.lower().startswith(("ws://", "wss://"))):
        _lived(web, dimse, http, uid, lock, facts)
        return
    with web.socket(url, step="listens", facts={"title": title}) as channel:
        _lived(web, dimse, http, uid, lock, facts)
        if channel.standing:
            channel.events(lambda heard: sum(e.answer.json is not None for e in heard) >= 3, PATIENCE)
            channel.quiet()
    http.unsubscribe(uid, title, facts=facts)


def _lived(web: Web, dimse: Dimse, http: Agent, uid: str, lock: str, facts: dict[str, Any]) -> None:
    """Claimed in DIMSE, changed and completed over HTTP."""
    with agency(dimse, step="claims", alone=False, **facts) as agent:
        if agent is None or agent.change(uid, IN_PROGRESS, lock).status != 0:
            return
    http.get(uid, step="read", facts={**facts, "want": IN_PROGRESS})
    http.state(uid, IN_PROGRESS, http.next("second"), step="second", facts=facts)
    http.update(uid, on_web.progress("50", "half"), lock, step="holder", facts=facts)
    http.finish(uid, lock, step="holder", facts=facts)
    with agency(dimse, step="reads", want=COMPLETED, alone=False, **facts) as agent:
        if agent is not None:
            agent.get(uid, (0x00741000,))


def _made_in_dimse(web: Web, dimse: Dimse, facts: dict[str, Any]) -> None:
    """Created in DIMSE, where its events go; claimed over HTTP, canceled in DIMSE."""
    http, items = Agent(web, "in DIMSE"), Items(dimse)
    uid, lock = items.next(), items.transaction()
    policy = Policy(supports={UPS_EVENT: (EXPLICIT, IMPLICIT)}, roles={UPS_EVENT: (True, True)})
    with agency(dimse, step="makes", alone=False, **facts) as agent:
        if agent is None or agent.create(uid, items.created()).status not in (0, 0xB300):
            return
    http.get(uid, step="read", facts={**facts, "want": "SCHEDULED"})
    if not dimse.reachable:
        _ended(dimse, http, uid, lock, facts)
        return
    with dimse.listening(Manner(policy=policy), step="hears", facts=facts) as listener:
        with agency(dimse, step="subscribes", alone=False, states=[IN_PROGRESS, COMPLETED], **facts) as agent:
            if agent is not None:
                agent.act(uid, SUBSCRIBE, making.subscription(dimse.setup.title))
        _ended(dimse, http, uid, lock, facts)
        listener.wait(lambda heard: sum(m.instance == uid for m in heard.received) >= 3, PATIENCE)


def _ended(dimse: Dimse, http: Agent, uid: str, lock: str, facts: dict[str, Any]) -> None:
    http.claim(uid, lock, facts=facts)
    with agency(dimse, step="second", alone=False, **facts) as agent:
        if agent is not None:
            agent.change(uid, IN_PROGRESS, http.next("third"))
    with agency(dimse, step="reads", want=IN_PROGRESS, alone=False, **facts) as agent:
        if agent is not None:
            agent.get(uid, (0x00741000,))
    http.finish(uid, lock, facts=facts)
    http.get(uid, step="read", facts={**facts, "want": COMPLETED})
