"""Knows what two application entities say of themselves when an association is set up, as values (PS3.8 9.3.2, D).

Must not know octets, nor how an acceptor decides (`negotiate` does).

These values stay as they are: the SCU, the simulators and the mutants build on them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.make.uids import IMPLEMENTATION as IMPLEMENTATION_CLASS
from harness.make.uids import IMPLEMENTATION_VERSION
from harness.upper_layer.item import Item

APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"  # PS3.7 A.2.1
IMPLICIT: Final = "1.2.840.10008.1.2"
EXPLICIT: Final = "1.2.840.10008.1.2.1"
MAXIMUM_LENGTH: Final = 131072  # of our P-DATA-TF, in octets; large enough that the headers cost nothing


@dataclass(frozen=True, slots=True)
class Proposed:
    """A presentation context of a request: an odd id, an abstract syntax, transfer syntaxes in the order of wish."""

    id: int
    abstract: str
    transfer: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """A presentation context of an acceptance. `result`: 0 acceptance, 1 user rejection, 2 no reason,
    3 abstract syntax not supported, 4 transfer syntaxes not supported (PS3.8 9.3.3.2)."""

    id: int
    result: int
    transfer: str = ""


@dataclass(frozen=True, slots=True)
class Role:
    """SCP/SCU role selection for a SOP Class, seen from the requestor (PS3.7 D.3.3.4)."""

    uid: str
    scu: int
    scp: int


@dataclass(frozen=True, slots=True)
class Window:
    """Asynchronous operations window (PS3.7 D.3.3.3); 0 means without limit."""

    invoked: int = 1
    performed: int = 1


@dataclass(frozen=True, slots=True)
class Extended:
    """SOP Class extended negotiation (PS3.7 D.3.3.5): application information of the service class."""

    uid: str
    information: bytes


@dataclass(frozen=True, slots=True)
class Common:
    """SOP Class common extended negotiation (PS3.7 D.3.3.6), in requests only."""

    uid: str
    service_class: str
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """User identity (PS3.7 D.3.3.7). `type`: 1 username, 2 username and passcode, 3 Kerberos, 4 SAML, 5 JWT;
    `positive`: 1 asks for a positive response."""

    type: int
    primary: bytes
    secondary: bytes = b""
    positive: int = 0


@dataclass(frozen=True)
class Offer:
    """What an A-ASSOCIATE-RQ says.

    `called` and `calling` are AE titles; bytes go out as they are, in the full 16 octets or not. A
    `maximum_length` of 0 sets no limit, None leaves the item out. `items` are further variable items, `user_items`
    further sub-items of the user information, both appended as they are.
    """

    contexts: tuple[Proposed, ...] = ()
    called: str | bytes = "ANY-SCP"
    calling: str | bytes = "DICOMPROOF"
    maximum_length: int | None = MAXIMUM_LENGTH
    implementation_class: str = IMPLEMENTATION_CLASS
    implementation_version: str = IMPLEMENTATION_VERSION
    roles: tuple[Role, ...] = ()
    window: Window | None = None
    extended: tuple[Extended, ...] = ()
    common: tuple[Common, ...] = ()
    identity: Identity | None = None
    application_context: str = APPLICATION_CONTEXT
    protocol_version: int = 1
    reserved: bytes = bytes(32)
    items: tuple[Item | bytes, ...] = ()
    user_items: tuple[Item | bytes, ...] = ()

    def but(self, **changes: Any) -> Offer:
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True)
class Acceptance:
    """What an A-ASSOCIATE-AC says; `called`, `calling` and `reserved` repeat the request (PS3.8 9.3.3).

    `identity` is the server response to a user identity, None when there is none.
    """

    contexts: tuple[Answered, ...] = ()
    called: str | bytes = ""
    calling: str | bytes = ""
    maximum_length: int | None = MAXIMUM_LENGTH
    implementation_class: str = IMPLEMENTATION_CLASS
    implementation_version: str = IMPLEMENTATION_VERSION
    roles: tuple[Role, ...] = ()
    window: Window | None = None
    extended: tuple[Extended, ...] = ()
    identity: bytes | None = None
    application_context: str = APPLICATION_CONTEXT
    protocol_version: int = 1
    reserved: bytes = bytes(32)
    items: tuple[Item | bytes, ...] = ()
    user_items: tuple[Item | bytes, ...] = ()

    def but(self, **changes: Any) -> Acceptance:
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A-ASSOCIATE-RJ (PS3.8 9.3.4). `result`: 1 permanent, 2 transient; `source`: 1 user, 2 provider (ACSE),
    3 provider (presentation)."""

    result: int = 1
    source: int = 1
    reason: int = 1


@dataclass(frozen=True, slots=True)
class Abort:
    """A-ABORT (PS3.8 9.3.8). `source`: 0 user, 2 provider; `reason` is 0 for a user's."""

    source: int = 0
    reason: int = 0


@dataclass(frozen=True, slots=True)
class Agreed:
    """An accepted presentation context with the roles the requestor may play in it."""

    id: int
    abstract: str
    transfer: str
    scu: bool = True
    scp: bool = False


def propose(contexts: Iterable[tuple[str, Sequence[str]]]) -> tuple[Proposed, ...]:
    """Presentation contexts with the ids 1, 3, 5, ...; raises ValueError for more than 128 (PS3.8 9.3.2.2)."""
    made = tuple(Proposed(2 * n + 1, abstract, tuple(ts)) for n, (abstract, ts) in enumerate(contexts))
    if len(made) > 128:
        raise ValueError(f"{len(made)} presentation contexts, but an association holds 128")
    return made


def agreed(offer: Offer, acceptance: Acceptance) -> dict[int, Agreed]:
    """The accepted presentation contexts by id; roles that were not returned are the default ones (PS3.7 D.3.3.4)."""
    proposed = {c.id: c for c in offer.contexts}
    asked = {r.uid: r for r in offer.roles}
    told = {r.uid: r for r in acceptance.roles if r.uid in asked}
    found: dict[int, Agreed] = {}
    for context in acceptance.contexts:
        if context.result != 0 or context.id not in proposed or context.id in found:
            continue
        abstract = proposed[context.id].abstract
        scu, scp = True, False
        if abstract in told:
            scu = bool(told[abstract].scu and asked[abstract].scu)
            scp = bool(told[abstract].scp and asked[abstract].scp)
        found[context.id] = Agreed(context.id, abstract, context.transfer, scu, scp)
    return found
