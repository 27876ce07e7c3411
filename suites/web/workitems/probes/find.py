"""Provokes searches for workitems of the probe's own: every kind of matching, pages, both models, bad parameters.

Must not judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from harness.rule import probe
from harness.talk.conversation import XML, Web
from suites.web.workitems import making
from suites.web.workitems.making import CANCELED, COMPLETED, IN_PROGRESS, SCHEDULED, code, performer
from suites.web.workitems.pages import KIND as PAGES
from suites.web.workitems.probes.agent import Agent, telling
from suites.web.workitems.search import KIND

Keys = list[tuple[str, str]]
STATION, HUMAN = "ScheduledStationNameCodeSequence", "ScheduledHumanPerformersSequence.HumanPerformerCodeSequence"
WORK, REQUEST = "ScheduledWorkitemCodeSequence", "ReferencedRequestSequence"


def varied(agent: Agent) -> Iterator[dict[str, Any]]:
    """Workitems that differ in every key: times around each other, codes, names, some without a value."""
    starts = ("20260301080000", "20260301120000", "20260301120000.5", "20260302", "20260401235959")
    names = ("Adams^Jane", "Adamson^Will", "Brown^Bob", "Müller^Jörg", None)
    for n, (start, name) in enumerate(zip(starts, names, strict=True)):
        label = f"{agent.worklist}-v{n}"
        yield making.workitem(
            label, agent.worklist, x00404005=start, x00100010=name, x00100020=f"PID{n}" if n < 4 else None,
            x00404025=[code(f"STN{n % 2}")] if n < 3 else None, x00404026=[code("CLASS-A")] if n % 2 else None,
            x00404027=[code("EAST")] if n == 1 else None, x00404011=f"2026030{n + 2}100000",
            x00404018=[code("READ"), code(f"DO{n}")], x00404034=[performer(f"HUMAN{n % 2}")] if n else ...,
            x00404041=("READY", "INCOMPLETE", "UNAVAILABLE")[n % 3], x00741200=("HIGH", "MEDIUM", "LOW")[n % 3],
            x00380010="ADM-9" if n == 2 else None, x00100040=("F", "M", "O")[n % 3], x00100030=f"19{70 + n}0101",
            x00400400="comment" if n == 1 else None,
        )  # fmt: skip


def questions(agent: Agent, uids: list[str]) -> Iterator[Keys]:
    """Keys of every kind of matching, tags and keywords."""
    label = f"{agent.worklist}-v1"
    for state in (SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED):
        yield [("ProcedureStepState", state)]
    for single in (("00741204", label), ("ScheduledProcedureStepPriority", "HIGH"), ("InputReadinessState", "READY"),
                   ("PatientID", "PID2"), ("PatientName", "Brown^Bob"), ("PatientSex", "F"), ("AdmissionID", "ADM-9"),
                   ("PatientBirthDate", "19710101"), ("ScheduledProcedureStepStartDateTime", "20260301080000"),
                   ("IssuerOfPatientID", "PROOF"), ("SOPInstanceUID", uids[0]),
                   ("ProcedureStepLabel", label[:-1])):  # fmt: skip
        yield [single]
    yield [("SOPInstanceUID", ",".join(uids[:2]))]
    yield [("SOPInstanceUID", f"2.25.1,{uids[-1]}")]
    for wild in (("PatientID", "PID*"), ("PatientName", "Adam*"), ("ProcedureStepLabel", f"{agent.worklist}-v?"),
                 ("PatientName", "*^J*"), ("PatientID", "?ID1")):  # fmt: skip
        yield [wild]
    start = "ScheduledProcedureStepStartDateTime"
    for value in ("20260301120000-", "-20260301120000", "20260301080000-20260301120000", "20260302-20260331",
                  "20260301-20260301", "20260101-20260201"):  # fmt: skip
        yield [(start, value)]
    yield [("ExpectedCompletionDateTime", "20260303-20260305")]
    for sequence in (STATION, "ScheduledStationClassCodeSequence", "ScheduledStationGeographicLocationCodeSequence"):
        for value in ("STN0", "CLASS-A", "EAST"):
            yield [(f"{sequence}.CodeValue", value)]
    yield [(f"{HUMAN}.CodeValue", "HUMAN1")]
    yield [("00404018.00080100", "DO2"), ("00404018.00080102", making.SCHEME)]
    yield [(f"{WORK}.CodeValue", "READ"), (f"{WORK}.CodingSchemeDesignator", "NOT-THIS")]
    yield [(f"{REQUEST}.AccessionNumber", f"A-{label}"[:16])]
    yield [(f"{REQUEST}.RequestedProcedureID", f"R-{label}"[:16])]
    for name in ("PatientName", "PatientID", "AdmissionID", "ExpectedCompletionDateTime", f"{STATION}.CodeValue"):
        yield [(name, "")]
    yield [("ProcedureStepState", SCHEDULED), ("PatientSex", "F")]
    yield [("PatientID", "NOBODY")]


def _made(agent: Agent) -> list[str]:
    """Workitems in every state."""
    uids = [name for dataset in varied(agent) if (name := agent.create(dataset))]
    for name, state in zip(uids[1:], (IN_PROGRESS, COMPLETED, CANCELED), strict=False):
        lock = agent.claim(name)
        if state != IN_PROGRESS:
            agent.finish(name, lock, state)
    return uids


@probe("workitems.search", provokes=(KIND, "web.workitems"), needs="write")
def search(web: Web) -> None:
    """Workitems in every state, and searches for them by every key."""
    with telling(web, KIND) as agent:
        uids = _made(agent) if agent is not None else []
        if agent is None or len(uids) < 2:
            return
        for keys in questions(agent, uids):
            agent.search(*keys)
        agent.search(step="json")
        agent.search(accept=XML, step="xml")
        agent.search(("includefield", "CommentsOnTheScheduledProcedureStep"))
        agent.search(("includefield", "all"))
        agent.search(("includefield", "TransactionUID"))
        agent.search(("TransactionUID", "2.25.5"))
        name = agent.create()
        web.get(f"workitems?WorklistLabel={agent.worklist}", headers=[("Cache-Control", "no-cache")])
        agent.claim(name)
        web.get(f"workitems?WorklistLabel={agent.worklist}", headers=[("Cache-Control", "no-cache")])
        for word in ("limit=many", "offset=-1", "fuzzymatching=perhaps"):
            web.get(f"workitems?WorklistLabel={agent.worklist}&{word}")


@probe("workitems.pages", provokes=(PAGES, "web.workitems"), needs="write")
def pages(web: Web) -> None:
    """A list of workitems as a whole, in pages, and as a whole again."""
    with telling(web, PAGES) as agent:
        if agent is None:
            return
        for _ in range(5):
            agent.create()
        agent.search(step="all")
        for offset in range(0, 7, 2):
            agent.search(("limit", "2"), ("offset", str(offset)), step="page")
        agent.search(("limit", "100"), step="page")
        agent.search(step="all")


def _random(agent: Agent, uids: list[str]) -> SearchStrategy[Keys]:
    known = [keys[0] for keys in questions(agent, uids) if len(keys) == 1]
    one = st.sampled_from(known)
    cut = st.tuples(one, st.integers(1, 6)).map(lambda p: (p[0][0], p[0][1][: p[1]]))
    text = st.sampled_from(("PatientID", "ProcedureStepLabel", "00100010", "AdmissionID"))
    wild = st.tuples(text, st.text("PIDADM^*?0123 -", min_size=1, max_size=6).filter(lambda t: bool(t.strip())))
    return st.lists(st.one_of(one, one, cut, wild), min_size=1, max_size=3, unique_by=lambda k: k[0])


@probe("workitems.search-explore", provokes=(KIND, "web.workitems"), needs="write")
def explore(web: Web) -> None:
    """Random keys, one to three at a time."""
    with telling(web, KIND) as agent:
        uids = _made(agent) if agent is not None else []
        if agent is None or len(uids) < 2:
            return
        for keys in _chosen(web, agent, uids):
            agent.search(*keys)


def _chosen(web: Web, agent: Agent, uids: list[str]) -> list[Keys]:
    found: list[Keys] = []
    web.explore(_random(agent, uids), found.append)
    return found
