"""Rules of PS3.8 D.1 and PS3.7 D.3.3.2, D.3.3.7 on what each side tells of itself: length, implementation, user.

Must not know roles, windows and extended negotiation, which are agreed for each SOP Class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.association import Association, other
from harness.rule import ACCEPTOR, BOTH, PDU, REQUESTOR, Finding, association
from harness.wire.pdu import ASSOCIATE_AC, ASSOCIATE_RQ, DATA
from suites.dimse.association import octets
from suites.dimse.association.heard import announced, asked, both, flawed, is_accepted, negotiators, says

MAXIMUM, CLASS, VERSION, IDENTITY, ANSWER = 0x51, 0x52, 0x55, 0x58, 0x59
IDENTITIES = ("pdu.identity-type", "pdu.identity-positive", "pdu.identity-secondary")
_SUB = "sub-item {:02X}H"


def _user(raw: bytes, change: Callable[[list[octets.Item]], list[octets.Item]], *types: int) -> bytes | None:
    """The PDU, if it is of one of these types (request and acceptance by default), with its sub-items changed."""
    return octets.edited_user(raw, raw[0], change) if raw[:1] and raw[0] in (types or (1, 2)) else None


def _repeated(a: Association, type: int) -> Iterator[Finding]:
    yield from flawed(a, ("pdu.user-repeated",), within=_SUB.format(type))


@association(
    "association.maximum-length-is-told",
    cites="PS3.8 D.1; D.1.1; D.1.2; PS3.7 D.3.3.1",
    verifies="UI-MAX-001",
    who=BOTH,
    when=says(ASSOCIATE_RQ, ASSOCIATE_AC),
    says="Each side tells the maximum length of P-DATA-TF that it takes, once.",
)
def maximum_length_is_told(a: Association) -> Iterator[Finding]:
    yield from _repeated(a, MAXIMUM)
    for turn, told in negotiators(a):
        if turn.pdu.complete and not any(i.type == MAXIMUM for i in told.user.items):
            # PS3.8 D.1 says that the acceptor "can" tell it, PS3.7 D.3.3.1 that telling it is required
            warn = turn.pdu.type == ASSOCIATE_AC
            yield Finding("no maximum length (51H)", "one", f"{turn.where}, user information", warn=warn)


@maximum_length_is_told.mutant(at=PDU)
def tells_no_maximum_length(raw: bytes) -> bytes | None:
    """The maximum length is left out."""
    return _user(raw, lambda given: [one for one in given if one[0] != MAXIMUM])


@maximum_length_is_told.mutant(at=PDU)
def tells_two_maximum_lengths(raw: bytes) -> bytes | None:
    """There are two maximum lengths."""
    return _user(raw, lambda given: [(MAXIMUM, bytes(4)), *given])


@association(
    "association.maximum-length-is-kept",
    cites="PS3.8 D.1; D.1.1 Table D.1-1; D.1.2 Table D.1-2",
    verifies="UI-MAX-002",
    who=BOTH,
    incomplete=True,
    when=lambda a: any(t.pdu.type == DATA and announced(a, other(t.side)) for t in a.heard),
    says="No P-DATA-TF is longer than the maximum length that its receiver told.",
)
def maximum_length_is_kept(a: Association) -> Iterator[Finding]:
    for turn in a.heard:
        most = announced(a, other(turn.side))
        if turn.pdu.type == DATA and most and turn.pdu.length > most:
            yield Finding(f"a length of {turn.pdu.length}", f"at most {most}", turn.where)


@maximum_length_is_kept.mutant(at=PDU, defects="M-AS-09")
def ignores_the_maximum_length(raw: bytes) -> bytes | None:
    """A P-DATA-TF grows by 256 KiB, whatever its receiver takes."""
    given = octets.values(raw)
    if not given:
        return None
    context, header, _ = given[-1]
    return octets.data(*(octets.value(*one) for one in given), octets.value(context, header & 2, bytes(256 << 10)))


@association(
    "association.implementation-class",
    cites="PS3.7 D.3.3.2; D.3.3.2.1; D.3.3.2.2",
    verifies="UI-IMP-001",
    who=BOTH,
    when=says(ASSOCIATE_RQ, ASSOCIATE_AC),
    says="Each side tells its implementation class UID, once.",
)
def implementation_class(a: Association) -> Iterator[Finding]:
    yield from _repeated(a, CLASS)
    for turn, told in negotiators(a):
        if turn.pdu.complete and not told.user.implementation_class:
            yield Finding("no implementation class UID (52H)", "one", f"{turn.where}, user information")


@implementation_class.mutant(at=PDU)
def tells_no_implementation_class(raw: bytes) -> bytes | None:
    """The implementation class UID is left out."""
    return _user(raw, lambda given: [one for one in given if one[0] != CLASS])


@implementation_class.mutant(at=PDU)
def tells_its_implementation_twice(raw: bytes) -> bytes | None:
    """The implementation class UID stands twice."""
    return _user(raw, lambda given: given + [one for one in given if one[0] == CLASS])


@association(
    "association.implementation-version",
    cites="PS3.7 D.3.3.2; D.3.3.2.3; D.3.3.2.4",
    verifies="UI-IMP-002",
    who=BOTH,
    when=lambda a: any(i.type == VERSION for _, told in negotiators(a) for i in told.user.items),
    says="An implementation version name stands at most once, and has 1 to 16 characters of ISO 646.",
)
def implementation_version(a: Association) -> Iterator[Finding]:
    yield from _repeated(a, VERSION)
    yield from flawed(a, ("pdu.version-name",))


@implementation_version.mutant(at=PDU)
def long_version_name(raw: bytes) -> bytes | None:
    """The implementation version name has more than 16 characters."""
    return _user(raw, lambda given: [(t, c.ljust(17, b"X") if t == VERSION else c) for t, c in given])


@implementation_version.mutant(at=PDU)
def empty_version_name(raw: bytes) -> bytes | None:
    """The implementation version name is empty."""
    return _user(raw, lambda given: [(t, b"" if t == VERSION else c) for t, c in given])


@association(
    "association.answers-belong-to-answers",
    cites="PS3.7 D.3.3.6; D.3.3.7.1; D.3.3.7.2; PS3.8 D.2",
    verifies="UI-COM-001",
    who=BOTH,
    when=says(ASSOCIATE_RQ, ASSOCIATE_AC),
    says="Common extended negotiation and user identity are asked, never answered; an identity answer is never asked.",
)
def answers_belong_to_answers(a: Association) -> Iterator[Finding]:
    yield from flawed(a, ("pdu.user-misplaced",))


@answers_belong_to_answers.mutant(at=PDU)
def answers_common_extended_negotiation(raw: bytes) -> bytes | None:
    """The acceptance has a common extended negotiation sub-item."""
    uid = octets.VERIFICATION.encode()
    content = len(uid).to_bytes(2, "big") + uid + bytes(4)
    return _user(raw, lambda given: [*given, (0x57, content)], 2)


@answers_belong_to_answers.mutant(at=PDU)
def answers_identity_with_the_question(raw: bytes) -> bytes | None:
    """The acceptance has a user identity in the form of a request."""
    return _user(raw, lambda given: [*given, (IDENTITY, b"\1\0\0\1x\0\0")], 2)


@association(
    "association.identity-is-well-formed",
    cites="PS3.7 D.3.3.7.1 Table D.3-14",
    verifies=("UI-ID-001", "UI-ID-002"),
    who=REQUESTOR,
    when=lambda a: any(i.type == IDENTITY for _, told in negotiators(a) for i in told.user.items),
    due=False,
    says="A user identity stands once, is of type 1 to 5, names somebody, and has a second field with type 2 only.",
)
def identity_is_well_formed(a: Association) -> Iterator[Finding]:
    yield from _repeated(a, IDENTITY)
    yield from flawed(a, IDENTITIES, ASSOCIATE_RQ)
    request = asked(a)
    identity = request.user.identity if request else None
    if identity is not None and not identity.primary:
        yield Finding("an empty primary field", "the user's identity", f"{a.request.where if a.request else ''}, 58H")


@identity_is_well_formed.mutant(at=PDU)
def identity_of_type_nine(raw: bytes) -> bytes | None:
    """The user identity is of a type that does not exist."""
    return _user(raw, lambda given: [(t, b"\x09" + c[1:] if t == IDENTITY else c) for t, c in given], 1)


@identity_is_well_formed.mutant(at=PDU)
def two_identities(raw: bytes) -> bytes | None:
    """Two user identities are told."""
    return _user(raw, lambda given: given + [one for one in given if one[0] == IDENTITY], 1)


@identity_is_well_formed.mutant(at=PDU)
def user_without_a_name(raw: bytes) -> bytes | None:
    """The user identity is empty."""
    return _user(raw, lambda given: [(t, c[:2] + bytes(4) if t == IDENTITY else c) for t, c in given], 1)


def _answers(a: Association) -> list[octets.Item]:
    """The identity answers (59H) of the acceptance."""
    pair = both(a)
    return [(i.type, i.content.read(0, 8)) for i in pair[1].user.items if i.type == ANSWER] if pair else []


@association(
    "association.identity-answer",
    cites="PS3.7 D.3.3.7; D.3.3.7.2 Table D.3-15",
    verifies=("UI-ID-003", "UI-ID-004"),
    who=ACCEPTOR,
    when=is_accepted,
    says="A user identity is answered only when that was asked for, once, and empty for types 1 and 2.",
)
def identity_answer(a: Association) -> Iterator[Finding]:
    yield from _repeated(a, ANSWER)
    pair = both(a)
    if pair is None or a.answer is None or not _answers(a):
        return
    where, identity = f"{a.answer.where}, sub-item 59H", pair[0].user.identity
    if identity is None:
        yield Finding("an answer", "none: no user identity was told", where)
    elif not identity.positive:
        yield Finding("an answer", "none: no positive response was requested", where)
    elif identity.type in (1, 2) and pair[1].user.identity_answer:
        yield Finding(f"{len(pair[1].user.identity_answer)} octets", f"none for type {identity.type}", where)


@identity_answer.mutant(at=PDU)
def answers_unasked(raw: bytes) -> bytes | None:
    """Every acceptance answers a user identity."""
    return _user(raw, lambda given: [one for one in given if one[0] != ANSWER] + [(ANSWER, bytes(2))], 2)


@identity_answer.mutant(at=PDU)
def answers_with_a_ticket(raw: bytes) -> bytes | None:
    """The answer to a user name holds octets."""
    return _user(raw, lambda given: [(t, b"\0\4user" if t == ANSWER else c) for t, c in given], 2)
