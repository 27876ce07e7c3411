"""Rules on what each side tells of itself, what is agreed, and how messages are cut, on associations made by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.dimse.association import octets, pdata
from tests.suites.upper_layer import (
    AC,
    DONE,
    ECHO,
    OPEN,
    RELEASE,
    RQ,
    RULES,
    THEM,
    US,
    Step,
    fails,
    found,
    made,
    opened,
    passes,
    user,
    warns,
)

CT = octets.CT


# --- what each side tells of itself ----------------------------------------------------------------------------------


def without(raw: bytes, type: int) -> bytes:
    return octets.edited_user(raw, raw[0], lambda held: [one for one in held if one[0] != type]) or raw


def test_the_maximum_length_is_told_and_kept() -> None:
    told, kept = "association.maximum-length-is-told", "association.maximum-length-is-kept"
    assert fails(told, opened(without(RQ, 0x51), judged=(US,)))
    assert warns(told, opened(told=without(AC, 0x51)))
    assert fails(told, opened(told=user(AC, (0x51, bytes(4)))))
    small = octets.edited_user(RQ, 1, lambda held: [(t, b"\0\0\0\x40" if t == 0x51 else c) for t, c in held]) or b""
    assert fails(kept, made([(US, small), (THEM, AC), (US, ECHO), (THEM, DONE)]))
    none = octets.edited_user(RQ, 1, lambda held: [(t, bytes(4) if t == 0x51 else c) for t, c in held]) or b""
    assert found(kept, made([(US, none), (THEM, AC), (US, ECHO), (THEM, DONE)])) is None
    exact = octets.data(octets.value(1, 3, bytes(16384 - 6)))
    assert passes(kept, made([*OPEN, (THEM, exact)]))
    assert fails(kept, made([*OPEN, (THEM, octets.data(octets.value(1, 3, bytes(16384 - 4))))]))


@pytest.mark.parametrize(("name", "right"), [(b"X", True), (b"X" * 16, True), (b"", False), (b"X" * 17, False)])
def test_version_names(name: bytes, right: bool) -> None:
    told = octets.edited_user(AC, 2, lambda held: [(t, name if t == 0x55 else c) for t, c in held]) or b""
    assert passes("association.implementation-version", opened(told=told)) is right


IDENTITY = {
    "name": (0x58, b"\1\0\0\4user\0\0"),
    "name with a wish": (0x58, b"\1\1\0\4user\0\0"),
    "ticket with a wish": (0x58, b"\3\1\0\6ticket\0\0"),
}


@pytest.mark.parametrize(
    ("asked", "answered", "right"),
    [
        (None, b"\0\0", False),
        ("name", b"\0\0", False),
        ("name with a wish", b"\0\0", True),
        ("name with a wish", None, True),
        ("name with a wish", b"\0\1x", False),
        ("ticket with a wish", b"\0\1x", True),
    ],
)
def test_identities_are_answered_when_asked_for(asked: str | None, answered: bytes | None, right: bool) -> None:
    rq = user(RQ, IDENTITY[asked]) if asked else RQ
    told = user(AC, (0x59, answered)) if answered is not None else AC
    assert passes("association.identity-answer", opened(rq, told)) is right


def test_identities_are_well_formed() -> None:
    rule = "association.identity-is-well-formed"
    assert passes(rule, opened(user(RQ, IDENTITY["name"]), judged=(US,)))
    assert fails(rule, opened(user(RQ, IDENTITY["name"], IDENTITY["name"]), judged=(US,)))
    assert fails(rule, opened(user(RQ, (0x58, b"\x09\0\0\1x\0\0")), judged=(US,)))
    assert fails(rule, opened(user(RQ, (0x58, b"\1\0\0\0\0\0")), judged=(US,)))
    assert fails(rule, opened(user(RQ, (0x58, b"\1\0\0\1x\0\1y")), judged=(US,)))


@pytest.mark.parametrize(
    ("offered", "told", "right"),
    [
        (None, b"\0\1\0\1", False),
        (b"\0\5\0\3", b"\0\5\0\3", True),
        (b"\0\5\0\3", b"\0\1\0\1", True),
        (b"\0\5\0\3", b"\0\6\0\3", False),
        (b"\0\5\0\3", b"\0\0\0\3", False),
        (b"\0\0\0\0", b"\0\0\0\0", True),
        (b"\0\0\0\0", b"\0\7\0\1", True),
        (b"\0\5\0\3", None, True),
    ],
)
def test_windows_are_not_widened(offered: bytes | None, told: bytes | None, right: bool) -> None:
    rq = user(RQ, (0x53, offered)) if offered else RQ
    answer = user(AC, (0x53, told)) if told else AC
    assert passes("association.window-not-wider", opened(rq, answer)) is right


def test_requests_wait_for_room_in_the_window() -> None:
    rule, second = "association.window-is-kept", octets.say_echo(1, 2)
    wide: list[Step] = [(US, user(RQ, (0x53, b"\0\2\0\1"))), (THEM, user(AC, (0x53, b"\0\2\0\1")))]
    assert fails(rule, made([*OPEN, (US, ECHO), (US, second), (THEM, DONE)], (US,)))
    assert passes(rule, made([*OPEN, (US, ECHO), (THEM, DONE), (US, second)], (US,)))
    assert passes(rule, made([*wide, (US, ECHO), (US, second)], (US,)))
    assert fails(rule, made([*wide, (US, ECHO), (US, second), (US, octets.say_echo(1, 3))], (US,)))
    served = "association.window-is-served"
    assert fails(served, made([*wide, (US, ECHO), (US, second), (THEM, DONE), (THEM, "timeout")]))
    assert found(served, made([*OPEN, (US, ECHO), (THEM, DONE), (US, RELEASE)])) is None


def role(scu: int, scp: int, uid: str = octets.VERIFICATION) -> octets.Item:
    return 0x54, len(uid).to_bytes(2, "big") + uid.encode() + bytes((scu, scp))


def test_roles() -> None:
    beyond, proposed = "association.roles-not-beyond", "association.roles-only-proposed"
    for scu, scp in ((0, 1), (1, 0), (0, 0)):
        assert fails(beyond, opened(user(RQ, role(scu, scp)), user(AC, role(1, 1))))
        assert passes(beyond, opened(user(RQ, role(scu, scp)), user(AC, role(scu, scp))))
        assert passes(beyond, opened(user(RQ, role(scu, scp)), user(AC, role(0, 0))))
    assert fails(proposed, opened(told=user(AC, role(1, 0))))
    assert warns(proposed, opened(user(RQ, role(1, 1)), user(AC, role(1, 1), role(1, 0, CT))))
    assert passes(proposed, opened(user(RQ, role(1, 1)), AC))
    once = "association.one-for-each-class"
    assert fails(once, opened(user(RQ, role(1, 1), role(1, 0)), judged=(US,)))
    assert fails(once, opened(user(RQ, role(1, 1)), user(AC, role(1, 1), role(1, 0))))
    assert warns(once, opened(user(RQ, role(1, 1)), user(AC, role(1, 1), role(1, 1))))
    assert passes(once, opened(user(RQ, role(1, 1)), user(AC, role(1, 1))))


def test_the_acceptor_asks_only_in_a_role_that_was_agreed() -> None:
    rule = "association.operations-in-role"
    assert fails(rule, made([*OPEN, (THEM, ECHO)]))
    assert found(rule, made([*OPEN, (US, ECHO), (THEM, DONE)])) is None
    agreed: list[Step] = [(US, user(RQ, role(1, 1))), (THEM, user(AC, role(1, 1)))]
    assert passes(rule, made([*agreed, (THEM, ECHO)]))
    only: list[Step] = [(US, user(RQ, role(0, 1))), (THEM, user(AC, role(0, 1)))]
    assert fails(rule, made([*only, (US, ECHO)], (US,)))


FIND, WORKLIST = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.31"


@pytest.mark.parametrize(
    ("uid", "offered", "told", "right"),
    [
        (FIND, b"\1", b"\1", True),
        (FIND, b"\1", b"\0", True),
        (FIND, b"\0", b"\1", False),
        (FIND, b"\1", b"\1\0", False),
        (FIND, b"\1\0\1", b"\1", True),
        (FIND, b"\1\0\1", b"\0\1\0", False),
        (WORKLIST, b"\1\1\0", b"\1\1\0", True),
        (WORKLIST, b"\1\1\0", b"\1\1\1", False),
        (WORKLIST, b"\1\1\1\1", b"\1\1\0", True),
        (WORKLIST, b"\1\1\1", b"\1", False),
    ],
)
def test_extensions_are_not_raised(uid: str, offered: bytes, told: bytes, right: bool) -> None:
    name = len(uid).to_bytes(2, "big") + uid.encode()
    a = opened(user(RQ, (0x56, name + offered)), user(AC, (0x56, name + told)))
    assert passes("association.extended-not-beyond", a) is right
    assert passes("association.extended-only-offered", a)
    assert fails("association.extended-only-offered", opened(told=user(AC, (0x56, name + told))))


# --- messages in values ----------------------------------------------------------------------------------------------

COMMAND = octets.echo()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("association.pdv-frames", [octets.data()]),
        ("association.pdv-frames", [octets.data(octets.value(1, 3, COMMAND, 4))]),
        ("association.control-header", [octets.say_echo(1, header=7)]),
        ("association.even-fragments", [octets.data(octets.value(1, 1, COMMAND[:3]), octets.value(1, 3, COMMAND[3:]))]),
        ("association.no-empty-fragments", [octets.data(octets.value(1, 1, COMMAND), octets.value(1, 3, b""))]),
        ("association.pdv-in-accepted-context", [octets.say_echo(3)]),
        ("association.message-in-one-context",
         [octets.data(octets.value(1, 1, COMMAND[:2]), octets.value(3, 3, COMMAND[2:]))]),
        ("association.one-message-in-a-pdu", [octets.data(octets.value(1, 3, COMMAND), octets.value(1, 3, COMMAND))]),
        ("association.one-message-in-a-pdu",
         [ECHO, octets.data(octets.value(1, 2, b"\0\0"), octets.value(1, 3, COMMAND))]),
        ("association.messages-in-order", [octets.data(octets.value(1, 2, b"\0\0"))]),
        ("association.messages-in-order", [ECHO, octets.data(octets.value(1, 0, b"\0\0")), ECHO]),
        ("association.last-fragment-once", [octets.data(octets.value(1, 1, COMMAND), octets.value(1, 2, b"\0\0"))]),
        ("association.last-fragment-once", [ECHO, *[octets.data(octets.value(1, 2, b"\0\0"))] * 2]),
    ],
)  # fmt: skip
def test_values_that_break_annex_e(rule: str, said: list[bytes]) -> None:
    assert fails(rule, made([*OPEN, *((THEM, one) for one in said)]))
    assert found(rule, made([*OPEN, *((US, one) for one in said)])) in ([], None)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=20), st.lists(st.booleans(), min_size=40, max_size=40))
@settings(max_examples=60, deadline=None)
def test_however_a_message_is_cut_it_is_legal(sizes: list[int], breaks: list[bool]) -> None:
    """Any even fragments of a command and a data set, in any number of PDUs, break no rule."""
    values = []
    for kind, left in ((1, COMMAND), (0, bytes(120))):
        for size in [*sizes, 1000]:
            piece, left = left[: 2 * size], left[2 * size :]
            if piece:
                values.append(octets.value(1, kind | (not left) << 1, piece))
    pdus, held = [], b""
    for one, cut in zip(values, breaks + [True] * len(values), strict=False):
        held += one
        if cut:
            pdus.append(octets.data(held))
            held = b""
    a = made([*OPEN, *((THEM, one) for one in (*pdus, octets.data(held) if held else DONE)), (THEM, DONE)])
    rules = [name for name, rule in RULES.items() if rule.judgement.__module__ == pdata.__name__]
    assert {name: found(name, a) for name in rules if found(name, a)} == {}
    assert len(rules) == 9
