"""Knows what an acceptor makes of an offer by a stated policy: accept it, context by context, or reject it.

Must not know octets, sockets or particular services. References: PS3.8 7.1.1 and 9.3.4, PS3.7 D.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.make.uids import IMPLEMENTATION as IMPLEMENTATION_CLASS
from harness.make.uids import IMPLEMENTATION_VERSION
from harness.upper_layer.offer import (
    APPLICATION_CONTEXT,
    MAXIMUM_LENGTH,
    Acceptance,
    Answered,
    Extended,
    Identity,
    Offer,
    Proposed,
    Rejection,
    Role,
    Window,
)

PERMANENT, TRANSIENT = 1, 2
USER, PROVIDER_ACSE, PROVIDER_PRESENTATION = 1, 2, 3
ACCEPTED, USER_REJECTION, NO_REASON, ABSTRACT_UNKNOWN, TRANSFER_UNKNOWN = range(5)

NO_APPLICATION_CONTEXT = Rejection(PERMANENT, USER, 2)
CALLING_UNKNOWN = Rejection(PERMANENT, USER, 3)
CALLED_UNKNOWN = Rejection(PERMANENT, USER, 7)
NO_VERSION = Rejection(PERMANENT, PROVIDER_ACSE, 2)
IDENTITY_REFUSED = Rejection(PERMANENT, PROVIDER_ACSE, 1)  # PS3.7 D.3.3.7.3
CONGESTED = Rejection(TRANSIENT, PROVIDER_PRESENTATION, 1)
LIMIT_EXCEEDED = Rejection(TRANSIENT, PROVIDER_PRESENTATION, 2)


def _no_answer(identity: Identity) -> bytes | Rejection | None:
    return None


def _no_extension(asked: Extended) -> Extended | None:
    return None


@dataclass(frozen=True)
class Policy:
    """What an acceptor accepts.

    `supports`: abstract syntax -> transfer syntaxes it takes. `prefer`: whose order decides among those that both
    know. `called` and `calling`: the AE titles that are let in, None for all. `roles`: abstract syntax -> (may the
    requestor be SCU, may it be SCP), for role selection items; SCU only where nothing is said. `window`: the most
    operations invoked and performed at once; None leaves the item unanswered, so that 1 and 1 hold (PS3.7 D.3.3.3).
    `extended`: the answer to an extended negotiation item, None for no answer. `identity`: the server response to a
    user identity, None for no answer, a Rejection to turn the association down.
    """

    supports: Mapping[str, Sequence[str]] = field(default_factory=dict)
    prefer: Literal["offered", "own"] = "offered"
    called: frozenset[str] | None = None
    calling: frozenset[str] | None = None
    roles: Mapping[str, tuple[bool, bool]] = field(default_factory=dict)
    window: Window | None = None
    extended: Callable[[Extended], Extended | None] = _no_extension
    identity: Callable[[Identity], bytes | Rejection | None] = _no_answer
    maximum_length: int = MAXIMUM_LENGTH
    implementation_class: str = IMPLEMENTATION_CLASS
    implementation_version: str = IMPLEMENTATION_VERSION


def negotiate(offer: Offer, policy: Policy) -> Acceptance | Rejection:
    """The acceptor's answer to an offer; every proposed context is answered, also when none is accepted."""
    turned_down = _admitted(offer, policy)
    if turned_down is not None:
        return turned_down
    answer = policy.identity(offer.identity) if offer.identity is not None else None
    if isinstance(answer, Rejection):
        return answer
    positive = offer.identity is not None and offer.identity.positive == 1
    return Acceptance(
        contexts=tuple(_context(c, policy) for c in offer.contexts),
        called=offer.called,
        calling=offer.calling,
        reserved=offer.reserved,
        maximum_length=policy.maximum_length,
        implementation_class=policy.implementation_class,
        implementation_version=policy.implementation_version,
        roles=_roles(offer, policy),
        window=_window(offer.window, policy.window),
        extended=tuple(a for e in offer.extended if (a := policy.extended(e)) is not None),
        identity=answer if positive else None,
    )


def ae_title(value: str | bytes) -> str:
    """An AE title without its insignificant leading and trailing spaces (PS3.8 9.3.2)."""
    text = value if isinstance(value, str) else value.decode("latin-1")
    return text.strip(" ")


def _admitted(offer: Offer, policy: Policy) -> Rejection | None:
    if not offer.protocol_version & 1:
        return NO_VERSION
    if offer.application_context != APPLICATION_CONTEXT:
        return NO_APPLICATION_CONTEXT
    if policy.called is not None and ae_title(offer.called) not in policy.called:
        return CALLED_UNKNOWN
    if policy.calling is not None and ae_title(offer.calling) not in policy.calling:
        return CALLING_UNKNOWN
    return None


def _context(context: Proposed, policy: Policy) -> Answered:
    first = context.transfer[0] if context.transfer else ""
    own = policy.supports.get(context.abstract)
    if own is None:
        return Answered(context.id, ABSTRACT_UNKNOWN, first)
    wishes, known = (context.transfer, own) if policy.prefer == "offered" else (own, context.transfer)
    chosen = next((uid for uid in wishes if uid in known), None)
    if chosen is None:
        return Answered(context.id, TRANSFER_UNKNOWN, first)
    return Answered(context.id, ACCEPTED, chosen)


def _roles(offer: Offer, policy: Policy) -> tuple[Role, ...]:
    """A role is granted only if it was proposed (PS3.7 D.3.3.4); only SOP Classes that we know are answered."""
    answers = []
    for role in offer.roles:
        if role.uid in policy.supports:
            scu, scp = policy.roles.get(role.uid, (True, False))
            answers.append(Role(role.uid, int(role.scu == 1 and scu), int(role.scp == 1 and scp)))
    return tuple(answers)


def _window(asked: Window | None, own: Window | None) -> Window | None:
    if asked is None or own is None:
        return None
    return Window(_least(asked.invoked, own.invoked), _least(asked.performed, own.performed))


def _least(asked: int, own: int) -> int:
    """The smaller number of operations, where 0 stands for any number."""
    return min((n for n in (asked, own) if n), default=0)
