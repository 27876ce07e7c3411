"""Association PDUs: there and back, against an independent codec both ways, and lies at every level."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom import pdu as independent

from harness.upper_layer import decode, encode
from harness.upper_layer.command import Malformed
from harness.upper_layer.item import Item, Pdu
from harness.upper_layer.message import echo_rq
from harness.upper_layer.offer import (
    Abort,
    Acceptance,
    Answered,
    Common,
    Extended,
    Identity,
    Offer,
    Proposed,
    Rejection,
    Role,
    Window,
    propose,
)

UIDS = st.from_regex(r"[1-9](\.(0|[1-9][0-9]{0,6})){1,7}", fullmatch=True)
TITLES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", min_size=1, max_size=16)
FEW = st.tuples(UIDS) | st.tuples(UIDS, UIDS)
SHARED = {
    "maximum_length": st.none() | st.integers(0, 0xFFFFFFFF),
    "implementation_class": UIDS,
    "implementation_version": TITLES,
    "roles": st.lists(st.builds(Role, UIDS, st.integers(0, 1), st.integers(0, 1)), max_size=3).map(tuple),
    "window": st.none() | st.builds(Window, st.integers(0, 65535), st.integers(0, 65535)),
    "extended": st.lists(st.builds(Extended, UIDS, st.binary(max_size=8)), max_size=3).map(tuple),
    "reserved": st.binary(min_size=32, max_size=32),
}
IDENTITIES = st.builds(Identity, st.integers(0, 255), st.binary(max_size=9), st.binary(max_size=9), st.integers(0, 1))
OFFERS = st.builds(
    Offer,
    st.lists(st.builds(Proposed, st.integers(0, 255), UIDS, FEW), max_size=5).map(tuple),
    TITLES, TITLES, **SHARED,
    common=st.lists(st.builds(Common, UIDS, UIDS, FEW | st.just(())), max_size=2).map(tuple),
    identity=st.none() | IDENTITIES,
)  # fmt: skip
ACCEPTANCES = st.builds(
    Acceptance,
    st.lists(st.builds(Answered, st.integers(0, 255), st.just(0), UIDS), max_size=5).map(tuple),
    TITLES, TITLES, **SHARED,
    identity=st.none() | st.binary(max_size=9),
)  # fmt: skip


def padded(says):
    return says.but(called=says.called.encode().ljust(16), calling=says.calling.encode().ljust(16))


@given(OFFERS)
def test_an_offer_there_and_back(offer):
    octets = encode.associate_rq(offer).encode()
    assert int.from_bytes(octets[2:6], "big") == len(octets) - 6
    assert decode.associate_rq(octets[6:]) == padded(offer)


@given(ACCEPTANCES)
def test_an_acceptance_there_and_back(acceptance):
    assert decode.associate_ac(encode.associate_ac(acceptance).encode()[6:]) == padded(acceptance)


OFFER = Offer(
    propose([("1.2.840.10008.1.1", ["1.2.840.10008.1.2"]), ("1.2.3", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"])]),
    "CALLED", "CALLING", 16384, "1.2.3.4", "VERSION_1",
    (Role("1.2.3", 0, 1),), Window(5, 0), (Extended("1.2.3", b"\1\0\1"),),
    (Common("1.2.3", "1.2.840.10008.4.2", ("1.2.3.5", "1.2.3.6")),), Identity(2, b"user", b"word", 1),
)  # fmt: skip


def test_an_independent_codec_reads_an_offer():
    read = independent.A_ASSOCIATE_RQ()
    octets = encode.associate_rq(OFFER).encode()
    read.decode(octets)
    assert (read.called_ae_title, read.calling_ae_title) == ("CALLED", "CALLING")
    assert [c.context_id for c in read.presentation_context] == [1, 3]
    assert [str(t) for t in read.presentation_context[1].transfer_syntax] == list(OFFER.contexts[1].transfer)
    user = read.user_information
    assert (user.maximum_length, str(user.implementation_class_uid)) == (16384, "1.2.3.4")
    assert user.async_ops_window.maximum_number_operations_invoked == 5
    assert (user.role_selection["1.2.3"].scu_role, user.role_selection["1.2.3"].scp_role) == (0, 1)
    assert user.ext_neg[0].app_info == b"\1\0\1"
    assert [str(u) for u in user.common_ext_neg[0].related_general_sop_class_identification] == ["1.2.3.5", "1.2.3.6"]
    assert (user.user_identity.primary_field, user.user_identity.secondary_field) == (b"user", b"word")
    assert read.encode() == octets  # octet for octet what it would say itself


def test_an_acceptance_of_an_independent_codec_is_read():
    acceptance = Acceptance(
        (Answered(1, 0, "1.2.840.10008.1.2"), Answered(3, 4, "1.2.9")), "CALLED", "CALLING", 0, "1.2.3.4", "V",
        (Role("1.2.3", 1, 0),), Window(1, 1), (Extended("1.2.3", b"\1"),), b"ticket",
    )  # fmt: skip
    read = independent.A_ASSOCIATE_AC()
    read.decode(encode.associate_ac(acceptance).encode())
    assert [(c.context_id, c.result) for c in read.presentation_context] == [(1, 0), (3, 4)]
    assert read.user_information.user_identity.server_response == b"ticket"
    turned_down = Answered(3, 4)  # its transfer syntax means nothing (PS3.8 9.3.3.2)
    wanted = padded(acceptance).but(contexts=(acceptance.contexts[0], turned_down))
    assert decode.associate_ac(read.encode()[6:]) == wanted


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (encode.associate_rj(Rejection(2, 3, 1)), independent.A_ASSOCIATE_RJ),
        (encode.release_rq(), independent.A_RELEASE_RQ),
        (encode.release_rp(), independent.A_RELEASE_RP),
        (encode.abort(Abort(2, 6)), independent.A_ABORT_RQ),
        (encode.data(encode.pdv(1, echo_rq(1, 1).octets(), True)), independent.P_DATA_TF),
    ],
)
def test_the_short_pdus_are_those_of_an_independent_codec(made, kind):
    read = kind()
    read.decode(made.encode())
    assert read.encode() == made.encode()


def test_rejection_and_abort_are_read():
    assert decode.associate_rj(b"\0\2\3\1") == Rejection(2, 3, 1)
    assert decode.abort(b"\0\0\2\6") == Abort(2, 6)
    for read in (decode.associate_rj, decode.abort):
        with pytest.raises(Malformed):
            read(b"\0\0\0")


@given(st.binary(max_size=400), st.booleans())
def test_any_octets_are_read_or_malformed(octets, whole):
    content = (bytes(68) if whole else b"") + octets
    for read in (decode.associate_rq, decode.associate_ac):
        try:
            said = read(content)
        except Malformed:
            continue
        assert len(content) >= 68
        assert said.reserved == content[36:68]


@given(OFFERS, st.data())
def test_a_cut_offer_is_malformed_or_shorter(offer, data):
    content = encode.associate_rq(offer).encode()[6:]
    at = data.draw(st.integers(0, len(content) - 1))
    try:
        read = decode.associate_rq(content[:at])
    except Malformed:
        return
    assert read != padded(offer)


def test_lies_at_every_level():
    pdu = encode.associate_rq(OFFER)
    fixed, application, *rest = pdu.parts
    lying = dataclasses.replace(application, length=3, reserved=9)
    assert lying.encode()[:4] == bytes((0x10, 9, 0, 3))
    octets = Pdu(
        pdu.type, (fixed, lying, Item(0x99, (b"raw", Item(0x30, (b"inner",)))), b"loose octets", *rest)
    ).encode()
    assert b"\x99\0\0\x0craw\x30\0\0\5innerloose octets" in octets
    assert dataclasses.replace(pdu, length=7).encode()[2:6] == b"\0\0\0\7"
    assert encode.pdv(200, b"abc", header=0xFC, length=1) == bytes.fromhex("00000001 c8 fc") + b"abc"
    assert OFFER.but(called=b"RAW\0").called == encode.title(b"RAW\0")


def test_what_cannot_be_encoded_is_an_error():
    with pytest.raises(ValueError, match="16 octets"):
        encode.title("SEVENTEEN LETTERS")
    with pytest.raises(ValueError, match="do not fit"):
        Item(0x10, (bytes(65536),)).encode()
    with pytest.raises(ValueError, match="128"):
        propose([("1.2", ["1.2"])] * 129)
