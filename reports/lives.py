"""Knows what a record shows of the life of each workitem and of each commitment: every exchange about it, in order,
with the state after it.

Must not know verdicts, nor the form of the report it is shown in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Protocol

from harness.association import Association, Evidence, Operation
from harness.exchange import Answer, Ask, Exchange
from harness.record import Run
from harness.wire import dicom_json
from harness.wire.status import spelled
from reports.visible import clip, in_line

MOST: Final = 24  # lives that are shown
STEPS: Final = 80  # steps of one life that are shown
_SCHEDULED, _PENDING = "SCHEDULED", "PENDING"
_ORDER: Final = (_SCHEDULED, "IN PROGRESS", "COMPLETED", "CANCELED")
_STATE, _UID, _EVENT, _TRANSACTION = "00741000", "00001000", "00001002", "00081195"
_COMMITTED = ("00081199", "00081110")
_FAILED = ("00081198", "0008119B")
_EVENTS: Final = {
    1: "State Report",
    2: "Cancel Requested",
    3: "Progress Report",
    4: "SCP Status Change",
    5: "Assigned",
}
_ACTIONS: Final = {1: "change state", 2: "request cancel", 3: "subscribe", 4: "unsubscribe", 5: "suspend"}
_VERBS: Final = {
    "create": "create",
    "retrieve": "retrieve",
    "update": "update",
    "state": "change state",
    "cancel": "request cancel",
    "subscribe": "subscribe",
    "unsubscribe": "unsubscribe",
    "suspend": "suspend",
    "request": "request",
    "check": "check",
}

Kind = Literal["workitem", "commitment"]


@dataclass(frozen=True)
class Step:
    """One exchange, operation or event about a workitem or a commitment.

    `told` is true of what came without being asked for; `state` is what was last acknowledged or shown, '' before
    anything was; `shown` when this step says so itself.
    """

    seq: int
    called: str
    what: str
    outcome: str
    good: bool
    told: bool = False
    state: str = ""
    shown: bool = False

    @property
    def colour(self) -> str:
        """The state as a name for a style sheet."""
        return self.state.split(",")[0].strip().lower().replace(" ", "-") or "unknown"


@dataclass
class Life:
    """All steps about one UID."""

    kind: Kind
    uid: str
    steps: list[Step] = field(default_factory=list)

    @property
    def states(self) -> list[str]:
        """The states in their order, each once in a row."""
        found: list[str] = []
        for step in self.steps:
            if step.state and step.state != (found[-1] if found else ""):
                found.append(step.state)
        return found

    @property
    def hidden(self) -> int:
        """Steps that stand in the record only."""
        return max(len(self.steps) - STEPS, 0)


def lives(run: Run) -> tuple[list[Life], int]:
    """The lives that say most, and how many there are beside them: those in which a fault was found, then the longest.

    They come in the order of their beginnings.
    """
    found: dict[tuple[Kind, str], Life] = {}
    for item in run.items():
        if isinstance(item, str):
            continue
        for kind, uid, step in _steps(item):
            life = found.setdefault((kind, uid), Life(kind, uid))
            life.steps.append(_after(step, life.steps[-1].state if life.steps else ""))
        item.forget()
    faults = {f.seq for v in run.verdicts for f in v.findings if f.seq}
    ranked = sorted(found.values(), key=lambda life: (_weight(life, faults), -life.steps[0].seq), reverse=True)
    return sorted(ranked[:MOST], key=lambda life: life.steps[0].seq), max(len(found) - MOST, 0)


def _after(step: Step, before: str) -> Step:
    """The step with the state after it. A report may come late: a workitem does not go back to what it tells of."""
    if not step.state:
        return replace(step, state=before)
    if step.told and before in _ORDER and step.state in _ORDER[: _ORDER.index(before)]:
        return replace(step, what=f"{step.what} of {step.state}", state=before, shown=False)
    return step


def _weight(life: Life, faults: set[int]) -> tuple[int, int, int]:
    return sum(s.seq in faults for s in life.steps), len(life.states), len(life.steps)


About = Iterator[tuple[Kind, str, Step]]


def _steps(item: Evidence) -> About:
    if isinstance(item, Association):
        for operation in item.operations:
            yield from _of_operation(operation)
    elif item.kind == "socket.workitems.event":
        yield from _of_event(item)
    elif item.kind.startswith("web.workitems."):
        yield from _of_workitem(item)
    elif item.kind.startswith("web.commitments."):
        yield from _of_commitment(item)


# --- the web ---------------------------------------------------------------------------------------------------------


def _of_workitem(x: Exchange) -> About:
    verb = x.kind.rpartition(".")[2]
    uid = x.resource.uid or (_created(x) if verb == "create" else "")
    if not uid or verb not in _VERBS:
        return
    ok, state = x.answer.ok, ""
    if ok and verb == "create":
        state = _SCHEDULED
    elif ok and verb in ("retrieve", "state"):
        state = _text(x.answer if verb == "retrieve" else x.ask, _STATE)
    what = _VERBS[verb]
    what += f" to {_text(x.ask, _STATE)}" if verb == "state" else ""
    what += f" {x.resource.title}" if x.resource.title else ""
    yield "workitem", uid, _step(x, what, state)


def _created(x: Exchange) -> str:
    location = (x.answer.headers.get("location") or "").rstrip("/").rpartition("/")[2]
    return location or x.ask.query.get("workitem") or x.ask.query.raw.partition("=")[0]


def _of_event(x: Exchange) -> About:
    dataset = next(iter(x.answer.json.datasets), {}) if x.answer.json else {}
    uid, number = dicom_json.text(dataset, _UID), dicom_json.text(dataset, _EVENT)
    if uid:
        name = _EVENTS.get(int(number), f"event {number}") if number.isdigit() else "event"
        state = dicom_json.text(dataset, _STATE) if number == "1" else ""
        yield "workitem", uid, replace(_step(x, name, state), outcome="notified", told=True)


def _of_commitment(x: Exchange) -> About:
    uid = x.resource.uid
    if not uid:
        return
    state = ""
    if x.answer.status == 202:
        state = _PENDING
    elif x.answer.ok:
        state = _counted(x.answer)
    yield "commitment", uid, _step(x, _VERBS[x.kind.rpartition(".")[2]], state)


def _counted(answer: Answer) -> str:
    """What a result says: how many instances are committed and how many are not."""
    dataset = next(iter(answer.json.datasets), {}) if answer.json else {}
    if not dataset:
        return "ANSWERED"
    committed, failed = (sum(_references(dataset, tag) for tag in tags) for tags in (_COMMITTED, _FAILED))
    return _result(committed, failed)


def _result(committed: int, failed: int) -> str:
    return f"FAILED, {failed} of {committed + failed}" if failed else f"COMMITTED, {committed}"


def _references(item: object, tag: str) -> int:
    """Instances referenced below a sequence, in either form of Annex J."""
    found = dicom_json.values(item, tag) if isinstance(item, dict) else []
    items = [one for one in found if isinstance(one, dict)]
    inner = [below for below in ("00081115", "00081199", "00081198", "0008114A") if any(below in one for one in items)]
    return sum(_references(one, below) for one in items for below in inner) if inner else len(items)


def _step(x: Exchange, what: str, state: str) -> Step:
    answer = x.answer
    outcome = in_line(clip(answer.line, 80))
    good = answer.ok or answer.status == 101
    return Step(x.seq, x.called, in_line(clip(what, 80)), outcome, good, state=_named(state), shown=bool(state))


def _named(state: str) -> str:
    return in_line(clip(state, 40))


def _text(message: Ask | Answer, tag: str) -> str:
    """A value of the first data set of a payload, in JSON or XML."""
    if message.json:
        return dicom_json.text(next(iter(message.json.datasets), {}), tag)
    for document in message.documents:
        for dataset in document.datasets:
            attribute = dataset.get(tag)
            return str(attribute.values[0]) if attribute and attribute.values else ""
    return ""


# --- DIMSE -----------------------------------------------------------------------------------------------------------


class _Said(Protocol):
    def text(self, tag: str, default: str = "") -> str: ...


def _of_operation(o: Operation) -> About:
    service = o.kind.split(".")[1] if "." in o.kind else ""
    if service == "ups" and o.request.instance and o.request.verb != "find":
        yield "workitem", o.request.instance, _of_procedure_step(o)
    elif service == "commitment" and o.request.data is not None:
        asked, _ = o.request.dataset(o.transfer)
        uid = asked.text(_TRANSACTION)
        if uid:
            yield "commitment", uid, _of_delivery(o)


def _of_procedure_step(o: Operation) -> Step:
    verb, good = o.request.verb, o.status == 0
    asked, _ = o.request.dataset(o.transfer)
    number = o.request.command.number("ActionTypeID") or o.request.command.number("EventTypeID") or 0
    state = ""
    if verb == "event-report":
        what = _EVENTS.get(number, f"event {number}")
        state = asked.text(_STATE) if number == 1 else ""
    elif verb == "n-action":
        what = _ACTIONS.get(number, f"action {number}")
        state = asked.text(_STATE) if number == 1 and good else ""
        what += f" to {asked.text(_STATE)}" if number == 1 else ""
    else:
        what = {"n-create": "create", "n-get": "retrieve", "n-set": "update"}.get(verb, verb)
        state = _shown(o, verb) if good else ""
    return _performed(o, what, state)


def _shown(o: Operation, verb: str) -> str:
    if verb == "n-create":
        return _SCHEDULED
    final = o.final
    return final.dataset(o.transfer)[0].text(_STATE) if final is not None and final.data is not None else ""


def _of_delivery(o: Operation) -> Step:
    if o.request.verb != "event-report":
        return _performed(o, "request", _PENDING if o.status == 0 else "")
    report, _ = o.request.dataset(o.transfer)
    committed, failed = (len((e.items if e else None) or ()) for e in map(report.get, ("00081199", "00081198")))
    return _performed(o, "delivery", _result(committed, failed))


def _performed(o: Operation, what: str, state: str) -> Step:
    told = o.request.verb == "event-report"
    outcome = f"{o.request.name.removesuffix('-RQ')} {spelled(o.status)}"
    good = o.status is not None and (o.status == 0 or o.status >> 12 == 0xB)
    return Step(o.seq, o.association.called, in_line(clip(what, 80)), outcome, good, told, _named(state), bool(state))
