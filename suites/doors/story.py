"""Knows what a journey through both doors shows: what went in by which door, and what each door then told of it.

Must not know what should have become of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness.association import Operation
from harness.exchange import Answer, Exchange, Journey, view
from harness.past import SERIES, SOP_INSTANCE, STUDY
from harness.wire import part10
from harness.wire.elements import DataSet
from harness.wire.status import class_of
from suites.dimse import models
from suites.dimse.reading import dataset, matches, text
from suites.dimse.storage import stored as by_dimse
from suites.dimse.storage.stored import level_two
from suites.web.retrieve.asked_frames import NATIVE
from suites.web.search import rows
from suites.web.store import kept as by_web

Door = Literal["web", "dimse"]
STORED, QUERY, AGAIN = "doors.across.stored", "doors.across.query", "doors.across.again"
SERVICE = "across"
# Levels from the top: how C-FIND calls them, their unique keys, and the search resource of each.
LEVELS = (("STUDY", STUDY, "studies"), ("SERIES", SERIES, "study-series"), ("IMAGE", SOP_INSTANCE, "series-instances"))


@dataclass(frozen=True)
class Stored:
    """One instance that was acknowledged: by which door it went in, and its data set as it was sent.

    `told` is the status of the acknowledgement. `silent`: nothing was said of a change; `whole`: the door keeps every
    attribute (PS3.18 10.5.2, level 2 of PS3.4 B.4.1.1).
    """

    door: Door
    study: str
    series: str
    instance: str
    dataset: DataSet
    transfer: str
    told: str
    silent: bool
    whole: bool

    @property
    def uids(self) -> tuple[str, str, str]:
        return self.study, self.series, self.instance

    @property
    def whence(self) -> str:
        """For people: how it came to be held."""
        return f"stored by {'STOW-RS' if self.door == 'web' else 'C-STORE'} with {self.told}"


@view
def stored(j: Journey) -> Mapping[Door, list[Stored]]:
    """The acknowledged instances of a journey by door; what the web door says it coerced is left out."""
    return {"web": list(_by_web(j)), "dimse": list(_by_dimse(j))}


def _by_web(j: Journey) -> Iterator[Stored]:
    for told in by_web.acknowledged(j).values():
        reading = part10.read(told.sent.part.content)
        uids = (told.sent.study, told.sent.series, told.sent.instance)
        yield Stored("web", *uids, reading.dataset, reading.transfer_syntax, str(told.status), True, True)


def _by_dimse(j: Journey) -> Iterator[Stored]:
    for uid, held in by_dimse.kept(j).items():
        o = held.operation
        uids = (text(held.dataset, STUDY), text(held.dataset, SERIES), uid)
        yield Stored("dimse", *uids, held.dataset, o.transfer, f"{o.status:04X}H", held.silent, level_two(o))


# --- whether the doors lead to one archive -----------------------------------------------------------------------


def told_before(j: Journey) -> set[Door]:
    """The doors whose new study a probe saw behind the other one, before the journey began."""
    facts = [*(x.facts for x in j.exchanges), *(a.facts for a in j.associations)]
    return {door for known in facts for door in known.get("joined", ())}


@view
def shown(j: Journey) -> frozenset[Door]:
    """The doors whose instances were seen behind the other one: by the probe before, or in this journey."""
    found = told_before(j)
    if any(seen(j, one) for one in stored(j)["web"]):
        found.add("web")
    if any(listed(j, one) for one in stored(j)["dimse"]):
        found.add("dimse")
    return frozenset(found)


def claimed(j: Journey) -> bool:
    """The target file says outright that both doors lead to one archive."""
    return j.context is not None and SERVICE in j.context.claims


def one_archive(j: Journey) -> bool:
    """The doors lead to one archive, or at least one of them shows what went in by the other."""
    return claimed(j) or bool(shown(j))


def proven(j: Journey, door: Door) -> bool:
    """What goes in by this door is known to be seen behind the other one; else that it is not is worth a look only."""
    return claimed(j) or door in shown(j)


# --- what C-FIND, C-GET and C-MOVE told ---------------------------------------------------------------------------


@view
def finds(j: Journey) -> list[Operation]:
    """The queries of the journey that ended with Success, in order."""
    return [
        o
        for a in j.associations
        for o in a.operations
        if o.kind == "dimse.query-retrieve.find" and o.status == 0 and not o.cancels
    ]


def find(j: Journey, level: str, tag: str, uid: str) -> Operation | None:
    """The last query at this level for this one entity."""
    asked = [o for o in finds(j) if _asks(o, level, tag, uid)]
    return asked[-1] if asked else None


def _asks(o: Operation, level: str, tag: str, uid: str) -> bool:
    identifier = dataset(o, o.request)
    return models.level(identifier) == level and text(identifier, tag) == uid


def found(o: Operation, tag: str, uid: str) -> list[DataSet]:
    """The matches of a query that are this entity."""
    return [match for match in matches(o) if text(match, tag) == uid]


def seen(j: Journey, one: Stored) -> bool:
    """Some query of C-FIND showed it, its series or its study."""
    for (level, tag, _), uid in zip(LEVELS, one.uids, strict=True):
        o = find(j, level, tag, uid)
        if o is not None and found(o, tag, uid):
            return True
    return False


@dataclass(frozen=True)
class Copy:
    """An instance as a door handed it out."""

    where: str
    seq: int
    instance: str
    dataset: DataSet
    transfer: str


@view
def sent(j: Journey) -> list[Copy]:
    """The instances that came with C-GET and C-MOVE."""
    return [
        Copy(o.where(), o.seq, uid, found_, o.transfer) for uid, o, found_ in by_dimse.returned(j) if found_.elements
    ]


def wanted(j: Journey, uid: str) -> list[Operation]:
    """The retrievals that asked for this instance and came to an end."""
    return [o for o, asked in by_dimse.looked_for(j) if asked == uid and o.request.verb in ("get", "move") and o.final]


def brought(j: Journey, o: Operation) -> list[str]:
    """The instances that the association of a retrieval brought: C-GET on itself, C-MOVE to the destination."""
    home = [o.association] if o.request.verb == "get" else [a for a in j.associations if a.step == "destination"]
    return [s.request.instance for a in home for s in a.operations if s.request.verb == "store"]


def refused(o: Operation) -> bool:
    """The retrieval failed, and said so."""
    return o.status is not None and class_of(o.status) not in ("success", "warning")


# --- what QIDO-RS and WADO-RS told ---------------------------------------------------------------------------------


def search(j: Journey, resource: str, uid: str) -> Exchange | None:
    """The last search of this resource for this one entity that was answered with a success."""
    asked = [x for x in j.steps("search") if x.resource.search == resource and _keyed(x, uid) and x.answer.ok]
    return asked[-1] if asked else None


def _keyed(x: Exchange, uid: str) -> bool:
    return any(p.value == uid for p in x.resource.query.parameters)


def shown_rows(x: Exchange, tag: str, uid: str) -> list[Mapping[str, Any]]:
    """The rows of a search that are this entity."""
    return [row for row in rows.rows(x) or () if uid in rows.texts(row, tag)]


def listed(j: Journey, one: Stored) -> bool:
    """Some search of QIDO-RS showed it, its series or its study."""
    for (_, tag, resource), uid in zip(LEVELS, one.uids, strict=True):
        x = search(j, resource, uid)
        if x is not None and shown_rows(x, tag, uid):
            return True
    return False


@view
def files(answer: Answer) -> list[part10.Reading]:
    """The PS3.10 files of a successful answer."""
    return list(answer.files) if answer.ok else []


@view
def retrieved(j: Journey) -> list[Copy]:
    """The instances that came with WADO-RS as PS3.10 files."""
    return [
        Copy(x.resource.path, x.seq, f.dataset.text(SOP_INSTANCE), f.dataset, f.transfer_syntax)
        for x in j.steps("retrieve")
        for f in files(x.answer)
    ]


def native(transfer: str) -> bool:
    return transfer in NATIVE
