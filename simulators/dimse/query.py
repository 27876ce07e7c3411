"""Knows C-FIND of Query/Retrieve (PS3.4 C.4.1): an identifier becomes a search, its matches the Pending responses.

Must not know how values are matched, nor what happens at association level.

Keys that mean nothing here are not returned and make the matches FF01 (C.2.2.1.3); so do private ones. A key with a
value above the level of a hierarchical query is an identifier that does not fit the model (C.4.1.2.1): A900.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from harness.upper_layer.message import Message
from simulators.archive import patients
from simulators.archive.archive import Archive, BadValue, Key, Question
from simulators.archive.levels import is_private, offered
from simulators.archive.match import supported
from simulators.dimse import identifier
from simulators.dimse.information import HELD, LEVEL, MODELS, PATIENT, UNIQUE, Model
from simulators.dimse.talk import (
    CANCELLED,
    DOES_NOT_MATCH,
    PENDING,
    PENDING_WARNING,
    SUCCESS,
    Answers,
    Refused,
    Talk,
    option,
    response,
)
from simulators.dimse.write import write
from simulators.model.json_encode import attribute

RELATIONAL, COMBINED, TIMEZONE = 1, 2, 4  # bytes of extended negotiation (PS3.4 Table C.5-1)
RETRIEVE_AE: Final = "00080054"
AVAILABILITY: Final = "00080056"
ZONE: Final = "00080201"
# Attributes of the identifier itself and of its answer, which no entity is matched by (C.4.1.1.3).
_NO_KEYS: Final = frozenset(("00080005", LEVEL, "00080053", RETRIEVE_AE, AVAILABILITY, ZONE))
_TEMPORAL: Final = (b'{"vr":"DA","', b'{"vr":"TM","', b'{"vr":"DT","')


@dataclass(frozen=True)
class Asked:
    """What an identifier asks for. `tags` are the attributes that a match returns; `unknown` says that others were
    asked for; `below` are keys of lower levels, in relational queries only."""

    model: Model
    level: str
    question: Question
    tags: frozenset[str]
    unknown: bool
    below: tuple[Key, ...] = ()


def find(archive: Archive, request: Message, talk: Talk) -> Answers:
    """All responses to a C-FIND-RQ; the context's abstract syntax is one of the models."""
    try:
        yield from _answers(archive, request, talk)
    except Refused as refused:
        yield response(request, refused.status, **refused.elements)
    except BadValue as bad:
        refusal = Refused(DOES_NOT_MATCH, bad.why, int(bad.tag[:8], 16))
        yield response(request, refusal.status, **refusal.elements)


def _answers(archive: Archive, request: Message, talk: Talk) -> Answers:
    agreed = talk.contexts[request.context]
    elements = identifier.read(request, agreed.transfer)
    asked = read(elements, agreed.abstract, talk.extended)
    status = PENDING_WARNING if asked.unknown else PENDING
    for match in matches(archive, asked):
        if talk.cancelled(request):
            yield response(request, CANCELLED)
            return
        yield response(request, status, write(_identifier(match, asked, talk.title), agreed.transfer))
    yield response(request, SUCCESS)


def read(elements: Mapping[str, str], sop_class: str, extended: Mapping[str, bytes]) -> Asked:
    """What the identifier asks for under what was negotiated; Refused when it does not fit the model."""
    model = MODELS[sop_class]
    relational = option(extended, sop_class, RELATIONAL)
    zone = identifier.values(elements, ZONE) if option(extended, sop_class, TIMEZONE) else []
    level = model.asked_level(elements)
    if not relational:
        for above in model.above(level):
            model.single(elements, above)
    sorter = _Sorter(model, level, relational)
    for key in identifier.keys({tag: text for tag, text in elements.items() if tag not in _NO_KEYS}):
        sorter.take(key)
    question = Question(
        ("study",) if level == PATIENT else _held(model, level, relational),
        keys=tuple(sorter.keys),
        include=frozenset(key.path for key in sorter.keys) | {(UNIQUE[PATIENT],)},
        timezone=zone[0] if zone else "",
        combined=option(extended, sop_class, COMBINED),
        unknown_matches=True,  # C.2.2.1.2: a key of zero length is unknown, and matching against it succeeds
    )
    tags = frozenset(key.path[0] for key in sorter.keys) | frozenset(sorter.counts)
    return Asked(model, level, question, tags, sorter.unknown, tuple(sorter.below))


def matches(archive: Archive, asked: Asked) -> Iterable[Mapping[str, bytes]]:
    """The encoded attributes of every match, in the archive's order."""
    if asked.below:
        return _matches_below(archive, asked)
    if asked.level == PATIENT:
        count = bool(asked.tags & patients.COUNTS.keys())
        return [patient.elements for patient in patients.search(archive, asked.question, count=count)]
    rows = [row.elements for row in archive.search(asked.question).rows]
    return [row for row in rows if patients.patient_of(row)] if asked.model.patients else rows


def unique_keys(asked: Asked, match: Mapping[str, bytes]) -> list[str]:
    """The values of the unique keys of a match as far as it has them, from the root of the model down."""
    levels = (*asked.model.above(asked.level), asked.level)
    found = {level: identifier.values({UNIQUE[level]: match[UNIQUE[level]].decode()}, UNIQUE[level])
             for level in levels if UNIQUE[level] in match}  # fmt: skip
    return [value for values in found.values() for value in values]


class _Sorter:
    """Sorts the keys of an identifier: those that are matched, those of lower levels, and those not known here."""

    def __init__(self, model: Model, level: str, relational: bool) -> None:
        self.model = model
        self.level = level
        self.relational = relational
        self.held = _held(model, level, relational)
        self.keys: list[Key] = []
        self.below: list[Key] = []
        self.counts: list[str] = []
        self.unknown = False

    def take(self, key: Key) -> None:
        tag = key.path[0]
        if tag in patients.COUNTS and self.level == PATIENT:
            self.counts.append(tag)  # told, but not matched
            return
        if is_private(tag) or not offered(tag):
            self.unknown = True
            return
        level = self.model.level(tag) or self.level
        above = level in self.model.above(self.level)
        if above and not self.relational and tag != UNIQUE[level]:
            self._above(key)
        elif above or level == self.level:
            self._known(key)
        else:
            self.unknown = True
            if self.relational and any(key.values):
                self.below.append(key)

    def _above(self, key: Key) -> None:
        if any(key.values):
            comment = f"a key above level {self.level} needs relational queries (PS3.4 C.4.1.2.1)"
            raise Refused(DOES_NOT_MATCH, comment, int(key.path[0], 16))
        self.unknown = True

    def _known(self, key: Key) -> None:
        if supported(key.path, self.held):
            self.keys.append(key)
        else:
            self.unknown = True


def _held(model: Model, level: str, relational: bool) -> tuple[str, ...]:
    """The archive's levels that a query looks at; the last one is what a match stands for."""
    if level == PATIENT:
        return ("study",)
    above = [HELD[name] for name in model.above(level) if name in HELD] if relational else []
    return (*above, HELD[level])


def _matches_below(archive: Archive, asked: Asked) -> Iterable[Mapping[str, bytes]]:
    """Matches of which something at a lower level fulfils the keys of that level (C.4.1.3.2.1: all keys are matched
    whatever the level of the query)."""
    names = [asked.model.level(key.path[0]) for key in asked.below]
    lowest = max((HELD[name] for name in names), key=("study", "series", "instance").index)
    levels = ("study", "series", "instance")[: ("study", "series", "instance").index(lowest) + 1]
    deep = replace(asked.question, levels=levels, keys=(*asked.question.keys, *asked.below), include=frozenset())
    wanted = {"00100020", *UNIQUE.values()}
    deep = replace(deep, include=frozenset((tag,) for tag in wanted if supported((tag,), levels)))
    tag = UNIQUE[asked.level]
    reached = {row.elements.get(tag) for row in archive.search(deep).rows}
    above = matches(archive, replace(asked, below=()))
    return [match for match in above if match.get(tag) in reached]


def _identifier(match: Mapping[str, bytes], asked: Asked, title: str) -> dict[str, bytes]:
    """A response identifier (C.4.1.1.3.2)."""
    told = {tag: text for tag, text in match.items() if tag in asked.tags}
    if ZONE in match and any(text.startswith(_TEMPORAL) for text in told.values()):
        told[ZONE] = match[ZONE]
    told[LEVEL] = attribute("CS", asked.level)
    told[RETRIEVE_AE] = attribute("AE", title)
    told[AVAILABILITY] = attribute("CS", "ONLINE")
    return told
