"""Knows which of the held entities are worth asking for: a few that differ, none that is huge.

Must not know what is asked about them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from harness.make.holding import Entity
from harness.talk.conversation import Web

MOST_INSTANCES = 60  # of a study that is retrieved whole, where data was found and not loaded
Item = TypeVar("Item")


def path(entity: Entity, tail: str = "") -> str:
    """The resource of an entity below the Base URI, with something behind it."""
    return f"{entity.path.lstrip('/')}{tail}"


def differing(items: Iterable[Item], key: Callable[[Item], Hashable], most: int) -> list[Item]:
    """The first item of each kind, at most so many."""
    seen: dict[Hashable, Item] = {}
    for item in items:
        seen.setdefault(key(item), item)
    return list(seen.values())[:most]


def instances(web: Web, most: int) -> list[Entity]:
    """Instances that differ in SOP Class, transfer syntax and in having one, several or no frames."""
    return differing(web.holding.instances, lambda e: (_sop_class(e), e.transfer_syntax, min(e.frames, 2)), most)


def by_syntax(web: Web, most: int) -> list[Entity]:
    """An instance with and one without pixels for every transfer syntax, and for each count of frames one or more."""
    return differing(web.holding.instances, lambda e: (e.transfer_syntax, min(e.frames, 2)), most)


def bulky(web: Web, most: int) -> list[Entity]:
    """Instances whose metadata may refer to bulk data: images by transfer syntax, others by SOP Class."""
    return differing(web.holding.instances, _bulk_kind, most)


def _bulk_kind(e: Entity) -> Hashable:
    return (e.transfer_syntax, min(e.frames, 2)) if e.frames else _sop_class(e)


def images(web: Web, most: int) -> list[Entity]:
    """Images that differ in transfer syntax, pixel format and having several frames."""
    held = [e for e in web.holding.instances if e.frames]
    return differing(held, lambda e: (e.transfer_syntax, _pixels(e), min(e.frames, 2)), most)


def studies(web: Web, most: int) -> list[Entity]:
    """Studies that are not too large to be retrieved whole."""
    return [s for s in web.holding.studies if not s.attribute("00201208").isdigit() or _count(s) <= MOST_INSTANCES][
        :most
    ]


def _count(study: Entity) -> int:
    return int(study.attribute("00201208")[:9])


def _sop_class(e: Entity) -> str:
    return e.attribute("00080016")


def _pixels(e: Entity) -> tuple[str, ...]:
    return tuple(e.attribute(tag) for tag in ("00280004", "00280100", "00280101", "00280103"))


def absent_uid(web: Web) -> str:
    """A UID that nobody has given to anything."""
    return f"2.25.{uuid.UUID(int=web.random.getrandbits(128)).int}"
