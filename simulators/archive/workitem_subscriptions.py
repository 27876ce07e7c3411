"""Knows who is subscribed to which workitem, with a deletion lock or without one (PS3.4 CC.2.3, Table CC.2.3-2).

Must not know events, storage or transports.

Most workitems have the subscribers that subscribed to all of them: those stand in an audience, which many workitems
share; what an AE asked for one workitem stands at the workitem, and counts more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from simulators.archive.match import Condition, Reading, conditions
from simulators.archive.question import Key

KEPT: Final = 1000  # audiences beyond which those that nobody uses are looked for

Audience = Mapping[str, bool]  # AE title -> deletion lock
Own = Mapping[str, bool | None]  # the same for one workitem; None: not subscribed, whatever the audience says
Members = frozenset[tuple[str, bool]]


@dataclass(frozen=True)
class Standing:
    """A global subscription; `keys` are those of a filtered one."""

    lock: bool
    keys: tuple[Key, ...] = ()

    def conditions(self) -> list[Condition]:
        """What a workitem has to fulfil; BadValue for a value that no search takes either."""
        return conditions(self.keys, Reading())


@dataclass(frozen=True)
class Subscribed:
    """Whom the events of one workitem go to."""

    audience: Audience = field(default_factory=dict)
    own: Own = field(default_factory=dict)

    def lock(self, title: str) -> bool | None:
        """Whether the subscription of an AE has a deletion lock, None when there is no subscription."""
        return self.own[title] if title in self.own else self.audience.get(title)

    def titles(self) -> Iterator[str]:
        """The AEs that are subscribed."""
        if not self.own:
            return iter(self.audience)
        others = (title for title in self.audience if title not in self.own)
        return iter([*others, *(title for title, lock in self.own.items() if lock is not None)])

    @property
    def locked(self) -> bool:
        """Whether an AE holds a deletion lock."""
        return any(self.lock(title) for title in self.titles())


class Subscriptions:
    """The global subscriptions and the audiences that are in use. Not safe to use from many threads."""

    def __init__(self) -> None:
        self.standing: dict[str, dict[str, Standing]] = {}  # AE title -> well-known UID -> subscription
        self._audiences: dict[Members, Audience] = {}
        self._conditions: dict[tuple[Key, ...], list[Condition]] = {}

    def interned(self, audience: Audience) -> Audience:
        """The one mapping that stands for all that are equal to this one."""
        return self._audiences.setdefault(frozenset(audience.items()), audience)

    def stand(self, title: str, uid: str, standing: Standing | None) -> None:
        """Set a global subscription, or take it away."""
        mine = {key: value for key, value in self.standing.get(title, {}).items() if key != uid}
        if standing is not None:
            mine[uid] = standing
        self.standing.pop(title, None)
        if mine:
            self.standing[title] = mine

    def newcomer(self, attributes: Mapping[str, Any]) -> Subscribed:
        """Who is subscribed to a workitem from its creation on."""
        audience: dict[str, bool] = {}
        for title, mine in self.standing.items():
            locks = [one.lock for one in mine.values() if self._wants(one, attributes)]
            if locks:
                audience[title] = any(locks)
        return Subscribed(self.interned(audience))

    def _wants(self, standing: Standing, attributes: Mapping[str, Any]) -> bool:
        if standing.keys not in self._conditions:
            self._conditions[standing.keys] = standing.conditions()
        return all(condition.holds(attributes) for condition in self._conditions[standing.keys])

    def joined(self, before: Subscribed, title: str, lock: bool) -> Subscribed:
        """After a global subscription, which changes nothing for an AE that is subscribed to the workitem."""
        if before.lock(title) is not None:
            return before
        if title in before.audience:
            return Subscribed(before.audience, {**before.own, title: lock})
        own = {key: value for key, value in before.own.items() if key != title}
        return Subscribed(self.interned({**before.audience, title: lock}), own)

    def specific(self, before: Subscribed, title: str, lock: bool) -> Subscribed:
        """After a subscription to this workitem."""
        return before if before.lock(title) is lock else Subscribed(before.audience, {**before.own, title: lock})

    def left(self, before: Subscribed, title: str) -> Subscribed:
        """After the end of the subscription to this workitem."""
        if before.lock(title) is None:
            return before
        own = {key: value for key, value in before.own.items() if key != title}
        return Subscribed(before.audience, {**own, title: None} if title in before.audience else own)

    def gone(self, before: Subscribed, title: str) -> Subscribed:
        """After the end of the global subscription and all others."""
        if title not in before.audience:
            return self.left(before, title)
        audience = self.interned({key: value for key, value in before.audience.items() if key != title})
        return Subscribed(audience, {key: value for key, value in before.own.items() if key != title})

    def prune(self, used: Iterable[Audience]) -> None:
        """Give up the audiences that nobody uses, when they have become many."""
        if len(self._audiences) > KEPT:
            kept = {id(one): one for one in used}
            self._audiences = {members: one for members, one in self._audiences.items() if id(one) in kept}
