"""Provokes C-GET and C-MOVE: of every level, with lists, with refusals, warnings and cancels, to places nobody knows.

Must not judge what comes back; what it knows of the data it says in the facts of the association.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from harness.make.holding import Entity
from harness.make.identifiers import UNIQUE, Identifier, naming, unique_keys
from harness.make.queries import UNKNOWN_UID
from harness.rule import probe
from harness.talk.dialogue import Associated, Dimse, Reply
from harness.talk.listener import Manner
from harness.upper_layer.message import Message, response
from harness.upper_layer.offer import Rejection
from suites.dimse import offers
from suites.dimse.offers import GET, MOVE, octets
from suites.dimse.retrieve.sent import KIND, WITHOUT_BULK

PROVOKES = ("dimse.query-retrieve.get",)
MOVES = ("dimse.query-retrieve.move", "dimse.storage", KIND)
MOST = 60  # instances of one retrieval

Serve = Callable[[Message], Iterable[Message]]


def meant(dimse: Dimse, identifier: Identifier) -> list[str]:
    """The instances that an identifier means, of what is known to be held."""
    level = {"STUDY": 0, "SERIES": 1, "IMAGE": 2}[identifier.level]
    uids = (identifier.value(UNIQUE[identifier.level]) or "").split("\\")
    return [e.instance for e in dimse.holding.instances if e.uids[level] in uids]


def _many(dimse: Dimse, most: int = MOST) -> Entity | None:
    """The study with the most instances, not counting very large ones."""
    counted = [(len(dimse.holding.below(s, "instance")), s) for s in dimse.holding.studies]
    fitting = [pair for pair in counted if pair[0] <= most]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _wanted(dimse: Dimse) -> list[Identifier]:
    """A study, a series, an instance, lists of them, and what nobody has."""
    study = _many(dimse)
    if study is None:
        return []
    series = dimse.holding.below(study, "series")
    images = dimse.holding.below(series[0], "instance") if series else ()
    found = [naming(e, dimse.holding) for e in (study, *series[:1], *images[:1])]
    found += [_listed("SERIES", series), _listed("IMAGE", images)]
    found.append(Identifier("study", "STUDY", (("0020000D", "\\".join((study.study, UNKNOWN_UID))),)))
    found.append(Identifier("study", "STUDY", (("0020000D", UNKNOWN_UID),)))
    return [i for i in found if i.keys]


def _listed(level: str, entities: Sequence[Entity]) -> Identifier:
    if not entities:
        return Identifier("study", level)
    upper = unique_keys(entities[0], "study")[:-1]
    return Identifier("study", level, (*upper, (UNIQUE[level], "\\".join(e.uids[-1] for e in entities[:8]))))


def _get(a: Associated, identifier: Identifier, cancel_after: int | None = None) -> Reply:
    uid = GET[identifier.model]
    return a.get(uid, octets(a, uid, identifier), cancel_after)


def _note(a: Associated, dimse: Dimse, identifier: Identifier, reply: Reply) -> None:
    """Say in the facts what this retrieval has to send; only of what we loaded is that sure."""
    if reply.asked is not None and dimse.samples:
        a.facts.setdefault("due", {})[str(reply.asked.id)] = meant(dimse, identifier)


def _answering(*statuses: int) -> Serve:
    """Answers C-STORE requests with these statuses in turn, over and over."""
    count = 0

    def serve(message: Message) -> Iterable[Message]:
        nonlocal count
        count += 1
        return [response(message, statuses[(count - 1) % len(statuses)])]

    return serve


@probe("get-move.get", provokes=PROVOKES, needs="data")
def get(dimse: Dimse) -> None:
    """C-GET of a study, a series, an instance, lists of them, and of what nobody has."""
    storage = offers.receiving(dimse.samples, dimse.holding)
    contexts = [*offers.asking(GET["study"]), *storage]
    ours = [s.instance for s in dimse.samples]
    with dimse.associate(contexts, facts={"ours": ours}, roles=offers.roles(storage)) as a:
        for identifier in _wanted(dimse):
            _note(a, dimse, identifier, _get(a, identifier))


@probe("get-move.get-refused", provokes=PROVOKES, needs="data")
def get_refused(dimse: Dimse) -> None:
    """C-GET whose sub-operations we refuse in part, altogether, or take with a warning."""
    study = _many(dimse)
    storage = offers.receiving(dimse.samples, dimse.holding)
    for statuses in ((0x0000, 0xA700), (0xC000,), (0x0000, 0xB000), (0xB000,)) if study else ():
        contexts = [*offers.asking(GET["study"]), *storage]
        facts = {"ours": [s.instance for s in dimse.samples]}
        with dimse.associate(contexts, facts=facts, serve=_answering(*statuses), roles=offers.roles(storage)) as a:
            if study is not None:
                identifier = naming(study, dimse.holding)
                _note(a, dimse, identifier, _get(a, identifier))


@probe("get-move.get-without-role", provokes=PROVOKES, needs="data")
def get_without_role(dimse: Dimse) -> None:
    """C-GET of a study when one of its SOP Classes was not proposed: its instances count as failed."""
    study = max(dimse.holding.studies, key=lambda s: len(_classes(dimse, s)), default=None)
    without = _classes(dimse, study)[:1] if study else []
    storage = offers.receiving(dimse.samples, dimse.holding, *without)
    contexts = [*offers.asking(GET["study"]), *storage]
    with dimse.associate(contexts, facts={"withheld": without}, roles=offers.roles(storage)) as a:
        if study is not None:
            identifier = naming(study, dimse.holding)
            _note(a, dimse, identifier, _get(a, identifier))


def _classes(dimse: Dimse, study: Entity) -> list[str]:
    """The SOP Classes of the instances of a study."""
    return list(dict.fromkeys(e.attribute("00080016") for e in dimse.holding.below(study, "instance")))


@probe("get-move.get-cancelled", provokes=PROVOKES, needs="data")
def get_cancelled(dimse: Dimse) -> None:
    """C-GET of a study that is cancelled after the first Pending response."""
    study = _many(dimse)
    storage = offers.receiving(dimse.samples, dimse.holding)
    contexts = [*offers.asking(GET["study"]), *storage]
    with dimse.associate(contexts, roles=offers.roles(storage)) as a:
        if study is not None:
            reply = _get(a, naming(study, dimse.holding), cancel_after=1)
            if reply.asked is not None:
                a.facts["cancelled"] = reply.asked.id
                a.facts["matches"] = len(dimse.holding.below(study, "instance"))


@probe("get-move.without-bulk-data", provokes=PROVOKES, needs="data")
def without_bulk_data(dimse: Dimse) -> None:
    """Composite Instance Retrieve Without Bulk Data of one instance of each SOP Class."""
    storage = offers.receiving(dimse.samples, dimse.holding)
    contexts = [*offers.asking(WITHOUT_BULK), *storage]
    one = {e.attribute("00080016"): e for e in dimse.holding.instances}
    with dimse.associate(contexts, roles=offers.roles(storage)) as a:
        for entity in one.values():
            identifier = Identifier("study", "IMAGE", (("00080018", entity.instance),))
            a.get(WITHOUT_BULK, octets(a, WITHOUT_BULK, identifier))


def _move(a: Associated, identifier: Identifier, title: str, **more: Any) -> Reply:
    uid = MOVE[identifier.model]
    return a.move(uid, octets(a, uid, identifier), title, **more)


@probe("get-move.move", provokes=MOVES, needs="data")
def move(dimse: Dimse) -> None:
    """C-MOVE to us of a study, a series, an instance, lists of them, and of what nobody has, at each priority."""
    if dimse.reachable:
        for number, identifier in enumerate(_wanted(dimse)):
            _moved(dimse, identifier, Manner(offers.taking()), Priority=(0, 1, 2)[number % 3])


def _moved(dimse: Dimse, identifier: Identifier, manner: Manner, **more: Any) -> None:
    facts = {"ours": [s.instance for s in dimse.samples]}
    with (
        dimse.journey(KIND),
        dimse.listening(manner, step="destination", facts=facts),
        dimse.associate(offers.asking(MOVE["study"]), step="move") as a,
    ):
        _note(a, dimse, identifier, _move(a, identifier, dimse.setup.title, **more))


@probe("get-move.move-refused", provokes=MOVES, needs="data")
def move_refused(dimse: Dimse) -> None:
    """C-MOVE to a destination that refuses in part, altogether, warns, rejects, aborts in the middle, or leaves."""
    study = _many(dimse)
    if study is None or not dimse.reachable:
        return
    identifier = naming(study, dimse.holding)
    for statuses in ((0x0000, 0xA700), (0xC000,), (0xB000,)):
        _moved(dimse, identifier, Manner(offers.taking(), serve=_answering(*statuses)))
    for manner in _misbehaving():
        _moved(dimse, identifier, manner)


def _misbehaving() -> list[Manner]:
    """Destinations that reject, abort after the first instance, or leave after it."""
    taking = offers.taking()
    return [Manner(taking, rejects=Rejection(1, 1, 1)), Manner(taking, aborts_after=1), Manner(taking, leaves_after=1)]


@probe("get-move.move-nowhere", provokes=MOVES, needs="data")
def move_nowhere(dimse: Dimse) -> None:
    """C-MOVE to a destination that nobody knows."""
    study = _many(dimse)
    with dimse.associate(offers.asking(MOVE["study"]), facts={"destination": "unknown"}) as a:
        if study is not None:
            _move(a, naming(study, dimse.holding), f"NO{dimse.nonce}"[:16])
