"""Rules of PS3.4 CC.2.3.3 and CC.2.3.4 on what a provider answers to those who subscribe.

Must not know events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.association import Operation
from harness.rule import DOOR, MESSAGE, RELATION, SCP, SHALL_NOT, SHOULD, Finding, operation
from harness.upper_layer.message import Message as Sent
from harness.wire.sop import UPS_FILTERED
from suites.dimse import bend
from suites.dimse.bend import Door, but
from suites.dimse.reading import dataset, hexed, readable, text
from suites.dimse.ups import story
from suites.dimse.ups.story import ACTION, GOT, OWN_REASONS, WELL_KNOWN, action, before, done
from suites.dimse.ups.table import ABSENT, FINAL, LOCK, RECEIVING, STATES, SUBSCRIBE, SUSPEND, UNSUBSCRIBE

_NO_EVENTS = (0x0124, 0xC315)  # a provider may refuse to tell anybody, or this one
_NOT_THERE = (0xC307, 0x0112)


def _proper(o: Operation) -> bool:
    """A subscription with all that Table CC.2.3-1 asks for."""
    found = dataset(o, o.request)
    return readable(o, o.request) and bool(text(found, RECEIVING)) and text(found, LOCK) in ("TRUE", "FALSE")


def _known(o: Operation) -> bool:
    """Its receiver is one that the target knows how to reach."""
    return text(dataset(o, o.request), RECEIVING) == o.facts.get("receiver")


def _state(o: Operation) -> str | None:
    w = before(o)
    return w.state if w is not None else None


def _succeeding(message: Sent, *statuses: int) -> Sent | None:
    refused = bend.is_response(message, "n-action") and message.status in statuses
    return but(message, Status=0, ErrorComment=None, OffendingElement=None) if refused else None


@operation(
    "ups.subscribing-succeeds",
    cites="PS3.4 CC.2.3.3, Table CC.2.3-3",
    verifies="SV-UPS-009",
    on=ACTION,
    who=SCP,
    due=False,
    when=lambda o: action(o) == SUBSCRIBE and _proper(o) and _known(o) and _state(o) in STATES and o.final is not None,
    says="An AE that is known is subscribed to a workitem that is there, with the lock or without it.",
)
def subscribing_succeeds(o: Operation) -> Iterator[Finding]:
    if not done(o) and o.status not in _NO_EVENTS:
        yield Finding(hexed(o.status), "0000H or B301H", o.where(o.final), warn=o.status in (*OWN_REASONS, 0xC308))


@subscribing_succeeds.mutant(at=MESSAGE)
def nobody_is_subscribed(message: Sent, asked: Sent | None) -> Sent | None:
    """Subscriptions are refused as not appropriate."""
    granted = bend.is_response(message, "n-action") and message.status == 0
    return but(message, Status=0xC314) if granted else None


@operation(
    "ups.subscribing-to-nothing",
    cites="PS3.4 CC.2.3.4, Table CC.2.3-3 (C307)",
    verifies=("SV-UPS-009", "SV-UPS-013"),
    on=ACTION,
    who=SCP,
    when=lambda o: action(o) in (SUBSCRIBE, UNSUBSCRIBE) and _state(o) == ABSENT and readable(o, o.request),
    says="Nobody is subscribed to a workitem that is not there.",
)
def subscribing_to_nothing(o: Operation) -> Iterator[Finding]:
    if o.status not in (*_NOT_THERE, *_NO_EVENTS):
        yield Finding(hexed(o.status), "C307H", o.where(o.final), warn=story.refused(o))


@subscribing_to_nothing.mutant(at=MESSAGE, defects="M-UP-06")
def subscribes_to_anything(message: Sent, asked: Sent | None) -> Sent | None:
    """Subscriptions to an unknown workitem succeed."""
    return _succeeding(message, 0xC307)


@operation(
    "ups.unknown-receiver",
    cites="PS3.4 Table CC.2.3-3 (C308)",
    verifies="SV-UPS-013",
    level=SHOULD,
    on=ACTION,
    who=SCP,
    due=False,
    when=lambda o: action(o) == SUBSCRIBE and _proper(o) and _nobody(o) and o.final is not None,
    says="An AE that nobody knows is not subscribed: its subscription would lead nowhere.",
)
def unknown_receiver(o: Operation) -> Iterator[Finding]:
    if o.status not in (0xC308, *_NO_EVENTS):
        yield Finding(hexed(o.status), "C308H", o.where(o.final))


def _nobody(o: Operation) -> bool:
    title = text(dataset(o, o.request), RECEIVING)
    return bool(title) and title == o.facts.get("nobody") and _state(o) not in (None, ABSENT)


@unknown_receiver.mutant(at=MESSAGE)
def tells_the_wind(message: Sent, asked: Sent | None) -> Sent | None:
    """AEs that nobody knows are subscribed."""
    return _succeeding(message, 0xC308)


@operation(
    "ups.suspends-what-is-global",
    cites="PS3.4 CC.2.3.2, Table CC.2.3-3 (C314)",
    verifies="SV-UPS-009",
    level=SHOULD,
    on=ACTION,
    who=SCP,
    due=False,
    when=lambda o: action(o) == SUSPEND and _state(o) in STATES and readable(o, o.request) and o.final is not None,
    says="The subscription to a single workitem cannot be suspended.",
)
def suspends_what_is_global(o: Operation) -> Iterator[Finding]:
    if done(o):
        yield Finding(hexed(o.status), "C314H", o.where(o.final))


@suspends_what_is_global.mutant(at=MESSAGE)
def suspends_anything(message: Sent, asked: Sent | None) -> Sent | None:
    """A single workitem can be suspended."""
    return _succeeding(message, 0xC314)


@operation(
    "ups.filtered-or-unknown",
    cites="PS3.4 CC.2.3.3 (C307)",
    verifies="SV-UPS-013",
    on=ACTION,
    who=SCP,
    due=False,
    when=lambda o: action(o) == SUBSCRIBE and o.request.instance == UPS_FILTERED and _proper(o) and _known(o),
    says="A filtered global subscription is granted, or refused with C307H by a provider that has none.",
)
def filtered_or_unknown(o: Operation) -> Iterator[Finding]:
    if not done(o) and o.status not in (*_NOT_THERE, *_NO_EVENTS):
        yield Finding(hexed(o.status), "0000H or C307H", o.where(o.final), warn=o.status in OWN_REASONS)


@filtered_or_unknown.mutant(at=DOOR)
def has_no_filters_and_says_so_wrongly(request: Sent, door: Door) -> Iterable[Sent]:
    """Filtered subscriptions are refused as an unknown action."""
    told = list(door(request))
    filtered = bend.is_request(request, "n-action") and request.instance == UPS_FILTERED
    return [but(m, Status=0x0123) for m in told] if filtered else told


@operation(
    "ups.lock-keeps",
    cites="PS3.4 CC.2.1.3, CC.2.3.2, CC.2.3.3",
    verifies="SV-UPS-012",
    level=SHALL_NOT,
    on=GOT,
    who=SCP,
    basis=RELATION,
    due=False,
    when=lambda o: _state(o) in FINAL and o.final is not None and _locked(o),
    says="A workitem on which a deletion lock lies is there when it is COMPLETED or CANCELED.",
)
def lock_keeps(o: Operation) -> Iterator[Finding]:
    if o.status in _NOT_THERE:
        yield Finding(f"{hexed(o.status)} while it is locked", "0000H", o.where(o.final))


def _locked(o: Operation) -> bool:
    """An AE was granted a lock on this workitem, on the same association, and has not given it back."""
    locks: set[tuple[str, str]] = set()
    for earlier in o.association.operations[: o.number - 1]:
        told, what = dataset(earlier, earlier.request), action(earlier)
        uid, title = earlier.request.instance, text(told, RECEIVING)
        if not done(earlier) or uid not in (o.request.instance, *WELL_KNOWN):
            continue
        if what == UNSUBSCRIBE or (what == SUBSCRIBE and uid not in WELL_KNOWN):
            locks = {one for one in locks if one[1] != title or uid == UPS_FILTERED}
        if what == SUBSCRIBE and earlier.status == 0 and text(told, LOCK) == "TRUE" and uid != UPS_FILTERED:
            locks.add((uid, title))
    return bool(locks)


@lock_keeps.mutant(at=MESSAGE)
def removes_what_is_over(message: Sent, asked: Sent | None) -> Sent | None:
    """No workitem can be retrieved."""
    return but(message, Status=0xC307).carrying(None) if bend.is_response(message, "n-get") else None
