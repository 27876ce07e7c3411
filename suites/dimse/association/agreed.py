"""Rules of PS3.7 D.3.3.3 to D.3.3.5 on what is agreed beside presentation contexts: windows, roles, extensions.

Must not know services but by the shape of their application information (PS3.4 C.5, K.5).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from harness.association import Association, Operation, Side, other
from harness.rule import BOTH, PDU, SHALL_NOT, Finding, association
from harness.wire.pdu import ASSOCIATE_AC, ASSOCIATE_RQ, RELEASE_RQ
from harness.wire.sop import service_of
from suites.dimse.association import octets
from suites.dimse.association.heard import both, flawed, is_accepted, negotiators, says
from suites.dimse.association.story import left

WINDOW, ROLE, EXTENDED = 0x53, 0x54, 0x56


def _user(raw: bytes, change: Callable[[list[octets.Item]], list[octets.Item]], *types: int) -> bytes | None:
    return octets.edited_user(raw, raw[0], change) if raw[:1] and raw[0] in (types or (1, 2)) else None


def _where(a: Association, what: str) -> str:
    return f"{a.answer.where if a.answer else ''}, {what}"


@association(
    "association.window-not-wider",
    cites="PS3.7 D.3.3.3; D.3.3.3.2",
    verifies="UI-ASYNC-003",
    when=is_accepted,
    says="A window for asynchronous operations is answered only when one was offered, once, and not wider.",
)
def window_not_wider(a: Association) -> Iterator[Finding]:
    yield from flawed(a, ("pdu.user-repeated",), within="sub-item 53H")
    pair = both(a)
    told = pair[1].user.window if pair else None
    if pair is None or told is None:
        return
    offered = pair[0].user.window
    if offered is None:
        yield Finding(f"{told.invoked}/{told.performed}", "no window: none was offered", _where(a, "sub-item 53H"))
        return
    for name, got, most in (
        ("invoked", told.invoked, offered.invoked),
        ("performed", told.performed, offered.performed),
    ):
        if most and (got > most or not got):  # 0 is any number
            yield Finding(f"{got} {name}", f"1 to {most}", _where(a, "sub-item 53H"))


@window_not_wider.mutant(at=PDU, defects="M-AS-33")
def answers_a_window_to_nobody(raw: bytes) -> bytes | None:
    """Every acceptance has a window, asked for or not."""
    return _user(raw, lambda given: [o for o in given if o[0] != WINDOW] + [(WINDOW, b"\0\1\0\1")], 2)


@window_not_wider.mutant(at=PDU)
def answers_without_limit(raw: bytes) -> bytes | None:
    """A window is answered with any number of operations."""
    return _user(raw, lambda given: [(t, bytes(4) if t == WINDOW else c) for t, c in given], 2)


def _limit(a: Association, side: Side) -> int:
    """How many requests of this side may be outstanding, 0 for any number."""
    pair = both(a)
    window = pair[1].user.window if pair and pair[0].user.window else None
    if window is None:
        return 1
    return window.invoked if side == "requestor" else window.performed


def _outstanding(a: Association) -> Iterator[tuple[Side, int, str]]:
    """After each request of a side under test: how many of its requests have no final answer yet."""
    open_: dict[Side, set[int]] = {"requestor": set(), "acceptor": set()}
    for side, message in a.messages:
        if message.cancel:
            continue
        if message.request:
            open_[side].add(message.id)
            if side in a.judged:
                yield side, len(open_[side]), f"{message.name} {message.id}"
        elif not message.pending:
            open_[other(side)].discard(message.responded)


@association(
    "association.window-is-kept",
    cites="PS3.7 D.3.3.3; A.4",
    verifies=("UI-ASYNC-002", "UI-ASYNC-004"),
    who=BOTH,
    incomplete=True,
    when=lambda a: any(True for _ in _outstanding(a)),
    due=False,
    says="No side has more requests outstanding than the window allows, which is one when none was agreed.",
)
def window_is_kept(a: Association) -> Iterator[Finding]:
    for side, count, name in _outstanding(a):
        most = _limit(a, side)
        if most and count > most:
            yield Finding(f"{count} outstanding requests", f"at most {most}", f"{name} of the {side}")


@window_is_kept.mutant(at=PDU, defects="M-AS-31")
def asks_without_waiting(raw: bytes) -> list[bytes] | None:
    """Two requests of its own go before each message."""
    given = octets.values(raw)
    if not given or not given[0][1] & 1:
        return None
    return [octets.say_echo(given[0][0], 4711), octets.say_echo(given[0][0], 4712), raw]


def _crowded(a: Association) -> bool:
    """More than one request of the requestor was outstanding, as its window lets it."""
    if _limit(a, "requestor") == 1:
        return False
    count = most = 0
    for side, message in a.messages:
        if side == "requestor" and message.request:
            count += 1
        elif side == "acceptor" and not message.request and not message.pending:
            count -= 1
        most = max(most, count)
    return most > 1


@association(
    "association.window-is-served",
    cites="PS3.7 D.3.3.3; A.4",
    verifies="UI-ASYNC-005",
    incomplete=True,
    when=lambda a: _crowded(a) and bool(a.of(RELEASE_RQ, side="requestor") or left(a, "acceptor", ())),
    due=False,
    says="Every request is answered, of as many as the window lets be outstanding.",
)
def window_is_served(a: Association) -> Iterator[Finding]:
    for o in a.operations:
        if o.invoker == "requestor" and o.final is None:
            yield Finding(f"no response to {o.request.name} {o.request.id}", "one", o.where())


@window_is_served.mutant(at=PDU)
def answers_every_second_request(raw: bytes) -> bytes | None:
    """Requests with an even Message ID are not answered."""
    return (
        b"" if any(_responded(fragment) % 2 == 0 for _, header, fragment in octets.values(raw) if header & 1) else None
    )


def _responded(command: bytes) -> int:
    """Message ID Being Responded To, 1 when it is not there."""
    at = command.find(b"\0\0\x20\1\2\0\0\0")
    return int.from_bytes(command[at + 8 : at + 10], "little") if at >= 0 else 1


@association(
    "association.roles-only-proposed",
    cites="PS3.7 D.3.3.4; D.3.3.4.2",
    verifies="UI-ROLE-003",
    level=SHALL_NOT,
    when=is_accepted,
    says="Roles are answered only for SOP Classes that they were proposed for.",
)
def roles_only_proposed(a: Association) -> Iterator[Finding]:
    pair = both(a)
    if pair is not None:
        proposed = {r.uid for r in pair[0].user.roles}
        for role in pair[1].user.roles:
            if role.uid not in proposed:
                got = f"SCU {role.scu}, SCP {role.scp} for {role.uid}"
                # only where none at all was proposed does the text say that answers are left out
                yield Finding(got, "none: no role was proposed", _where(a, "sub-item 54H"), warn=bool(proposed))


def _role(uid: str, scu: int, scp: int) -> octets.Item:
    return ROLE, len(uid).to_bytes(2, "big") + uid.encode() + bytes((scu, scp))


@roles_only_proposed.mutant(at=PDU, defects=("M-AS-41", "M-AS-42"))
def answers_roles_to_nobody(raw: bytes) -> bytes | None:
    """Every acceptance has a role selection for Verification."""
    return _user(raw, lambda given: [*given, _role(octets.VERIFICATION, 1, 0)], 2)


@association(
    "association.roles-not-beyond",
    cites="PS3.7 D.3.3.4",
    verifies="UI-ROLE-002",
    level=SHALL_NOT,
    when=lambda a: bool((p := both(a)) and p[0].user.roles and p[1].user.roles),
    says="A role that was not proposed is not accepted.",
)
def roles_not_beyond(a: Association) -> Iterator[Finding]:
    pair = both(a)
    if pair is None:
        return
    proposed = {r.uid: r for r in pair[0].user.roles}
    for role in pair[1].user.roles:
        offered = proposed.get(role.uid)
        for name, got, asked_for in (("SCU", role.scu, offered.scu), ("SCP", role.scp, offered.scp)) if offered else ():
            if got and not asked_for:
                yield Finding(f"{name} role {got}", "0", _where(a, f"sub-item 54H of {role.uid}"))


@roles_not_beyond.mutant(at=PDU, defects="M-AS-42")
def accepts_both_roles(raw: bytes) -> bytes | None:
    """Both roles are accepted, whichever were proposed."""
    return _user(raw, lambda given: [(t, c[:-2] + b"\1\1" if t == ROLE else c) for t, c in given], 2)


@association(
    "association.one-for-each-class",
    cites="PS3.7 D.3.3.4.1; D.3.3.5.1; D.3.3.5.2; D.3.3.6.1",
    verifies=("UI-ROLE-005", "UI-EXT-001"),
    who=BOTH,
    when=says(ASSOCIATE_RQ, ASSOCIATE_AC),
    says="There is one role selection, and one extended negotiation of each kind, for each SOP Class at most.",
)
def one_for_each_class(a: Association) -> Iterator[Finding]:
    yield from flawed(a, ("pdu.user-class-repeated",))
    yield from _roles_twice(a)


def _roles_twice(a: Association) -> Iterator[Finding]:
    """Each role selection that was proposed is answered once (D.3.3.4): of two answers nobody knows which one holds."""
    pair = both(a)
    if pair is None or "acceptor" not in a.judged:
        return
    proposed = Counter(r.uid for r in pair[0].user.roles)
    answered = Counter(r.uid for r in pair[1].user.roles)
    for uid, times in (answered - proposed).items():
        if uid in proposed:
            values = {(r.scu, r.scp) for r in pair[1].user.roles if r.uid == uid}
            got = f"{times + proposed[uid]} role selections for {uid}"
            yield Finding(got, str(proposed[uid]), _where(a, "sub-item 54H"), warn=len(values) == 1)


@one_for_each_class.mutant(at=PDU)
def extends_twice(raw: bytes) -> bytes | None:
    """Extended negotiation of a SOP Class stands twice."""
    return _user(raw, lambda given: given + [one for one in given if one[0] == EXTENDED])


@one_for_each_class.mutant(at=PDU)
def answers_each_role_in_two_ways(raw: bytes) -> bytes | None:
    """Each role selection of an acceptance is followed by another one that turns both roles down."""
    return _user(raw, lambda given: given + [(t, c[:-2] + b"\0\0") for t, c in given if t == ROLE], 2)


@association(
    "association.roles-and-versions-in-range",
    cites="PS3.7 D.3.3.4.1 Table D.3-9; D.3.3.4.2 Table D.3-10; D.3.3.6.1 Table D.3-12",
    who=BOTH,
    when=lambda a: any(i.type in (ROLE, 0x57) for _, told in negotiators(a) for i in told.user.items),
    due=False,
    says="A role is 0 or 1, and common extended negotiation is of version 0, which ends where it is defined to end.",
)
def roles_and_versions_in_range(a: Association) -> Iterator[Finding]:
    # later versions may be defined, and have further fields: a version that is not 0 is looked at, not failed
    yield from flawed(a, ("pdu.role", "pdu.common-version", "pdu.common-reserved"), warn=("pdu.common-version",))


@roles_and_versions_in_range.mutant(at=PDU)
def roles_of_255(raw: bytes) -> bytes | None:
    """A role that is supported is written FFH."""
    return _user(raw, lambda given: [(t, c[:-2] + b"\xff\xff" if t == ROLE else c) for t, c in given])


@association(
    "association.extended-only-offered",
    cites="PS3.7 D.3.3.5; PS3.4 C.5.1.1; K.5.1",
    verifies="UI-EXT-002",
    when=is_accepted,
    says="Extended negotiation is answered only for SOP Classes that it was offered for.",
)
def extended_only_offered(a: Association) -> Iterator[Finding]:
    pair = both(a)
    if pair is None:
        return
    offered = {e.uid for e in pair[0].user.extended}
    for told in pair[1].user.extended:
        if told.uid not in offered:
            want = "none: no extended negotiation was offered"
            yield Finding(f"an answer for {told.uid}", want, _where(a, "sub-item 56H"), warn=bool(offered))


@extended_only_offered.mutant(at=PDU)
def extends_unasked(raw: bytes) -> bytes | None:
    """Every acceptance extends Study Root FIND."""
    uid = "1.2.840.10008.5.1.4.1.2.2.1"
    extra = (EXTENDED, len(uid).to_bytes(2, "big") + uid.encode() + b"\1")
    return _user(raw, lambda given: [*[one for one in given if one[0] != EXTENDED], extra], 2)


def _extended(a: Association) -> list[tuple[str, bytes, bytes]]:
    """SOP Class, offer and answer of extended negotiations whose octets each are one yes or no (PS3.4 C.5, K.5)."""
    pair = both(a)
    if pair is None:
        return []
    offered = {e.uid: e.information for e in pair[0].user.extended}
    yes_or_no = ("query-retrieve", "worklist")
    return [
        (e.uid, offered[e.uid], e.information)
        for e in pair[1].user.extended
        if e.uid in offered and service_of(e.uid) in yes_or_no
    ]


@association(
    "association.extended-not-beyond",
    cites="PS3.4 C.5.1.1; C.5.2.1; C.5.3.1; K.5.1",
    verifies=("UI-EXT-003", "UI-EXT-005"),
    when=lambda a: bool(_extended(a)),
    says="Each octet of extended negotiation is accepted or turned down, not raised, and no octets are added.",
)
def extended_not_beyond(a: Association) -> Iterator[Finding]:
    for uid, offer, answer in _extended(a):
        where = _where(a, f"sub-item 56H of {uid}")
        fixed = 2 if service_of(uid) == "worklist" else 0  # K.5.1: the first two octets are always 1
        if len(answer) > len(offer):
            yield Finding(f"{len(answer)} octets", f"at most {len(offer)}", where)
        elif not answer or (fixed and len(answer) < min(3, len(offer))):
            yield Finding(f"{len(answer)} octets", "three" if fixed else "one or more", where)
        for n, (got, most) in enumerate(zip(answer, offer, strict=False)):
            if n >= fixed and got > most:
                yield Finding(f"octet {n + 1} is {got}", f"at most {most}", where)


@extended_not_beyond.mutant(at=PDU, defects="D-AS-04")
def accepts_every_extension(raw: bytes) -> bytes | None:
    """Every octet of extended negotiation is answered with 1."""

    def raised(content: bytes) -> bytes:
        at = 2 + int.from_bytes(content[:2], "big")
        return content[:at] + b"\1" * (len(content) - at)

    return _user(raw, lambda given: [(t, raised(c) if t == EXTENDED else c) for t, c in given], 2)


@extended_not_beyond.mutant(at=PDU, defects="D-AS-04")
def adds_an_extension(raw: bytes) -> bytes | None:
    """Extended negotiation is answered with an octet more than was offered."""
    return _user(raw, lambda given: [(t, c + b"\0" if t == EXTENDED else c) for t, c in given], 2)


def _in_role(o: Operation) -> bool:
    """The invoker has the role that this request takes: SCU, but for notifications, which an SCP sends."""
    agreed = o.agreed
    if agreed is None:
        return True
    if o.request.verb == "event-report":
        return agreed.requestor_scp if o.invoker == "requestor" else agreed.requestor_scu
    return agreed.scu(o.invoker)


def _invokers(a: Association) -> Sequence[Operation]:
    return [o for o in a.operations if o.invoker in a.judged and o.agreed is not None]


@association(
    "association.operations-in-role",
    cites="PS3.7 D.3.3.4",
    verifies=("UI-ROLE-008", "UI-ROLE-001", "UI-ROLE-006"),
    who=BOTH,
    incomplete=True,
    when=lambda a: bool(_invokers(a)),
    due=False,
    says="A side asks only what its role in the presentation context lets it ask; by default the requestor is the SCU.",
)
def operations_in_role(a: Association) -> Iterator[Finding]:
    for o in _invokers(a):
        if not _in_role(o):
            want = f"a request of the {o.performer}, or a role agreed for {o.agreed.abstract if o.agreed else ''}"
            yield Finding(f"{o.request.name} of the {o.invoker}", want, o.where())


@operations_in_role.mutant(at=PDU)
def asks_back(raw: bytes) -> list[bytes] | None:
    """A C-ECHO-RQ of the acceptor's own follows each message."""
    given = octets.values(raw)
    return [raw, octets.say_echo(given[0][0], 4711)] if given and given[-1][1] & 2 else None
