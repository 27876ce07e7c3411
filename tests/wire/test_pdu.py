"""The reader of PDUs: what is legal has no flaw, each departure has its own, and no octets make it raise."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pynetdicom import build_context, build_role
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    AsynchronousOperationsWindowNegotiation,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)

from harness.body import Body
from harness.wire import pdu
from tests.steps import steps

CONTEXT = b"1.2.840.10008.3.1.1.1"
ECHO = b"1.2.840.10008.1.1"
IMPLICIT = b"1.2.840.10008.1.2"
CT = b"1.2.840.10008.5.1.4.1.1.2"


def item(kind: int, content: bytes, reserved: int = 0) -> bytes:
    return struct.pack(">BBH", kind, reserved, len(content)) + content


def user(*more: bytes) -> bytes:
    return item(0x50, item(0x51, struct.pack(">L", 16384)) + item(0x52, b"1.2.3.4") + b"".join(more))


def proposed(number: int = 1, *subs: bytes) -> bytes:
    return item(0x20, bytes([number, 0, 0, 0]) + b"".join(subs or (item(0x30, ECHO), item(0x40, IMPLICIT))))


def accepted(number: int = 1, result: int = 0, *subs: bytes) -> bytes:
    return item(0x21, bytes([number, 0, result, 0]) + b"".join(subs or (item(0x40, IMPLICIT),)))


def associate(
    *items: bytes,
    kind: int = 1,
    version: int = 1,
    called: bytes = b"ANY-SCP         ",
    calling: bytes = b"US              ",
    reserved: bytes = bytes(32),
) -> bytes:
    content = struct.pack(">HH", version, 0) + called + calling + reserved + b"".join(items)
    return struct.pack(">BBL", kind, 0, len(content)) + content


def pdu_of(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBL", kind, 0, len(content)) + content


def pdv(fragment: bytes, header: int = 3, context: int = 1) -> bytes:
    return struct.pack(">LBB", len(fragment) + 2, context, header) + fragment


REQUEST = (item(0x10, CONTEXT), proposed(), user())
ANSWER = (item(0x10, CONTEXT), accepted(), user())


def codes(octets: bytes) -> set[str]:
    return set(pdu.read(Body.of(octets)).flaws.counts)


@pytest.mark.parametrize(
    "octets",
    [
        associate(*REQUEST),
        associate(*REQUEST, version=3),
        associate(REQUEST[0], *(proposed(n) for n in range(1, 256, 2)), REQUEST[2]),
        associate(*ANSWER, kind=2, called=bytes(16), calling=bytes(16), reserved=b"x" * 32),
        associate(ANSWER[0], accepted(1, 3, item(0x40, b"")), ANSWER[2], kind=2),
        pdu_of(3, b"\0\x01\x01\x07"),
        pdu_of(4, pdv(b"ab") + pdv(b"cdef", 0)),
        pdu_of(5, bytes(4)),
        pdu_of(6, bytes(4)),
        pdu_of(7, bytes(4)),
        pdu_of(7, b"\0\0\x02\x06"),
    ],
)
def test_a_legal_pdu_has_no_flaw(octets: bytes) -> None:
    read = pdu.read(Body.of(octets))
    assert codes(octets) == set()
    assert read.complete
    assert read.octets.bytes() == octets


ROLE = item(0x54, struct.pack(">H", len(CT)) + CT + b"\1\1")
NEGOTIATED = item(0x56, struct.pack(">H", len(CT)) + CT + b"\2\0")


def common(version: int = 0, rest: bytes = b"", related: bytes = b"") -> bytes:
    content = struct.pack(">H", len(CT)) + CT + struct.pack(">H", 7) + b"1.2.3.4"
    return item(0x57, content + struct.pack(">H", len(related)) + related + rest, version)


def identity(kind: int, positive: int, primary: bytes, secondary: bytes = b"", rest: bytes = b"") -> bytes:
    content = struct.pack(">BBH", kind, positive, len(primary)) + primary
    return item(0x58, content + struct.pack(">H", len(secondary)) + secondary + rest)


def request(*more: bytes) -> bytes:
    return associate(REQUEST[0], REQUEST[1], user(*more))


def answer(*more: bytes) -> bytes:
    return associate(ANSWER[0], ANSWER[1], user(*more), kind=2)


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (pdu_of(9, b""), "pdu.type"),
        (b"\5\1\0\0\0\4\0\0\0\0", "pdu.reserved"),
        (pdu_of(5, b"\0\0\0\1"), "pdu.reserved"),
        (pdu_of(6, b""), "pdu.length"),
        (pdu_of(7, bytes(5)), "pdu.length"),
        (pdu_of(1, bytes(10)), "pdu.length"),
        (pdu_of(3, b"\0\0\1\1"), "pdu.reject-result"),
        (pdu_of(3, b"\0\1\4\1"), "pdu.reject-source"),
        (pdu_of(3, b"\0\1\1\4"), "pdu.reject-reason"),
        (pdu_of(3, b"\0\1\3\0"), "pdu.reject-reason"),
        (pdu_of(3, b"\1\1\1\1"), "pdu.reserved"),
        (pdu_of(7, b"\0\0\1\0"), "pdu.abort-source"),
        (pdu_of(7, b"\0\0\0\1"), "pdu.abort-reason"),
        (pdu_of(7, b"\0\0\2\3"), "pdu.abort-reason"),
        (pdu_of(7, b"\0\1\2\0"), "pdu.reserved"),
        (pdu_of(4, b""), "pdu.no-pdv"),
        (pdu_of(4, b"\0\0\0\1\1"), "pdu.pdv-length"),
        (pdu_of(4, b"\0\0\0\0"), "pdu.pdv-length"),
        (pdu_of(4, b"\xff\xff\xff\xff\1\3ab"), "pdu.pdv-overrun"),
        (pdu_of(4, pdv(b"ab") + b"\0\0"), "pdu.pdv-rest"),
        (pdu_of(4, pdv(b"")), "pdu.pdv-empty"),
        (pdu_of(4, pdv(b"a")), "pdu.pdv-odd"),
        (pdu_of(4, pdv(b"ab", 7)), "pdu.control-header"),
        (pdu_of(4, pdv(b"ab", context=2)), "pdu.context-id"),
        (associate(*REQUEST, version=2), "pdu.protocol-version"),
        (associate(*REQUEST, called=b"ANY\0SCP         "), "pdu.ae-title"),
        (associate(*REQUEST, calling=b"A\\B             "), "pdu.ae-title"),
        (associate(*REQUEST, calling=b" " * 16), "pdu.ae-blank"),
        (associate(*REQUEST, reserved=b"x" * 32), "pdu.reserved"),
        (associate(REQUEST[1], REQUEST[0], REQUEST[2]), "pdu.item-order"),
        (associate(REQUEST[0], REQUEST[0], *REQUEST[1:]), "pdu.item-repeated"),
        (associate(*REQUEST, REQUEST[2]), "pdu.item-repeated"),
        (associate(*REQUEST[:2]), "pdu.item-missing"),
        (associate(*REQUEST[1:]), "pdu.item-missing"),
        (associate(REQUEST[0], REQUEST[2]), "pdu.item-missing"),
        (associate(REQUEST[0], proposed(1, item(0x30, ECHO)), REQUEST[2]), "pdu.item-missing"),
        (associate(REQUEST[0], proposed(1, item(0x40, IMPLICIT)), REQUEST[2]), "pdu.item-missing"),
        (associate(REQUEST[0], accepted(), REQUEST[2]), "pdu.item-misplaced"),
        (associate(*REQUEST, item(0x40, IMPLICIT)), "pdu.item-misplaced"),
        (associate(*ANSWER[:1], proposed(), ANSWER[2], kind=2), "pdu.item-misplaced"),
        (associate(*REQUEST, item(0x60, b"")), "pdu.item-unknown"),
        (associate(REQUEST[0], item(0x20, b"\1"), REQUEST[2]), "pdu.item-length"),
        (associate(*REQUEST, b"\x50\0\xff\xff"), "pdu.item-overrun"),
        (associate(*REQUEST, b"\x50\0"), "pdu.item-rest"),
        (associate(item(0x10, CONTEXT, 1), *REQUEST[1:]), "pdu.reserved"),
        (associate(REQUEST[0], proposed(2), REQUEST[2]), "pdu.context-id"),
        (associate(REQUEST[0], proposed(1), proposed(1), REQUEST[2]), "pdu.context-repeated"),
        (associate(ANSWER[0], accepted(1, 5), ANSWER[2], kind=2), "pdu.result"),
        (associate(ANSWER[0], accepted(1, 0, item(0x40, IMPLICIT) * 2), ANSWER[2], kind=2), "pdu.transfer-many"),
        (associate(ANSWER[0], item(0x21, b"\1\0\0\0"), ANSWER[2], kind=2), "pdu.item-missing"),
        (associate(ANSWER[0], item(0x21, b"\1\0\3\0"), ANSWER[2], kind=2), "pdu.transfer-missing-rejected"),
        (associate(item(0x10, b"1.02.3"), *REQUEST[1:]), "pdu.uid"),
        (associate(item(0x10, b""), *REQUEST[1:]), "pdu.uid"),
        (associate(item(0x10, b"1." + b"1" * 63), *REQUEST[1:]), "pdu.uid"),
        (associate(item(0x10, CONTEXT + b"\0"), *REQUEST[1:]), "pdu.uid-padding"),
        (associate(*REQUEST[:2], item(0x50, item(0x51, bytes(4)))), "pdu.user-missing"),
        (associate(*REQUEST[:2], item(0x50, item(0x52, b"1.2"))), "pdu.user-missing"),
        (request(item(0x51, bytes(4))), "pdu.user-repeated"),
        (request(item(0x5A, b"")), "pdu.user-unknown"),
        (request(item(0x53, bytes(5))), "pdu.user-length"),
        (request(item(0x54, b"\0\x09\x31")), "pdu.user-length"),
        (request(item(0x59, b"\0\0")), "pdu.user-misplaced"),
        (answer(common()), "pdu.user-misplaced"),
        (answer(identity(1, 0, b"me")), "pdu.user-misplaced"),
        (request(ROLE, ROLE), "pdu.user-class-repeated"),
        (request(NEGOTIATED, NEGOTIATED), "pdu.user-class-repeated"),
        (request(ROLE[:-1] + b"\2"), "pdu.role"),
        (request(item(0x55, b"")), "pdu.version-name"),
        (request(item(0x55, b"x" * 17)), "pdu.version-name"),
        (request(common(1)), "pdu.common-version"),
        (request(common(rest=b"xy")), "pdu.common-reserved"),
        (request(common(related=b"\0\x091.2")), "pdu.user-length"),
        (request(identity(6, 0, b"me")), "pdu.identity-type"),
        (request(identity(1, 2, b"me")), "pdu.identity-positive"),
        (request(identity(1, 0, b"me", b"secret")), "pdu.identity-secondary"),
        (request(identity(1, 0, b"me", rest=b"x")), "pdu.user-length"),
        (answer(item(0x59, b"\0\x02x")), "pdu.user-length"),
    ],
)
def test_a_departure_has_its_own_flaw(octets: bytes, code: str) -> None:
    found = pdu.read(Body.of(octets)).flaws
    assert code in found.counts, found
    assert code in pdu.CODES
    assert all("octet" in flaw.where for flaw in found.kept)


def test_every_code_of_a_pdu_is_tried_above_or_is_a_bound() -> None:
    mark = test_a_departure_has_its_own_flaw.pytestmark[0]  # type: ignore[attr-defined]
    tried = {code for _, code in mark.args[1]}
    assert set(pdu.CODES) - tried == {"pdu.too-many", "pdu.stream-too-many"}
    assert pdu.NOTES.issubset(pdu.CODES)


def test_what_an_association_request_says() -> None:
    passcode = identity(2, 1, b"me", b"secret")
    version, window = item(0x55, b"OURS_1"), item(0x53, struct.pack(">HH", 5, 0))
    sent = associate(item(0x10, CONTEXT), proposed(3), user(version, window, ROLE, NEGOTIATED, common(), passcode))
    read = pdu.read(Body.of(sent))
    found = read.associate
    assert found is not None
    assert (found.protocol_version, found.called, found.calling) == (1, b"ANY-SCP         ", b"US              ")
    assert found.application_contexts == (CONTEXT.decode(),)
    [context] = found.contexts
    assert (context.id, context.result, context.abstract, context.transfer) == (
        3, None, (ECHO.decode(),), (IMPLICIT.decode(),),
    )  # fmt: skip
    assert sent[context.at] == 0x20
    who = found.user
    assert (who.maximum_length, who.implementation_class, who.implementation_version) == (16384, "1.2.3.4", "OURS_1")
    assert who.window == pdu.Window(5, 0)
    assert who.roles == (pdu.Role(CT.decode(), 1, 1),)
    assert who.extended == (pdu.Extended(CT.decode(), b"\2\0"),)
    assert who.common == (pdu.Common(CT.decode(), "1.2.3.4", ()),)
    assert who.identity == pdu.Identity(2, 1, b"me", b"secret")
    assert "secret" not in repr(who.identity)
    assert [one.type for one in found.items] == [0x10, 0x20, 0x50]
    assert not read.flaws


def test_rejection_and_abort() -> None:
    assert pdu.read(Body.of(pdu_of(3, b"\0\2\3\1"))).reject == pdu.Reject(2, 3, 1)
    assert pdu.read(Body.of(pdu_of(7, b"\0\0\2\5"))).abort == pdu.Abort(2, 5)
    assert pdu.read(Body.of(pdu_of(7, b"\0\0"))).abort is None


def test_a_stream_is_split_at_its_pdus_and_the_last_may_be_cut(tmp_path: Path) -> None:
    pieces = [associate(*REQUEST), pdu_of(4, pdv(b"ab") + pdv(b"cd", 2)), pdu_of(5, bytes(4))]
    whole = b"".join(pieces)
    (tmp_path / "stream").write_bytes(whole + b"\4\0\0\0\xff")
    found = list(pdu.split(Body.file(tmp_path / "stream")))
    assert [one.name for one in found] == ["A-ASSOCIATE-RQ", "P-DATA-TF", "A-RELEASE-RQ", "P-DATA-TF"]
    assert [one.complete for one in found] == [True, True, True, False]
    assert [one.octets.bytes() for one in found[:3]] == pieces
    assert [one.fragment.bytes() for one in found[1].pdvs] == [b"ab", b"cd"]
    assert [(one.command, one.last) for one in found[1].pdvs] == [(True, True), (False, True)]
    assert not found[3].flaws


@pytest.mark.parametrize("octets", [associate(*REQUEST), answer(ROLE), pdu_of(4, pdv(b"ab") + pdv(b"cdef", 0))])
def test_what_did_not_come_yet_is_no_flaw(octets: bytes) -> None:
    for size in range(len(octets)):
        cut = pdu.read(Body.of(octets[:size]))
        assert not cut.flaws, (size, cut.flaws)
        assert not cut.complete


def test_an_http_answer_is_an_unknown_pdu() -> None:
    [one] = pdu.split(Body.of(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    assert (one.name, one.complete) == ("unknown PDU 48H", False)


def test_pynetdicom_writes_requests_without_a_flaw() -> None:
    asked = A_ASSOCIATE()
    asked.application_context_name = CONTEXT.decode()
    asked.calling_ae_title, asked.called_ae_title = "US", "THEM"
    contexts = [build_context(ECHO.decode()), build_context(CT.decode(), [IMPLICIT.decode(), "1.2.840.10008.1.2.1"])]
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    asked.presentation_context_definition_list = contexts
    asked.user_information = _all_of_it()
    sent = A_ASSOCIATE_RQ()
    sent.from_primitive(asked)
    read = pdu.read(Body.of(sent.encode()))
    assert not read.flaws
    assert read.associate is not None
    assert len(read.associate.user.items) == 8
    assert [c.abstract[0] for c in read.associate.contexts] == [ECHO.decode(), CT.decode()]


def _all_of_it() -> list[Any]:
    length, name, version = (
        MaximumLengthNotification(),
        ImplementationClassUIDNotification(),
        ImplementationVersionNameNotification(),
    )
    length.maximum_length_received = 16382
    name.implementation_class_uid = "1.2.3.4"
    version.implementation_version_name = "THEIRS"
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked, window.maximum_number_operations_performed = 3, 1
    extended, together = SOPClassExtendedNegotiation(), SOPClassCommonExtendedNegotiation()
    extended.sop_class_uid, extended.service_class_application_information = CT.decode(), b"\1\1"
    together.sop_class_uid, together.service_class_uid = CT.decode(), "1.2.840.10008.4.2"
    together.related_general_sop_class_identification = ["1.2.840.10008.5.1.4.1.1.7"]
    who = UserIdentityNegotiation()
    who.user_identity_type, who.primary_field = 1, b"me"
    return [length, name, version, window, build_role(CT.decode(), True, True), extended, together, who]


def test_pynetdicom_writes_answers_without_a_flaw() -> None:
    told = A_ASSOCIATE()
    told.application_context_name = CONTEXT.decode()
    told.calling_ae_title, told.called_ae_title = "US", "THEM"
    told.result, told.result_source = 0, 1
    context = build_context(ECHO.decode(), IMPLICIT.decode())
    context.context_id, context.result = 1, 0
    told.presentation_context_definition_results_list = [context]
    told.user_information = _all_of_it()[:2]
    sent = A_ASSOCIATE_AC()
    sent.from_primitive(told)
    assert not pdu.read(Body.of(sent.encode())).flaws


# what echoscu of DCMTK 3.6.7 says, from the wire
DCMTK = associate(
    item(0x10, CONTEXT),
    item(0x20, b"\1\0\xff\0" + item(0x30, ECHO) + item(0x40, IMPLICIT)),
    item(
        0x50,
        item(0x51, b"\0\0\x40\0") + item(0x52, b"1.2.276.0.7230010.3.0.3.6.7") + item(0x55, b"OFFIS_DCMTK_367"),
    ),
)


def test_dcmtk_sends_a_reserved_octet_that_is_not_zero() -> None:
    [flaw] = pdu.read(Body.of(DCMTK)).flaws.kept
    assert (flaw.code, flaw.where, flaw.got) == ("pdu.reserved", "context 1 at octet 104", "00 ff 00")


def _many_items(size: int) -> bytes:
    return associate(item(0x10, CONTEXT) * (size // 25))


def _many_values(size: int) -> bytes:
    return pdu_of(4, b"\0\0\0\2\1\0" * (size // 6))


def _many_pdus(size: int) -> bytes:
    return b"\4\0\0\0\0\0" * (size // 6)


@pytest.mark.parametrize("made", [_many_items, _many_values, _many_pdus])
def test_work_is_linear(made: Callable[[int], bytes]) -> None:
    def work(octets: bytes) -> int:
        return steps(lambda: [one.flaws for one in pdu.split(Body.of(octets))])

    assert work(made(80_000)) < 5 * work(made(20_000))


@pytest.mark.parametrize("octets", [_many_values(600_000), associate(b"\x60\0\0\0" * 80_000)])
def test_items_and_values_are_bounded(octets: bytes) -> None:
    read = pdu.read(Body.of(octets))
    assert read.flaws.counts["pdu.too-many"] == 1
    assert read.complete


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_no_octets_make_it_raise(octets: bytes) -> None:
    total = 0
    for one in pdu.split(Body.of(octets)):
        total += one.octets.size
        assert set(one.flaws.counts) <= set(pdu.CODES)
    assert total == len(octets)


@given(
    st.sampled_from([associate(*REQUEST), answer(ROLE, NEGOTIATED), request(common(), identity(2, 1, b"a", b"b"))]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
)
@settings(max_examples=300, deadline=None)
def test_changed_octets_are_read_to_their_end(octets: bytes, changes: list[tuple[int, int]]) -> None:
    made = bytearray(octets)
    for at, value in changes:
        made[at % len(made)] = value
    read = pdu.read(Body.of(bytes(made)))
    assert set(read.flaws.counts) <= set(pdu.CODES)
    assert all(len(flaw.got) < 400 for flaw in read.flaws.kept)
