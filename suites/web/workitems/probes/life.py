"""Provokes the life of workitems: every cell of the state table, every refusal followed by a retrieval.

Must not judge.
"""

from __future__ import annotations

import json
import threading

from hypothesis import strategies as st

from harness.exchange import Exchange
from harness.rule import probe
from harness.talk.conversation import XML, Web
from suites.web.workitems import making, reading, table
from suites.web.workitems.forms import FORMS
from suites.web.workitems.making import CANCELED, COMPLETED, FINAL, IN_PROGRESS, LOCK, SCHEDULED, STATE
from suites.web.workitems.probes.agent import Agent, telling
from suites.web.workitems.race import RACE
from suites.web.workitems.retrieve import GROUND, MODELS
from suites.web.workitems.story import LIFE

KINDS = (LIFE, "web.workitems")
RACERS = 6


@probe("workitems.ground", provokes=(GROUND, "web.workitems"), needs="write")
def ground(web: Web) -> None:
    """Two workitems with labels of their own, and a third that nobody created."""
    with telling(web, GROUND) as agent:
        if agent is None:
            return
        items = [agent.item() for _ in range(2)]
        names = [agent.create(item) for item in items]
        for name, item in [*zip(names, items, strict=True)] * 2:
            if name:
                agent.get(name, step="known", facts={"label": reading.text(item, making.LABEL)})
        agent.get(agent.next(), step="unknown", facts={"unknown": True})


@probe("workitems.forms", provokes=(FORMS, "web.workitems"), needs="write")
def forms(web: Web) -> None:
    """Create and update with the UIDs in every place that they may have; in JSON as array and object, and in XML."""
    with telling(web, FORMS) as agent:
        if agent is None:
            return
        for form in ("bare", "named", "inside", "object"):
            agent.creating(agent.item(), agent.next(), form, step=form)
        form = web.session.shared.get("workitems.create", "bare")
        target = f"workitems?workitem={agent.next()}" if form == "named" else f"workitems?{agent.next()}"
        agent.post_xml(target, agent.item(), step="xml", facts={"fresh": True})
        name = agent.create()
        lock = agent.claim(name)
        for form in ("inside", "bare", "named"):
            agent.update(name, making.progress("5", form), lock, form, step=f"update-{form}")
        agent.finish(name, lock)


@probe("workitems.models", provokes=(MODELS, "web.workitems"), needs="write")
def models(web: Web) -> None:
    """A workitem with names and codes, retrieved in JSON and in XML."""
    with telling(web, MODELS) as agent:
        if agent is None:
            return
        stations = [making.code("STN1", "Röntgen 1"), making.code("STN2", "two & more <here>")]
        name = agent.create(agent.item(x00100010="Größe^Ämil", x00404025=stations, x00400400="a < b & c"))
        if name:
            agent.get(name, step="json")
            agent.get(name, XML, step="xml")
            agent.get(name, step="json")


@probe("workitems.life", provokes=KINDS, needs="write")
def life(web: Web) -> None:
    """A workitem is created, claimed, updated and completed; another is canceled; a third is given up at once."""
    with telling(web, LIFE) as agent:
        if agent is None:
            return
        for state in FINAL:
            name = agent.create()
            agent.get(name)
            lock = agent.claim(name)
            agent.get(name)
            agent.update(name, making.progress("50", "half way"), lock)
            agent.get(name)
            agent.finish(name, lock, state)
            agent.get(name)
            agent.state(name, state, lock)  # again
        name = agent.create()
        agent.state(name, CANCELED, agent.claim(name))
        agent.get(name)


@probe("workitems.created", provokes=KINDS, needs="write")
def created(web: Web) -> None:
    """Creates that are whole and ones that are not: again, in another state, without what they have to have."""
    with telling(web, LIFE) as agent:
        if agent is None:
            return
        name = agent.create()
        agent.get(name)
        agent.create(agent.item(), name)
        agent.get(name)
        for state in (IN_PROGRESS, COMPLETED, CANCELED, "ARRIVED"):
            agent.creating(agent.item(x00741000=state), agent.next())
        agent.creating(agent.item(x00081195=agent.next("lock")), agent.next())
        for tag in table.at_creation("1"):
            agent.creating(agent.item(**{f"x{tag}": ...}), agent.next())
            agent.creating(agent.item(**{f"x{tag}": None}), agent.next())
        for tag in table.at_creation("2"):
            agent.creating(agent.item(**{f"x{tag}": ...}), agent.next())


UNREADABLE = {
    "no JSON text": b'[{"00741000": {"vr": "CS", "Value": ["SCHEDULED"]',
    "a JSON text that is no data set": b'["workitem"]',
    "an empty array": b"[]",
    "no octets": b"",
    "a vr that is none": b'[{"00741000": {"vr": "??", "Value": ["SCHEDULED"]}}]',
    "a deep nest": b"[" * 5000 + b"]" * 5000,
}


@probe("workitems.unreadable", provokes="web.workitems.create", needs="write")
def unreadable(web: Web) -> None:
    """Creates whose payload is no workitem, or is of no media type for one."""
    with telling(web, LIFE) as agent:
        if agent is None:
            return
        for what, octets in UNREADABLE.items():
            agent.post(f"workitems?{agent.next()}", octets, facts={"unreadable": what})
        text = json.dumps(agent.item()).encode()
        fields = [("Content-Type", "text/csv")]
        facts = {"unreadable": "a media type for tables"}
        web.ask("POST", f"workitems?{agent.next()}", headers=fields, body=text, facts=facts)


@probe("workitems.scheduled", provokes=KINDS, needs="write")
def scheduled(web: Web) -> None:
    """What may not be done with a SCHEDULED workitem, and what may."""
    with telling(web, LIFE) as agent:
        if agent is None:
            return
        name, lock = agent.create(), agent.next("lock")
        agent.get(name)
        for state in (COMPLETED, CANCELED, SCHEDULED):
            for key in (lock, None):
                agent.state(name, state, key)
                agent.get(name)
        agent.state(name, IN_PROGRESS, None)
        agent.get(name)
        agent.update(name, making.attributes(x00741000=IN_PROGRESS), None)
        agent.get(name)
        agent.update(name, making.attributes(x00741200="HIGH"), None)
        agent.get(name)
        agent.claim(name, lock)
        agent.get(name)


@probe("workitems.in-progress", provokes=KINDS, needs="write")
def in_progress(web: Web) -> None:
    """What may not be done with a workitem that somebody has claimed: claim it, change it, end it half done."""
    with telling(web, LIFE) as agent:
        if agent is None:
            return
        name = agent.create()
        lock, other = agent.claim(name), agent.next("lock")
        agent.get(name)
        for state, key in [(IN_PROGRESS, lock), (IN_PROGRESS, other), (IN_PROGRESS, None), (SCHEDULED, lock),
                           (COMPLETED, other), (COMPLETED, None), (CANCELED, other), (CANCELED, None),
                           (COMPLETED, lock)]:  # fmt: skip
            agent.state(name, state, key)
            agent.get(name)
        for key in (other, None):
            agent.update(name, making.progress("99", "not mine"), key)
            agent.get(name)
        agent.update(name, making.attributes(x00741000=COMPLETED), lock)
        agent.get(name)
        agent.update(name, making.performed(), lock)
        for key in (other, None):
            agent.state(name, COMPLETED, key)
            agent.get(name)
        agent.state(name, COMPLETED, lock)
        agent.get(name)


@probe("workitems.over", provokes=KINDS, needs="write")
def over(web: Web) -> None:
    """What may not be done with a workitem that is COMPLETED or CANCELED."""
    with telling(web, LIFE) as agent:
        if agent is None:
            return
        for state, turned in ((COMPLETED, CANCELED), (CANCELED, COMPLETED)):
            name = agent.create()
            lock = agent.claim(name)
            agent.finish(name, lock, state)
            agent.get(name)
            for wanted, key in ((state, lock), (turned, lock), (IN_PROGRESS, lock), (IN_PROGRESS, agent.next("lock")),
                                (SCHEDULED, lock), (turned, agent.next("lock")),
                                (state, agent.next("lock"))):  # fmt: skip
                agent.state(name, wanted, key)
                agent.get(name)
            agent.update(name, making.progress("100", "too late"), lock)
            agent.get(name)
            agent.create(agent.item(), name)
            agent.get(name)


@probe("workitems.cancel", provokes=KINDS, needs="write")
def cancel(web: Web) -> None:
    """Requests to cancel in every state, with a reason and without."""
    with telling(web, LIFE) as agent:
        if agent is None:
            return
        why = making.attributes(x00741238="the patient has left", x0074100A="tel:+1555", x0074100C="A. Nurse")
        scheduled_one = agent.create()
        agent.cancel(scheduled_one, why)
        agent.get(scheduled_one)
        agent.cancel(scheduled_one)
        for state in FINAL:
            name = agent.create()
            lock = agent.claim(name)
            agent.cancel(name)
            agent.get(name)
            agent.cancel(name, why)
            agent.get(name)
            agent.finish(name, lock, state)
            agent.get(name)
            agent.cancel(name, why)
            agent.get(name)
        agent.get(scheduled_one)


@probe("workitems.unknown", provokes=KINDS, needs="write")
def unknown(web: Web) -> None:
    """All that can be asked of a workitem, of one that nobody created."""
    with telling(web, LIFE) as agent:
        if agent is None:
            return
        agent.create()
        facts = {"unknown": True}
        name, lock = agent.next(), agent.next("lock")
        agent.get(name, facts=facts)
        for state in (IN_PROGRESS, COMPLETED, CANCELED):
            agent.state(name, state, lock, facts=facts)
        agent.update(name, making.progress("1", "of nothing"), lock, facts=facts)
        agent.cancel(name, facts=facts)
        agent.get(name, facts=facts)


@probe("workitems.race", provokes=(RACE, "web.workitems"), needs="write")
def race(web: Web) -> None:
    """Several performers claim one workitem at once, three times over."""
    with telling(web, RACE) as agent:
        if agent is None:
            return
        for _ in range(3):
            name = agent.create(step="create")
            if name:
                _run(web, agent, name)
                agent.get(name, step="after")


def _run(web: Web, agent: Agent, name: str) -> None:
    voices = [web.aside() for _ in range(RACERS)]
    start = threading.Barrier(RACERS)

    def claim(voice: Web, lock: str) -> Exchange:
        start.wait()
        return Agent(voice, beside=agent).state(name, IN_PROGRESS, lock, step="claim")

    racers = [threading.Thread(target=claim, args=(v, agent.next("racer", n))) for n, v in enumerate(voices)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    for voice in voices:
        voice.close()


Step = tuple[str, str, str]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("state"), st.sampled_from((IN_PROGRESS, COMPLETED, CANCELED, SCHEDULED, "DONE")),
                  st.sampled_from(("own", "own", "own", "other", ""))),
        st.tuples(st.just("update"), st.sampled_from(("progress", "performed", "abandoned", "state")),
                  st.sampled_from(("own", "own", "other", ""))),
        st.tuples(st.sampled_from(("cancel", "create")), st.just(""), st.just("")),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip


@probe("workitems.explore", provokes=KINDS, needs="write")
def explore(web: Web) -> None:
    """Steps in any order and of any kind, each followed by a retrieval."""
    with telling(web, LIFE) as agent:
        if agent is None:
            return
    web.explore(STEPS, lambda steps: _walk(web, steps))


def _walk(web: Web, steps: list[Step]) -> None:
    with telling(web, LIFE, web.random.random()) as agent:
        if agent is None:
            return
        name = agent.create()
        lock = agent.next("lock")
        agent.get(name)
        for verb, word, whose in steps:
            key = {"own": lock, "other": agent.next("lock"), "": None}[whose]
            _step(agent, name, verb, word, key)
            agent.get(name)


def _step(agent: Agent, name: str, verb: str, word: str, key: str | None) -> None:
    contents = {
        "progress": making.progress("10", "on the way"), "performed": making.performed(),
        "abandoned": making.abandoned(), "state": making.attributes(**{f"x{STATE}": COMPLETED}),
    }  # fmt: skip
    if verb == "state":
        agent.state(name, word, key)
    elif verb == "update":
        agent.update(name, contents[word], key)
    elif verb == "cancel":
        agent.cancel(name)
    else:
        agent.create(agent.item(**{f"x{LOCK}": None}), name)
