"""Knows how one payload is planned for several items, each with representations of its own (PS3.18 8.7.8.1).

Must not know what the items are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from simulators.web.call import Call
from simulators.web.negotiate import Acceptable, Offer, Selected

Item = TypeVar("Item")


@dataclass(frozen=True)
class Plan(Generic[Item]):
    """The media type of the payload, and the items that can be had in it with the transfer syntax of each.

    `whole`: no item was left out.
    """

    offer: Offer
    chosen: Sequence[tuple[Item, str]]
    whole: bool

    @property
    def status(self) -> int:
        """200, or 206 when some representations are missing (10.4.3.1)."""
        return 200 if self.whole else 206


def plan(
    call: Call, items: Sequence[Item], offers_of: Callable[[Item], tuple[Offer, ...]], *, bulk: bool
) -> Plan[Item]:
    """The best payload: as many items as possible first, then what the asker prefers.

    Problem 400 for a mix of DICOM and rendered types, 406 when nothing is acceptable.
    """
    call.refuse_mix(bulk=bulk)
    offers = [offers_of(item) for item in items]
    known = list(dict.fromkeys(offer for each in offers for offer in each))
    for acceptable in call.acceptable.rounds():
        plans = [_of_kind(acceptable, kind, items, offers) for kind in dict.fromkeys(map(_kind, known))]
        rank, best = max(plans, key=lambda p: p[0], default=(_NONE, None))
        if rank[0] and best:
            return best
    raise call.unacceptable(known)


def _kind(offer: Offer) -> tuple[str, bool]:
    return offer.type, offer.multipart


_Rank = tuple[int, float, int]
_NONE: _Rank = (0, 0.0, 0)


def _of_kind(
    acceptable: Acceptable, kind: tuple[str, bool], items: Sequence[Item], offers: Sequence[tuple[Offer, ...]]
) -> tuple[_Rank, Plan[Item]]:
    """The payload of one media type, ranked by the items in it, the least weight and the least wish among them."""
    memory: dict[tuple[Offer, ...], Selected | None] = {}
    chosen: list[tuple[Item, str]] = []
    found: list[Selected] = []
    for item, each in zip(items, offers, strict=True):
        if each not in memory:
            memory[each] = acceptable.choose([o for o in each if _kind(o) == kind])
        selected = memory[each]
        if selected:
            chosen.append((item, selected.syntax))
            found.append(selected)
    offer = found[0].offer if found else Offer(*kind)
    rank = (len(found), min((s.weight for s in found), default=0.0), min((s.wish for s in found), default=0))
    return rank, Plan(offer, chosen, len(chosen) == len(items))
