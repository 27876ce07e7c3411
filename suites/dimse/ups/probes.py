"""Lives through workitems: created, claimed, set, ended, searched for; and everything that a provider has to refuse.

Must not know what is judged about the answers. Workitems have UIDs that no other run uses.
"""

from __future__ import annotations

from typing import Any

from harness.make.uids import uid
from harness.rule import probe
from harness.talk.dialogue import Dimse
from harness.wire.sop import UPS_PULL, UPS_PUSH, UPS_QUERY, UPS_WATCH
from suites.dimse.ups import making, table
from suites.dimse.ups.agent import EXPLICIT, IMPLICIT, Agent, Items, agency
from suites.dimse.ups.table import CANCELED, COMPLETED, FINAL, IN_PROGRESS, SCHEDULED, STATES

KINDS = tuple(f"dimse.ups.{verb}" for verb in ("n-create", "n-set", "n-get", "n-action", "find"))
RACE = "dimse.ups.race"
RACES = 5
MISSING = ("ProcedureStepLabel", "ScheduledProcedureStepStartDateTime", "InputReadinessState")
WHOLE = tuple(table.RETURNED)


@probe("ups.life", provokes=KINDS, needs="write")
def life(dimse: Dimse) -> None:
    """Workitems that are completed and canceled, set and retrieved at every turn, and found by a search."""
    items = Items(dimse)
    for syntax in (EXPLICIT, IMPLICIT):
        with agency(dimse, syntax=syntax) as agent:
            if agent is None:
                return
            for state in FINAL:
                _lived(agent, items, state)


def _lived(agent: Agent, items: Items, state: str) -> None:
    name, lock = items.next(), items.transaction()
    agent.create(name, items.created())
    agent.get(name)
    agent.set(name, making.modified(CommentsOnTheScheduledProcedureStep="Łódź", InputReadinessState="UNAVAILABLE"))
    agent.get(name, (0x00400400, 0x00404041, 0x00741000, 0x00100010))
    agent.find({"00100020": f"U{items.label}{items.count}"}, WHOLE)
    agent.change(name, IN_PROGRESS, lock)
    agent.get(name)
    agent.set(name, making.progress(lock, 50))
    agent.get(name, (0x00741002, 0x00741000), on=(UPS_WATCH, UPS_PULL))
    agent.set(name, making.ENDINGS[state](lock))
    agent.get(name)
    agent.change(name, state, lock)
    agent.get(name, (0x00741000,), on=(UPS_PUSH, UPS_PULL))


@probe("ups.table", provokes=KINDS, needs="write")
def every_cell(dimse: Dimse) -> None:
    """In each state, each request that the state forbids, with the right Transaction UID, a wrong one and none."""
    items = Items(dimse)
    with agency(dimse, provoked="what the state forbids") as agent:
        if agent is None:
            return
        for state in STATES:
            name = items.next()
            agent.bring(name, items, state)
            _forbidden(agent, items, name, state)
        unknown = items.next()
        agent.a.facts["workitems"] = {unknown: {"state": ""}}
        _forbidden(agent, items, unknown, "")


def _forbidden(agent: Agent, items: Items, name: str, state: str) -> None:
    """Everything that has to be refused, and the workitem before and afterwards."""
    right = items.transaction()
    wrong = f"{right[:-1]}{(int(right[-1]) + 1) % 10}"  # to be told apart by who compares all of it
    agent.get(name)
    locks = [wrong, None] if state == IN_PROGRESS else [None] if state == SCHEDULED else [right, wrong, None]
    for lock in locks:
        agent.change(name, IN_PROGRESS, lock)
        agent.set(name, making.modified(lock or "", ProcedureStepLabel="too late")) if state != SCHEDULED else None
    for lock in (right, wrong, None):
        agent.change(name, SCHEDULED, lock)
        for to in FINAL:
            if (to, lock) != (CANCELED, right) or state != IN_PROGRESS:
                agent.change(name, to, lock)
    if state == IN_PROGRESS:
        agent.change(name, IN_PROGRESS, right)
    if state not in (SCHEDULED, IN_PROGRESS):
        agent.cancel(name)
    if state:
        agent.create(name, items.created(ProcedureStepLabel="once more"))
    agent.get(name)


@probe("ups.canceling", provokes=KINDS, needs="write")
def canceling(dimse: Dimse) -> None:
    """Requests to cancel in every state, and the workitem afterwards."""
    items = Items(dimse)
    with agency(dimse) as agent:
        if agent is None:
            return
        for state in STATES:
            name = items.next()
            agent.bring(name, items, state)
            agent.cancel(name)
            agent.get(name)


@probe("ups.setting", provokes=KINDS, needs="write")
def setting(dimse: Dimse) -> None:
    """The state, and the name of the patient, are set; the progress, too late."""
    items = Items(dimse)
    with agency(dimse, provoked="what may not be set") as agent:
        if agent is None:
            return
        name, lock = items.next(), items.transaction()
        agent.bring(name, items, IN_PROGRESS)
        for changes in ({"ProcedureStepState": COMPLETED}, {"PatientName": "Somebody^Else"}):
            agent.get(name)
            agent.set(name, making.modified(lock, ProcedureStepLabel="and more", **changes))
            agent.get(name)
        agent.set(name, making.performed(lock, PerformedProcedureStepEndDateTime=None))
        agent.change(name, COMPLETED, lock)
        agent.get(name)


@probe("ups.incomplete", provokes=KINDS, needs="write")
def incomplete(dimse: Dimse) -> None:
    """Workitems that begin in another state, lack what they need, or have what is to be empty."""
    items = Items(dimse)
    with agency(dimse, provoked="what is not whole") as agent:
        if agent is None:
            return
        cases: list[dict[str, Any]] = [{"ProcedureStepState": state} for state in (IN_PROGRESS, COMPLETED, "ARRIVED")]
        cases += [{keyword: None} for keyword in MISSING] + [{keyword: ""} for keyword in MISSING]
        cases += [{"TransactionUID": "2.25.17"}]
        for changes in cases:
            agent.create(items.next(), items.created(**changes))


@probe("ups.two-agents", provokes=KINDS, needs="write")
def two_agents(dimse: Dimse) -> None:
    """What one agent claimed, another one wants to claim, to set, to end and to have canceled."""
    items = Items(dimse)
    name, lock, other = items.next(), items.transaction(), items.transaction("other")
    with agency(dimse, step="first") as agent:
        if agent is None or agent.create(name, items.created()).status != 0:
            return
        claimed = agent.change(name, IN_PROGRESS, lock).status == 0
    if not claimed:
        return
    known = {name: {"state": IN_PROGRESS, "transaction": lock}}
    with agency(dimse, step="second", workitems=known, provoked="what another holds") as agent:
        if agent is None:
            return
        agent.get(name)
        agent.change(name, IN_PROGRESS, other)
        agent.set(name, making.progress(other, 99))
        agent.change(name, CANCELED, other)
        agent.get(name)
        agent.cancel(name)
        agent.get(name)


@probe("ups.race", provokes=(*KINDS, RACE), needs="write")
def race(dimse: Dimse) -> None:
    """Two agents claim the same workitem at one moment, again and again."""
    items = Items(dimse)
    first, second = agency(dimse, step="one", alone=False), agency(dimse, step="two", alone=False)
    with dimse.journey(RACE), first as one, second as two:
        if one is None or two is None:
            return
        for _ in range(RACES):
            name = items.next()
            if one.create(name, items.created()).status is None:
                return
            claims = [(agent, agent.claim_soon(name, items.transaction(n))) for n, agent in enumerate((one, two))]
            for agent, asked in claims:
                if asked is not None:
                    list(agent.a.dial.answers(asked))


@probe("ups.search", provokes=KINDS, needs="write")
def search(dimse: Dimse) -> None:
    """Each of some workitems is searched for by every required key; then by pattern, by state, and in vain."""
    items = Items(dimse)
    with agency(dimse) as agent:
        if agent is None:
            return
        names = []
        for number in (1, 2, 3):
            names.append(items.next())
            agent.create(names[-1], items.created(**_apart(number)))
        lock = items.transaction()
        agent.change(names[-1], IN_PROGRESS, lock)
        agent.a.facts["searched"] = names
        mine = {"00380010": f"A{items.label}*"}
        asked = tuple(making.NAMES)
        for on in (UPS_PULL, UPS_WATCH, UPS_QUERY):
            if agent.a.accepts(on) is not None:
                agent.find(mine, ("00080018", *asked), on=on)
        for number in (1, 2, 3):
            made = making.created(items.label, number, uid("any study"), **_apart(number))
            for keys in _keys(made, SCHEDULED if number < 3 else IN_PROGRESS):
                agent.find({**mine, **keys}, ("00080018", *asked))
        agent.find({"00100020": f"NO{items.label}"}, ("00080018", *asked))
        agent.find({**mine, "00741000": COMPLETED}, ("00080018", *asked))


def _apart(number: int) -> dict[str, Any]:
    """What makes the third workitem another one by every key: a search by one of them does not find all."""
    other = {
        "ScheduledStationNameCodeSequence": [making.OTHER_STATION],
        "ScheduledProcedureStepStartDateTime": making.LATER,
        "InputReadinessState": making.UNREADY,
    }
    return other if number == 3 else {}


def _keys(made: Any, state: str) -> list[dict[str, str]]:
    """One search for each key of a workitem."""
    request, station = made.ReferencedRequestSequence[0], made.ScheduledStationNameCodeSequence[0]
    return [
        {"00741000": state},
        {"00741200": made.ScheduledProcedureStepPriority},
        {"00741204": made.ProcedureStepLabel},
        {"00741202": made.WorklistLabel},
        {"00404005": made.ScheduledProcedureStepStartDateTime},
        {"00404041": made.InputReadinessState},
        {"00404025.00080100": station.CodeValue, "00404025.00080102": station.CodingSchemeDesignator},
        {"00100020": made.PatientID},
        {"0040A370.00080050": request.AccessionNumber},
        {"0040A370.00401001": request.RequestedProcedureID},
    ]
