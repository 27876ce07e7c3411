"""Command sets: every element of PS3.7 Annex E there and back, against an independent reader, and what is lenient."""

from __future__ import annotations

import io
import struct

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import tag_for_keyword

from harness.upper_layer.command import DICTIONARY, Malformed, decode_command, encode_command

UIDS = st.from_regex(r"[1-9](\.(0|[1-9][0-9]{0,6})){1,7}", fullmatch=True)
TEXTS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", min_size=1, max_size=16)
TAGS = st.lists(st.integers(0, 0xFFFFFFFF), min_size=1, max_size=5).map(tuple)
VALUES = {"US": st.integers(0, 0xFFFF), "UL": st.integers(0, 0xFFFFFFFF), "UI": UIDS, "AT": TAGS}
COMMANDS = st.fixed_dictionaries(
    {},
    optional={k: VALUES.get(vr, TEXTS) for k, (_, vr) in DICTIONARY.items() if k != "CommandGroupLength"},
)


@given(COMMANDS)
def test_what_is_encoded_is_decoded(command):
    assert decode_command(encode_command(command)) == command


@given(COMMANDS)
def test_an_independent_reader_reads_the_same(command):
    octets = encode_command(command)
    read = pydicom.filereader.read_dataset(io.BytesIO(octets), is_implicit_VR=True, is_little_endian=True)
    assert read[0x00000000].value == len(octets) - 12
    for keyword, value in command.items():
        found = read[DICTIONARY[keyword][0]].value
        if DICTIONARY[keyword][1] == "AT":
            assert tuple([found] if isinstance(found, int) else found) == value
        else:
            assert found == value
    tags = [element.tag for element in read]
    assert tags == sorted(tags)


def test_the_dictionary_is_that_of_the_standard():
    for keyword, (tag, vr) in DICTIONARY.items():
        assert tag_for_keyword(keyword) == tag
        assert pydicom.datadict.dictionary_VR(tag) == vr


@given(st.binary(max_size=200))
def test_any_octets_are_decoded_or_malformed(octets):
    try:
        command = decode_command(octets)
    except Malformed:
        return
    encode_command(command)


def test_bytes_stand_as_they_are_and_a_wrong_group_length_is_kept():
    octets = encode_command({"MessageID": b"\1", "CommandGroupLength": 999})
    assert octets == bytes.fromhex("00000000 04000000 e7030000 00001001 01000000 01")
    assert decode_command(octets) == {"MessageID": b"\1", "CommandGroupLength": 999}


def test_elements_that_annex_e_does_not_name_stand_under_their_tag():
    octets = encode_command({"00090010": b"ab", "Status": 0})
    assert decode_command(octets) == {"Status": 0, "00090010": b"ab"}


def test_the_first_of_two_elements_holds():
    one, two = (struct.pack("<HHIH", 0, 0x0110, 2, n) for n in (1, 2))
    assert decode_command(one + two)["MessageID"] == 1


@pytest.mark.parametrize("value", [65536, -1])
def test_a_number_that_does_not_fit_is_an_error(value):
    with pytest.raises(ValueError, match="does not fit"):
        encode_command({"MessageID": value})


def test_a_keyword_that_nobody_knows_is_an_error():
    with pytest.raises(ValueError, match="keyword"):
        encode_command({"MessageIdentifier": 1})


@pytest.mark.parametrize("octets", [b"\0" * 7, struct.pack("<HHI", 0, 2, 100) + b"1.2"])
def test_an_element_beyond_the_end_is_malformed(octets):
    with pytest.raises(Malformed):
        decode_command(octets)
