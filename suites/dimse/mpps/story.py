"""Knows what an association lets one know of a performed step before a request: whether it is there, and its state.

Must not know what follows from it. What a probe knows from elsewhere it says in the facts: `steps` by instance UID,
each with `state` ('' for one that nobody created), and `attributes`, the tags that were created.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from harness.association import Association, Operation
from harness.exchange import view
from harness.wire.elements import DataSet
from harness.wire.sop import MPPS, MPPS_RETRIEVE
from harness.wire.status import class_of
from suites.dimse.mpps.table import CHARSET, CREATE, ENDED, FINAL, FIXED, IN_PROGRESS, STATES, STATUS, lacking
from suites.dimse.reading import dataset, readable, text, texts

CREATED, SET, GOT = "dimse.mpps.n-create", "dimse.mpps.n-set", "dimse.mpps.n-get"
ABSENT = ""  # the state of a step that does not exist
NO_SUCH_INSTANCE = 0x0112


@dataclass(frozen=True)
class Step:
    """A performed step as far as it is known. `state` is '' when it does not exist; `tags` are the attributes that
    were created, None when nobody knows; `values` are the requests that set attributes, the last one last."""

    state: str
    tags: frozenset[str] | None = None
    values: tuple[DataSet, ...] = ()
    coerced: bool = False  # a response warned, so that values may be others than were sent
    charset: tuple[str, ...] | None = None  # of the N-CREATE

    def text(self, tag: str) -> list[str] | None:
        """The values of a plain attribute as they were last set, None when nobody knows."""
        for found in reversed(self.values):
            element = found.get(tag)
            if element is not None:
                return texts(found, tag) if element.items is None else None
        return None

    def last(self, tag: str) -> DataSet | None:
        """The request that set an attribute last, None when nobody knows."""
        return next((found for found in reversed(self.values) if tag in found.elements), None)

    def whole(self) -> DataSet:
        """All attributes that were set, the last value of each."""
        merged: dict[str, Any] = {}
        for found in self.values:
            merged |= found.elements
        return DataSet(merged)


Known = Mapping[str, Step]


def done(o: Operation) -> bool:
    """It was carried out, perhaps with a warning."""
    return o.status is not None and class_of(o.status) in ("success", "warning")


def refused(o: Operation) -> bool:
    return o.status is not None and class_of(o.status) == "failure"


def instance(o: Operation) -> str:
    """The instance that the operation is about; of an N-CREATE without one, that which the response names."""
    return o.request.instance or (o.final.instance if o.final is not None and o.request.verb == "n-create" else "")


def before(o: Operation) -> Step | None:
    """What is known of the step when the request was sent, None for nothing."""
    return _known(o).get(instance(o))


@dataclass
class _Told:
    """The steps while an association is read; `unsure` are those of which a request was not settled."""

    steps: dict[str, Step] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)


def _known(o: Operation) -> Known:
    return _stories(o.association).get(o.number, {})


@view
def _stories(a: Association) -> Mapping[int, Known]:
    """What is known before each operation of an association, by its number."""
    order = {id(message): place for place, (_, message) in enumerate(a.messages)}
    found: dict[int, Known] = {}
    operations = [o for o in a.operations if o.kind in (CREATED, SET, GOT)]
    for o in operations:
        told = _Told({uid: _given(step) for uid, step in a.facts.get("steps", {}).items()})
        for earlier in operations:
            if earlier.number >= o.number:
                break
            settled = earlier.final is not None and order[id(earlier.final)] < order[id(o.request)]
            _take(told, earlier, settled)
        found[o.number] = {uid: step for uid, step in told.steps.items() if uid not in told.unsure}
    return found


def _given(step: Mapping[str, Any]) -> Step:
    tags = step.get("attributes")
    return Step(str(step.get("state", "")), frozenset(tags) if tags is not None else None)


def _take(told: _Told, o: Operation, settled: bool) -> None:
    """Learn from an operation before the one in question."""
    uid = instance(o)
    if o.kind == GOT:
        return
    if not settled or not readable(o, o.request) or uid in told.unsure:
        told.unsure.add(uid)
    elif o.kind == CREATED and done(o):
        found = dataset(o, o.request)
        told.steps[uid] = Step(
            text(found, STATUS), frozenset(found.elements), (found,), o.status != 0, tuple(found.charsets)
        )
    elif o.kind == SET and done(o):
        _set(told, uid, o)
    elif o.kind == SET and o.status == NO_SUCH_INSTANCE and uid not in told.steps:
        told.steps[uid] = Step(ABSENT)


def _set(told: _Told, uid: str, o: Operation) -> None:
    """An N-SET that was carried out. What may not be set is not taken for set: it may have been passed over."""
    found = dataset(o, o.request)
    step = told.steps.get(uid)
    state = text(found, STATUS) or (step.state if step is not None else ABSENT)
    if state == ABSENT:
        told.steps.pop(uid, None)  # it is there, and nobody knows in which state
        return
    step = step or Step(state, coerced=True)
    tags = set(found.elements) - FIXED if step.tags is None else (set(found.elements) & step.tags) - FIXED
    taken = DataSet({t: e for t, e in found.elements.items() if t in tags}, found.big_endian, found.charsets)
    coerced = step.coerced or o.status != 0
    told.steps[uid] = replace(step, state=state, values=(*step.values, taken), coerced=coerced)


def complete(o: Operation) -> bool:
    """An N-CREATE with all that Table F.7.2-1 asks for, in the state in which a step begins, under a UID."""
    if o.kind != CREATED or not readable(o, o.request) or o.request.sop_class != MPPS:
        return False
    found = dataset(o, o.request)
    return bool(o.request.instance) and texts(found, STATUS) == [IN_PROGRESS] and not any(lacking(found, CREATE))


def allowed(o: Operation) -> bool:
    """An N-SET that its provider has to carry out: of a step that is IN PROGRESS and known in full, only of what was
    created and may be set, and with all that a final state needs."""
    step = before(o)
    if o.kind != SET or not readable(o, o.request) or step is None or step.state != IN_PROGRESS or step.tags is None:
        return False
    found = dataset(o, o.request)
    tags = set(found.elements) - {CHARSET}
    if tags & FIXED or not tags <= step.tags or texts(found, STATUS) not in ([], *([s] for s in STATES)):
        return False
    same = step.charset is None or CHARSET not in found.elements or tuple(found.charsets) == step.charset
    return same and not any(lacks(o, step))


def lacks(o: Operation, step: Step) -> list[tuple[str, str, str]]:
    """What is missing for the final state that an N-SET asks for, in it and in all that came before."""
    found = dataset(o, o.request)
    if text(found, STATUS) not in FINAL:
        return []
    whole = replace(step, values=(*step.values, found)).whole()
    return list(lacking(whole, ENDED))


def retrieves(o: Operation) -> bool:
    """An N-GET by the Retrieve SOP Class."""
    return o.kind == GOT and o.request.sop_class == MPPS_RETRIEVE
