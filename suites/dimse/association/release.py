"""Rules of PS3.8 7.2 and 9.1.4, PS3.7 A.5 on how an association ends in order.

Must not know what was said before, but for requests that still wait for their answer.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.association import Association, Turn
from harness.rule import ACCEPTOR, PDU, REQUESTOR, SHALL_NOT, SHOULD_NOT, Finding, association
from harness.wire.pdu import ABORT, RELEASE_RP, RELEASE_RQ
from suites.dimse.association import octets
from suites.dimse.association.heard import is_accepted
from suites.dimse.association.story import left, story


def _asked(a: Association) -> Turn | None:
    """The release that the requestor asked for on an open association, when it had the time to be answered."""
    turn = next(iter(a.of(RELEASE_RQ, side="requestor")), None)
    if turn is None or not a.accepted or any(t.number < turn.number for t in a.of(ABORT)):
        return None
    if story(a, "acceptor").offence is not None:  # what it was told then is to be refused
        return None
    return turn if _confirmed(a) or _left(a, turn) else None


def _left(a: Association, turn: Turn) -> str:
    return left(a, "acceptor", (t for t in a.of(side="acceptor") if t.number > turn.number))


def _confirmed(a: Association) -> bool:
    return bool(a.of(RELEASE_RP, side="acceptor"))


@association(
    "association.release-is-confirmed",
    cites="PS3.8 7.2.2.3; 9.2.3 Table 9-10 (Sta8)",
    verifies="UL-REL-001",
    who=ACCEPTOR,
    incomplete=True,
    when=lambda a: _asked(a) is not None,
    says="A-RELEASE-RQ is answered with A-RELEASE-RP; who still has something to finish may abort instead.",
)
def release_is_confirmed(a: Association) -> Iterator[Finding]:
    turn = _asked(a)
    if turn is None or _confirmed(a):
        return
    how = _left(a, turn)
    if how == "abort":
        if not a.facts.get("provoked") and not _waiting(a):
            yield Finding("A-ABORT", "A-RELEASE-RP", turn.where, warn=True)
        return
    got = {"waited": "nothing came", "close": "the connection was closed", "reset": "the connection was reset"}[how]
    yield Finding(got, "A-RELEASE-RP", turn.where, warn=how == "reset")


def _waiting(a: Association) -> bool:
    """Some request has no final answer."""
    return any(o.final is None for o in a.operations)


@release_is_confirmed.mutant(at=PDU, defects=("M-AS-28", "M-AS-30"))
def never_confirms(raw: bytes) -> bytes | None:
    """A-RELEASE-RQ is not answered."""
    return b"" if raw[:1] == b"\6" else None


@release_is_confirmed.mutant(at=PDU)
def aborts_instead(raw: bytes) -> bytes | None:
    """A-RELEASE-RQ is answered with A-ABORT."""
    return octets.abort() if raw[:1] == b"\6" else None


@association(
    "association.acceptor-asks-for-no-release",
    cites="PS3.7 A.5",
    level=SHALL_NOT,
    who=ACCEPTOR,
    incomplete=True,
    when=is_accepted,
    says="Only the requestor of an association asks for its release.",
)
def acceptor_asks_for_no_release(a: Association) -> Iterator[Finding]:
    for turn in a.of(RELEASE_RQ, side="acceptor"):
        yield Finding("A-RELEASE-RQ", "A-ABORT, or patience", turn.where)


@acceptor_asks_for_no_release.mutant(at=PDU)
def asks_for_the_release_itself(raw: bytes) -> list[bytes] | None:
    """A-RELEASE-RQ follows the acceptance."""
    return [raw, octets.RELEASE_RQ] if raw[:1] == b"\2" else None


@association(
    "association.release-after-the-last-answer",
    cites="PS3.7 A.5; PS3.8 7.2.2.1",
    verifies="UL-REL-009",
    level=SHALL_NOT,
    who=REQUESTOR,
    incomplete=True,
    when=lambda a: bool(a.of(RELEASE_RQ, side="requestor")),
    says="The requestor does not ask for the release before all that it asked for was confirmed.",
)
def release_after_the_last_answer(a: Association) -> Iterator[Finding]:
    turn = next(iter(a.of(RELEASE_RQ, side="requestor")))
    answered = _answered_by(a, turn)
    for o in a.operations:
        if o.invoker == "requestor" and o.number not in answered:
            yield Finding("A-RELEASE-RQ", f"the answer to {o.request.name} {o.request.id} first", turn.where)


def _answered_by(a: Association, turn: Turn) -> set[int]:
    """Numbers of the operations whose final response came before this."""
    told = [t.number for t in a.of(4, side="acceptor")]
    return {
        o.number
        for o in a.operations
        if o.final is not None and o.final.last < len(told) and told[o.final.last] < turn.number
    }


@release_after_the_last_answer.mutant(at=PDU)
def releases_at_once(raw: bytes) -> list[bytes] | None:
    """A-RELEASE-RQ follows each message at once."""
    given = octets.values(raw)
    return [raw, octets.RELEASE_RQ] if given and given[-1][1] & 2 else None


@association(
    "association.is-not-just-dropped",
    cites="PS3.8 9.1.4",
    verifies=("UL-REL-009", "UL-ASSOC-025"),
    level=SHOULD_NOT,
    who=REQUESTOR,
    incomplete=True,
    when=lambda a: is_accepted(a) and not a.facts.get("provoked"),
    says="The requestor ends an association with A-RELEASE-RQ or A-ABORT, not by closing the connection alone.",
)
def is_not_just_dropped(a: Association) -> Iterator[Finding]:
    gone = a.event("close", "reset")
    if gone is not None and gone.side == "requestor" and not a.of(RELEASE_RQ, ABORT):
        yield Finding("the connection was closed", "A-RELEASE-RQ before", "end of the association")


@is_not_just_dropped.mutant(at=PDU)
def leaves_without_release(raw: bytes) -> bytes | None:
    """The connection is closed without A-RELEASE-RQ."""
    return b"" if raw[:1] == b"\5" else None
