"""Knows which presentation contexts a probe proposes: for what it stores, asks, and lets itself be sent.

Must not know what is accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.make.corpus import Sample
from harness.make.holding import Holding
from harness.make.identifiers import Identifier
from harness.talk.dialogue import Associated
from harness.upper_layer.negotiate import Policy
from harness.upper_layer.offer import EXPLICIT, IMPLICIT, Role
from harness.wire.sop import ROOTS, STORAGE, TRANSFER_SYNTAXES, VERIFICATION

BOTH = (EXPLICIT, IMPLICIT)
MOST = 120  # presentation contexts of one association; 128 is the limit (PS3.8 9.3.2.2)

FIND = {root: ROOTS[root]["find"] for root in ("study", "patient")}
GET = {root: ROOTS[root]["get"] for root in ("study", "patient")}
MOVE = {root: ROOTS[root]["move"] for root in ("study", "patient")}

Contexts = list[tuple[str, tuple[str, ...]]]


def storing(samples: Iterable[Sample]) -> Contexts:
    """A context for each SOP Class and transfer syntax of these samples, so that each goes as it is."""
    pairs = dict.fromkeys((s.sop_class, s.transfer_syntax) for s in samples)
    found: Contexts = [(uid, (syntax,)) for uid, syntax in pairs]
    return found[:MOST]


def asking(*classes: str) -> Contexts:
    """A context for each of these Query/Retrieve SOP Classes, in explicit or implicit VR."""
    return [(uid, BOTH) for uid in classes]


def receiving(samples: Iterable[Sample], holding: Holding, *without: str) -> Contexts:
    """Contexts for what a retrieval may send: in its own transfer syntax when we know it, and in the default ones."""
    pairs = list(dict.fromkeys((s.sop_class, s.transfer_syntax) for s in samples))
    classes = dict.fromkeys([*(uid for uid, _ in pairs), *(e.attribute("00080016") for e in holding.instances)])
    own: Contexts = [(uid, (syntax,)) for uid, syntax in pairs if syntax not in BOTH and uid not in without]
    plain: Contexts = [(uid, BOTH) for uid in classes if uid and uid not in without]
    return [*plain, *own][:MOST]


def roles(contexts: Sequence[tuple[str, tuple[str, ...]]]) -> tuple[Role, ...]:
    """Role selection that makes us the SCP of each abstract syntax (PS3.4 C.5.3)."""
    return tuple(Role(uid, 0, 1) for uid in dict.fromkeys(uid for uid, _ in contexts))


def octets(a: Associated, sop_class: str, identifier: Identifier) -> bytes:
    """The identifier in the transfer syntax that was accepted for the SOP Class."""
    context = a.accepts(sop_class)
    return identifier.octets(context.transfer if context else IMPLICIT)


def taking() -> Policy:
    """As a destination: every storage SOP Class in every transfer syntax, the one that is offered first."""
    known = tuple(sorted(TRANSFER_SYNTAXES))
    return Policy({VERIFICATION: BOTH, **dict.fromkeys(STORAGE, known)})
