"""Knows how a probe chooses from what is held: subjects with many values, values near and far from theirs.

Must not know rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from harness.make.holding import Entity, Holding
from harness.make.keys import KEYS, Key
from harness.make.queries import SAFE
from harness.talk.conversation import Web

SCOPE = 16  # studies whose UIDs still fit into one query

# What nobody has, by VR: legal, and unlike everything that is synthetic or likely.
NOBODY = {
    "DA": "18010203", "TM": "031714", "CS": "QQ", "SH": "NOSUCH7", "LO": "NOSUCH7", "PN": "NOSUCH^NAME", "IS": "98765",
    "UI": "2.25.1",
}  # fmt: skip


def askable(entity: Entity, key: Key) -> str:
    """A value of the entity that Single Value Matching can ask for as it stands, '' when it has none."""
    text = entity.attribute(key.path)
    forbidden = {"DA": "-", "TM": "-", "UI": ","}.get(key.vr, "*?\\=")
    return "" if set(text) & set(forbidden) or not text.isascii() or len(text) > 64 else text


def richest(entities: Sequence[Entity], keys: Sequence[Key]) -> Entity | None:
    """The first entity with the most values to ask for."""
    return max(entities, key=lambda e: sum(bool(askable(e, k)) for k in keys), default=None)


def full(holding: Holding, entity: Entity) -> Entity:
    """The entity with the attributes of its study and series beside its own, as far as they are known."""
    attrs = dict(entity.attrs)
    for upper in (*holding.series, *holding.studies):
        if entity.uids[: len(upper.uids)] == upper.uids:
            attrs = {**upper.attrs, **attrs}
    return Entity(entity.level, entity.study, entity.series, entity.instance, attrs)


def keys_of(*levels: str) -> list[Key]:
    return [key for key in KEYS if key.level in levels]


def scope(web: Web, spare: int = 0) -> list[tuple[str, str]]:
    """A key that keeps a search among studies that are known, so that others' data stays out.

    `spare`: how many of them are left out, so that a search without the key finds more even where nothing else is.
    """
    uids = [study.study for study in web.holding.studies[:SCOPE]]
    uids = uids[: max(1, len(uids) - spare)]
    return [("StudyInstanceUID", ",".join(uids))]


LISTS = frozenset(("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "includefield"))


def encoded(path: str, parameters: Sequence[tuple[str, str]]) -> str:
    """The path with these parameters; a comma divides lists of UIDs and is part of the value elsewhere (8.3.1)."""
    words = [f"{quote(n, safe='.')}={quote(v, safe=SAFE + ',' * (n in LISTS))}" for n, v in parameters]
    return f"{path}?{'&'.join(words)}" if words else path


def largest(web: Web) -> Entity | None:
    """The series with the most known instances."""
    return max(web.holding.series, key=lambda s: len(web.holding.below(s, "instance")), default=None)


def busiest(web: Web, most: int = 60) -> Iterator[Entity]:
    """Studies with several series first, none with more instances than `most`."""
    counted = [(len(web.holding.below(s, "series")), s) for s in web.holding.studies]
    for _, study in sorted(counted, key=lambda pair: -pair[0]):
        if len(web.holding.below(study, "instance")) <= most:
            yield study
