"""The reader of messages: put together from fragments, command sets by their tables, and no octets make it raise."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pynetdicom import dimse_messages, dimse_primitives
from pynetdicom.pdu import P_DATA_TF

from harness.body import EMPTY, Body, BodyTooLarge, Joined
from harness.wire import dimse, pdu
from harness.wire.command import TAGS, VRS, read_command
from harness.wire.command_table import SHAPES
from tests.steps import steps

ECHO = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT = "1.2.840.10008.1.2"


def element(tag: str, value: bytes) -> bytes:
    return struct.pack("<HHL", int(tag[:4], 16), int(tag[4:], 16), len(value)) + value


def value_of(keyword: str, value: Any) -> bytes:
    code = VRS[TAGS[keyword]]
    if code == "US" and isinstance(value, int):
        return struct.pack("<H", value)
    raw: bytes = value if isinstance(value, bytes) else value.encode()
    return raw + (b"\0" if code == "UI" else b" ") * (len(raw) % 2)


def command(**values: Any) -> bytes:
    """A command set of these keywords; raw octets are taken as they are."""
    body = b"".join(element(TAGS[k], value_of(k, v)) for k, v in sorted(values.items(), key=lambda row: TAGS[row[0]]))
    return element("00000000", struct.pack("<L", len(body))) + body


def echo(**more: Any) -> dict[str, Any]:
    return {"AffectedSOPClassUID": ECHO, "CommandField": 0x30, "MessageID": 1, "CommandDataSetType": 0x101} | more


def store(**more: Any) -> dict[str, Any]:
    return echo(CommandField=1, CommandDataSetType=1, Priority=0, AffectedSOPInstanceUID="1.2.3") | more


def answer(field: int, status: int = 0, **more: Any) -> dict[str, Any]:
    asked = {"CommandField": field, "MessageIDBeingRespondedTo": 1, "CommandDataSetType": 0x101, "Status": status}
    return asked | more


C, D, LAST = 1, 0, 2  # command, data, last fragment


def p_data(*values: tuple[int, int, bytes]) -> bytes:
    """A P-DATA-TF of (context, header, fragment)."""
    body = b"".join(struct.pack(">LBB", len(f) + 2, context, header) + f for context, header, f in values)
    return struct.pack(">BBL", 4, 0, len(body)) + body


def assembled(*pdus: bytes) -> dimse.Assembly:
    return dimse.assemble(list(pdu.split(Body.of(b"".join(pdus)))))


def one_message(octets: bytes, data: bytes | None = None) -> dimse.Message:
    values = [(1, C | LAST, octets)] + ([(1, D | LAST, data)] if data is not None else [])
    found = assembled(p_data(*values))
    assert not found.flaws, found.flaws
    [message] = found.messages
    return message


DATA = element("00080018", b"1.2.3\0")


@pytest.mark.parametrize(
    ("values", "data", "name", "verb"),
    [
        (echo(), None, "C-ECHO-RQ", "echo"),
        (answer(0x8030), None, "C-ECHO-RSP", "echo"),
        (store(), DATA, "C-STORE-RQ", "store"),
        (answer(0x8020, 0xFF00, CommandDataSetType=0), DATA, "C-FIND-RSP", "find"),
        (answer(0x8020, 0xFE00), None, "C-FIND-RSP", "find"),
        (answer(0x8001, 0xA700, ErrorComment="full"), None, "C-STORE-RSP", "store"),
        (answer(0x8021, 0xB000, NumberOfFailedSuboperations=1), None, "C-MOVE-RSP", "move"),
        (
            {"CommandField": 0xFFF, "MessageIDBeingRespondedTo": 7, "CommandDataSetType": 0x101},
            None,
            "C-CANCEL-RQ",
            "cancel",
        ),
        (answer(0x8110, 0x0112), None, "N-GET-RSP", "n-get"),
    ],
)
def test_a_legal_message_has_no_flaw(values: dict[str, Any], data: bytes | None, name: str, verb: str) -> None:
    message = one_message(command(**values), data)
    assert not message.flaws, message.flaws
    assert (message.name, message.verb, message.context) == (name, verb, 1)
    assert message.request == (name.endswith("-RQ") and verb != "cancel")
    assert message.cancel == (verb == "cancel")
    assert message.data is None if data is None else message.data is not None and message.data.bytes() == data


def test_what_a_message_says() -> None:
    message = one_message(command(**store(MoveOriginatorApplicationEntityTitle="ME", MessageID=700)), DATA)
    assert (message.field, message.id, message.responded, message.status) == (1, 700, -1, None)
    assert (message.sop_class, message.instance) == (ECHO, "1.2.3")
    assert message.command.text("MoveOriginatorApplicationEntityTitle") == "ME"
    assert message.command.has("Priority")
    assert not message.command.has("Status")
    dataset, flaws = message.dataset(IMPLICIT)
    assert dataset.text("00080018") == "1.2.3"
    assert not flaws
    assert message.dataset(IMPLICIT)[0] is dataset


def test_a_requested_class_and_unknown_commands() -> None:
    values = {"RequestedSOPClassUID": CT, "RequestedSOPInstanceUID": "1.9", "MessageID": 2, "CommandField": 0x150}
    message = one_message(command(**values, CommandDataSetType=0x101))
    assert (message.sop_class, message.instance, message.verb) == (CT, "1.9", "n-delete")
    odd = one_message(command(**echo(CommandField=0x1234)))
    assert (odd.name, odd.verb, odd.request) == ("unknown command 1234H", "unknown", True)
    none = one_message(command(MessageID=1, CommandDataSetType=0x101))
    assert (none.name, none.field, none.request) == ("no command", -1, False)


GOOD = command(**echo())
BEHIND = GOOD[12:]


def regrouped(body: bytes) -> bytes:
    return element("00000000", struct.pack("<L", len(body))) + body


EXPLICIT = b"\0\0\0\0UL\4\0" + struct.pack("<L", 0)


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (regrouped(BEHIND + element("00080018", b"1.2\0")), "dimse.group"),
        (regrouped(BEHIND + element("00000001", bytes(4))), "dimse.order"),
        (regrouped(BEHIND + element("00000001", bytes(4))), "dimse.element-retired"),
        (regrouped(BEHIND + element("00000110", b"\2\0")), "dimse.repeated"),
        (GOOD + b"\0\0", "dimse.cut"),
        (regrouped(BEHIND + element("00000902", b"abc")), "dimse.length-odd"),
        (GOOD + b"\0\0\2\x09\xff\xff\0\0", "dimse.length-overrun"),
        (EXPLICIT, "dimse.explicit"),
        (b"\0\0\0\0\0\0\0\4" + struct.pack(">L", 0), "dimse.big-endian"),
        (regrouped(element("00000110", b"\1\0") * 1001), "dimse.too-many"),
        (regrouped(element("00000902", b"a" * (1 << 20))), "dimse.command-too-large"),
        (BEHIND, "dimse.group-length-missing"),
        (element("00000000", bytes(4)) + BEHIND, "dimse.group-length"),
        (regrouped(BEHIND + element("00009999", b"")), "dimse.element-unknown"),
        (command(**echo(MessageID=b"")), "dimse.empty"),
        (command(**store(MoveOriginatorApplicationEntityTitle=b"")), "dimse.empty-optional"),
        (regrouped(BEHIND + element("00000903", b"\1")), "dimse.value-size"),
        (regrouped(BEHIND + element("00000903", b"\1\0\2\0")), "dimse.multiplicity"),
        (command(**echo(AffectedSOPClassUID="1.2\\1.3")), "dimse.multiplicity"),
        (command(**echo(AffectedSOPClassUID="1.02")), "dimse.value-form"),
        (command(**echo(AffectedSOPClassUID=b"1.2\0\0\0")), "dimse.value-padding"),
        (command(**echo(AffectedSOPClassUID="1.a")), "dimse.value-characters"),
        (command(**answer(0x8030, ErrorComment=b"\xe4\xf6")), "dimse.value-characters"),
        (command(**answer(0x8030, ErrorComment="x" * 66)), "dimse.value-length"),
        (command(MessageID=1, CommandDataSetType=0x101), "dimse.field-missing"),
        (command(**echo(CommandField=0x31)), "dimse.field-unknown"),
        (command(CommandField=0x30, MessageID=1, CommandDataSetType=0x101), "dimse.required"),
        (command(AffectedSOPClassUID=ECHO, CommandField=0x30, MessageID=1), "dimse.required"),
        (command(**answer(0x8010, 0xFF00)), "dimse.condition"),
        (command(**echo(Priority=0)), "dimse.foreign"),
        (command(**store(Priority=3)), "dimse.priority"),
        (command(**answer(0x8030, 0x5555)), "dimse.status-range"),
        (command(**echo(CommandDataSetType=1)), "dimse.data-type"),
        (command(**store(CommandDataSetType=0x101)), "dimse.data-type"),
        (command(**answer(0x8020, 0xFF00)), "dimse.data-condition"),
        (command(**answer(0x8020, 0, CommandDataSetType=1)), "dimse.data-condition"),
        (command(**answer(0x8110, 0)), "dimse.data-condition"),
        (command(**store()), "dimse.data-missing"),
    ],
)
def test_a_departure_of_a_command_has_its_own_flaw(octets: bytes, code: str) -> None:
    follower = p_data((1, C | LAST, GOOD))  # ends what waits for data that does not come
    found = assembled(p_data((1, C | LAST, octets)), follower).messages[0]
    assert code in found.flaws.counts, found.flaws
    assert code in dimse.CODES


NO_DATA = p_data((1, C | LAST, GOOD))
ASKS = (1, C | LAST, command(**store()))


@pytest.mark.parametrize(
    ("pdus", "code", "names"),
    [
        ([NO_DATA, p_data((1, D | LAST, DATA))], "dimse.data-unannounced", ["C-ECHO-RQ"]),
        ([p_data(ASKS), p_data((1, D | LAST, b""))], "dimse.data-empty", ["C-STORE-RQ"]),
        ([p_data((1, D | LAST, DATA)), NO_DATA], "dimse.data-first", ["C-ECHO-RQ"]),
        ([p_data((1, C, GOOD)), p_data((1, D | LAST, DATA))], "dimse.unfinished", ["C-ECHO-RQ"]),
        ([p_data(ASKS), p_data((1, D, DATA)), NO_DATA], "dimse.unfinished", ["C-STORE-RQ", "C-ECHO-RQ"]),
        (
            [p_data(ASKS), p_data((3, C | LAST, GOOD)), p_data((1, D | LAST, DATA))],
            "dimse.interleaved",
            ["C-ECHO-RQ", "C-STORE-RQ"],
        ),
        ([p_data(ASKS), p_data((3, D | LAST, DATA))], "dimse.context-changed", ["C-STORE-RQ"]),
        ([p_data((1, C | LAST, GOOD), (1, C | LAST, GOOD))], "dimse.two-messages", ["C-ECHO-RQ", "C-ECHO-RQ"]),
        ([NO_DATA, p_data(ASKS)], "dimse.cut-off", ["C-ECHO-RQ"]),
        ([p_data((1, C, GOOD))], "dimse.cut-off", []),
    ],
)
def test_wrong_framing_has_its_own_flaw_and_reading_goes_on(pdus: list[bytes], code: str, names: list[str]) -> None:
    found = assembled(*pdus)
    counts = found.flaws.counts | {c: n for m in found.messages for c, n in m.flaws.counts.items()}
    assert code in counts, found
    assert code in dimse.CODES
    assert [m.name for m in found.messages] == names


def test_every_code_of_a_message_is_tried_above() -> None:
    tests: list[Any] = [
        test_a_departure_of_a_command_has_its_own_flaw,
        test_wrong_framing_has_its_own_flaw_and_reading_goes_on,
    ]
    tried = {row[1] for test in tests for row in test.pytestmark[0].args[1]}
    assert set(dimse.CODES) == tried
    assert dimse.NOTES.issubset(dimse.CODES)


def test_interleaved_messages_are_told_apart() -> None:
    other = command(**store(AffectedSOPInstanceUID="1.2.9"))
    found = assembled(
        p_data(ASKS),
        p_data((3, C | LAST, other)),
        p_data((1, D, b"aa")),
        p_data((3, D | LAST, b"bb")),
        p_data((1, D | LAST, b"cc")),
    )
    assert found.flaws.counts == {"dimse.interleaved": 1}
    assert [(m.context, m.instance, m.data and m.data.bytes()) for m in found.messages] == [
        (3, "1.2.9", b"bb"),
        (1, "1.2.3", b"aacc"),
    ]
    assert [(m.first, m.last) for m in found.messages] == [(1, 3), (0, 4)]


def test_a_message_in_pieces_of_two_octets() -> None:
    octets = command(**store())
    pieces = [octets[at : at + 2] for at in range(0, len(octets), 2)]
    commands = [p_data((1, C | LAST * (n == len(pieces) - 1), piece)) for n, piece in enumerate(pieces)]
    data = [DATA[at : at + 2] for at in range(0, len(DATA), 2)]
    found = assembled(*commands, *(p_data((1, D | LAST * (n == len(data) - 1), p)) for n, p in enumerate(data)))
    assert not found.flaws
    [message] = found.messages
    assert not message.flaws
    assert message.last == len(commands) + len(data) - 1
    assert message.dataset(IMPLICIT)[0].text("00080018") == "1.2.3"


def test_a_command_that_does_not_say_whether_data_follow_may_have_them() -> None:
    values = {k: v for k, v in store().items() if k != "CommandDataSetType"}
    with_data = assembled(p_data((1, C | LAST, command(**values)), (1, D | LAST, DATA)), NO_DATA)
    assert [m.data is not None for m in with_data.messages] == [True, False]
    without = assembled(p_data((1, C | LAST, command(**values))), NO_DATA)
    assert [(m.name, m.data, m.last) for m in without.messages] == [("C-STORE-RQ", None, 0), ("C-ECHO-RQ", None, 1)]
    assert "dimse.data-missing" not in without.messages[0].flaws.counts


def test_a_message_cut_in_its_last_pdu_is_unfinished_without_a_flaw() -> None:
    whole = p_data(ASKS) + p_data((1, D | LAST, DATA))
    for size in range(len(whole) - 1):
        found = assembled(whole[:size])
        assert not found.messages
        assert not found.flaws.counts.keys() - {"dimse.cut-off"}
    assert [m.name for m in assembled(whole[:-1]).unfinished] == ["C-STORE-RQ"]
    assert not assembled(whole[:-1]).flaws


def test_a_stream_in_a_file_is_not_copied(tmp_path: Path) -> None:
    piece = bytes(range(256)) * 64
    values = [p_data(ASKS), *(p_data((1, D, piece)) for _ in range(300)), p_data((1, D | LAST, piece))]
    (tmp_path / "stream").write_bytes(b"".join(values))
    found = dimse.assemble(list(pdu.split(Body.file(tmp_path / "stream"))))
    [message] = found.messages
    assert message.data is not None
    assert message.data.size == 301 * len(piece)
    assert message.data.read(len(piece) - 2, 4) == b"\xfe\xff\0\1"
    assert sum(map(len, message.data.chunks(1 << 16))) == message.data.size


def _primitives() -> list[tuple[str, Any]]:
    made: list[tuple[str, Any]] = []
    for shape in SHAPES.values():
        if shape.verb == "cancel":
            cancel = dimse_primitives.C_CANCEL()
            cancel.MessageIDBeingRespondedTo = 3
            made.append(("C_CANCEL_RQ", cancel))
            continue
        name = shape.name.replace("-", "_")
        one = getattr(dimse_primitives, name.rpartition("_")[0])()
        for keyword in {*shape.required} - {"Status"}:
            if keyword.endswith("UID"):
                setattr(one, keyword, "1.2.3")
            elif keyword == "MoveDestination":
                one.MoveDestination = "THERE"
            elif keyword != "CommandGroupLength":
                setattr(one, keyword, 1)
        if name.endswith("RSP"):
            one.Status = 0x0000
        for attribute in ("DataSet", "Identifier", "ModificationList", "AttributeList"):
            if hasattr(one, attribute) and shape.data in ("always", "success"):
                setattr(one, attribute, BytesIO(DATA))
        made.append((name, one))
    return made


@pytest.mark.parametrize(("name", "primitive"), _primitives())
def test_pynetdicom_writes_messages_without_a_flaw(name: str, primitive: Any) -> None:
    message = getattr(dimse_messages, name)()
    message.primitive_to_message(primitive)
    sent = b""
    for part in message.encode_msg(5, 60):
        out = P_DATA_TF()
        out.from_primitive(part)
        sent += out.encode()
    pdus = list(pdu.split(Body.of(sent)))
    assert not any(one.flaws for one in pdus)
    found = dimse.assemble(pdus)
    assert not found.flaws
    [read] = found.messages
    assert not read.flaws, read.flaws
    assert read.name.replace("-", "_") == name
    assert read.context == 5


def test_every_element_that_a_table_names_is_in_the_registry() -> None:
    assert all(TAGS.keys() >= shape.allowed for shape in SHAPES.values())
    assert len(SHAPES) == 23


def test_an_attribute_identifier_list() -> None:
    octets = regrouped(element("00001005", bytes.fromhex("1000 2000 0800 1800".replace(" ", ""))))
    assert read_command(Body.of(octets)).tags("AttributeIdentifierList") == ("00100020", "00080018")


def test_work_is_linear() -> None:
    def read(octets: bytes) -> None:
        [message] = assembled(octets).messages
        assert message.data is not None
        assert message.dataset(IMPLICIT)

    def work(count: int) -> int:
        octets = p_data(ASKS) + p_data((1, D, b"ab")) * count + p_data((1, D | LAST, b"cd"))
        return steps(lambda: read(octets))

    assert work(4_000) < 5 * work(1_000)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_command_octets_make_it_raise(octets: bytes) -> None:
    for data in (octets, GOOD + octets, octets + GOOD):
        read = read_command(Body.of(data))
        assert set(read.flaws.counts) <= set(dimse.CODES)
        assert all(len(flaw.got) < 400 for flaw in read.flaws.kept)


VALUES = st.tuples(st.sampled_from([1, 3]), st.integers(0, 3), st.sampled_from([b"", GOOD, ASKS[2], DATA, DATA[:5]]))


@given(st.lists(st.lists(VALUES, max_size=3), max_size=6), st.integers(0, 20))
@settings(max_examples=300, deadline=None)
def test_any_order_of_fragments_is_read(pdus: list[list[tuple[int, int, bytes]]], cut: int) -> None:
    octets = b"".join(p_data(*values) for values in pdus)
    found = assembled(octets[: max(len(octets) - cut, 0)])
    codes = set(found.flaws.counts).union(*(m.flaws.counts for m in found.messages))
    assert codes <= set(dimse.CODES)
    assert all(0 <= m.first <= m.last < len(pdus) for m in found.messages)
    for message in found.messages:
        assert message.name
        message.dataset("")


@given(st.lists(st.binary(max_size=9), max_size=8), st.integers(-2, 80), st.integers(-2, 80))
def test_joined_bodies_are_one(parts: list[bytes], start: int, size: int) -> None:
    whole = b"".join(parts)
    joined = Joined.over([Body.of(b"xx" + part + b"yy").slice(2, 2 + len(part)) for part in parts])
    assert (joined.size, joined.bytes()) == (len(whole), whole)
    begin = max(start, 0)
    assert joined.read(start, max(size, 0)) == whole[begin : begin + max(size, 0)]
    assert joined.slice(start, size).bytes() == whole[begin : max(size, 0)]
    assert b"".join(joined.chunks(3)) == whole
    assert joined.same(Body.of(whole))
    assert joined.slice(1, len(whole)).slice(1, 5).bytes() == whole[2:6]


def test_joined_bodies_keep_the_bound() -> None:
    piece = Body.of(bytes(1 << 20))
    joined = Joined.over([piece] * 65)
    with pytest.raises(BodyTooLarge):
        joined.bytes()
    assert Joined.over([]) is EMPTY
    assert Joined.over([piece]) is piece
