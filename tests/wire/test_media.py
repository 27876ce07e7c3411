"""Tests of the strict reading of Content-Type and Accept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.wire import media
from harness.wire.media import CODES, NOTES, Range, read_accept, read_content_type


def codes(reading: media.Reading | media.AcceptReading) -> set[str]:
    return set(reading.flaws.counts)


def departures(reading: media.Reading | media.AcceptReading) -> set[str]:
    return codes(reading) - NOTES


@pytest.mark.parametrize(
    "text",
    [
        "application/dicom+json",
        "APPLICATION/Dicom+JSON",
        "application/dicom;transfer-syntax=1.2.840.10008.1.2.4.50",
        "application/dicom \t;\t charset=utf-8",
        "application/dicom;",
        "application/dicom; ; charset=utf-8",
        'multipart/related; type="application/dicom"; boundary="a/b:c=d?(e)"',
        'multipart/related;boundary=**;type="image/*"',
        'a/b; c="with \\"quotes\\" and \\\\ and ; and ,"',
        'application/dicom; charset="ISO_IR 192"',
        'a/b;c=""',
    ],
)
def test_legal_content_types_have_no_flaw(text: str) -> None:
    assert codes(read_content_type([text])) == set()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "media.empty"),
        ("   ", "media.empty"),
        ("application", "media.type"),
        ("application/", "media.type"),
        ("application/dicom json", "media.type"),
        ("*/*", "media.wildcard"),
        ("image/*", "media.wildcard"),
        ("application/dicom, application/json", "media.list"),
        ("a/b; c", "media.parameter"),
        ("a/b; =c", "media.parameter"),
        ("a/b; c =d", "media.parameter-space"),
        ("a/b; c= d", "media.parameter-space"),
        ("a/b; c=d e", "media.token"),
        ("a/b; c=", "media.token"),
        ("a/b; type=c/d", "media.token"),
        ('a/b; c="d', "media.quoted-string"),
        ('a/b; c="d"e', "media.quoted-string"),
        ("a/b; c=d; C=e", "media.duplicate-parameter"),
        ("a/b; transfer-syntax=1.2; transfer-syntax=1.2", "media.duplicate-parameter"),
        ("multipart/related; type=application/dicom; boundary=x", "media.unquoted-type"),
        ('multipart/related; type="application/dicom"; boundary=a/b', "media.unquoted-boundary"),
        ('multipart/related; type="application/dicom"; boundary=a=b', "media.unquoted-boundary"),
        ('multipart/related; type="application/dicom"; boundary=a,b/c', "media.unquoted-boundary"),
        ('multipart/related; type="dicom"; boundary=x', "media.type-parameter"),
        ('multipart/related; type="image/jpeg; transfer-syntax=1.2"; boundary=x', "media.type-with-parameters"),
        ("a/b\x00", "media.characters"),
        ("a/b; c=" + "d" * 70_000, "media.too-long"),
    ],
)
def test_each_departure_has_its_code(text: str, code: str) -> None:
    reading = read_content_type([text])
    assert code in codes(reading)
    assert codes(reading) - {code} <= {"media.type"}


def test_values_are_unquoted_and_names_lower_case() -> None:
    reading = read_content_type(['Multipart/Related; TYPE="application/dicom"; Boundary="a\\"b"; charset=UTF-8'])
    assert reading.type == "multipart/related"
    assert reading.parameters == {"type": "application/dicom", "boundary": 'a"b', "charset": "UTF-8"}


def test_an_unquoted_type_is_still_read() -> None:
    reading = read_content_type(["multipart/related; type=application/dicom+json; boundary=a(b)"])
    assert reading.parameters == {"type": "application/dicom+json", "boundary": "a(b)"}
    assert departures(reading) == set()


def test_the_first_of_two_fields_and_of_two_parameters_wins() -> None:
    reading = read_content_type(["a/b; c=1; c=2", "d/e"])
    assert (reading.type, reading.parameters) == ("a/b", {"c": "1"})
    assert codes(reading) == {"media.repeated", "media.duplicate-parameter"}


def test_no_field_is_an_empty_reading() -> None:
    assert read_content_type([]) == media.Reading()
    assert not read_accept([]).present


def test_accept_reads_ranges_weights_and_positions() -> None:
    reading = read_accept(["text/*;q=0.5, , */*; Q=0.123 ,", 'multipart/related; type="image/*"; boundary=**; q=1.000'])
    assert codes(reading) == set()
    assert [(r.type, r.q, r.position) for r in reading.ranges] == [
        ("text/*", 0.5, 0),
        ("*/*", 0.123, 1),
        ("multipart/related", 1.0, 2),
    ]
    assert reading.ranges[2].parameters == {"type": "image/*", "boundary": "**"}


@pytest.mark.parametrize(
    ("member", "code"),
    [
        ("a/b;q=0.1234", "media.q"),
        ("a/b;q=1.001", "media.q"),
        ("a/b;q=2", "media.q"),
        ("a/b;q=.5", "media.q"),
        ("a/b;q=-1", "media.q"),
        ("a/b;q=x", "media.q"),
        ('a/b;q="0.5"', "media.q"),
        ("*/json", "media.range"),
        ("a/b*", "media.range"),
        ("*", "media.type"),
        ("json", "media.type"),
        ("a/b;c", "media.parameter"),
        ('a/b;c="d', "media.quoted-string"),
        ("a/b;c=d/e", "media.token"),
    ],
)
def test_a_broken_member_is_a_flaw_and_is_left_out(member: str, code: str) -> None:
    reading = read_accept([f"x/y, {member}"])
    assert codes(reading) == {code}
    assert [r.type for r in reading.ranges] == ["x/y"]
    assert [f.where for f in reading.flaws.kept] == ["Accept[1]"]


@pytest.mark.parametrize("text", ["", " , ,"])
def test_an_accept_without_ranges(text: str) -> None:
    assert codes(read_accept([text])) == {"media.accept-empty"}


def test_a_weight_in_the_middle_is_only_noted() -> None:
    reading = read_accept(['multipart/related; type="application/dicom";transfer-syntax=1.2;q=0.5;boundary=**'])
    assert codes(reading) == {"media.q-not-last"}
    assert reading.ranges[0].q == 0.5
    assert departures(reading) == set()


def test_the_weights_of_the_example_in_rfc_9110() -> None:
    accept = read_accept(
        ["text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, */*;q=0.5"]
    )
    wanted = {
        "text/plain;format=flowed": 1,
        "text/plain": 0.7,
        "text/html": 0.3,
        "image/jpeg": 0.5,
        "text/plain;format=fixed": 0.4,
        "text/html;level=3": 0.3,
    }
    assert {text: accept.weight(read_content_type([text])) for text in wanted} == wanted


def test_nothing_that_covers_weighs_nothing() -> None:
    accept = read_accept(["application/dicom+json"])
    assert accept.weight(read_content_type(["application/json"])) == 0
    assert read_accept([]).weight(read_content_type(["a/b"])) == 1


@pytest.mark.parametrize(
    ("range_", "type_", "covered"),
    [
        ('multipart/related; type="image/*"', 'multipart/related; type="image/jpeg"; boundary=x', True),
        ('multipart/related; type="IMAGE/JPEG"; boundary=**', 'multipart/related; type="image/jpeg"; boundary=x', True),
        ('multipart/related; type="application/dicom"', 'multipart/related; type="image/jpeg"; boundary=x', False),
        ('multipart/related; type="application/dicom"', "multipart/related; boundary=x", False),
        ("multipart/related", 'multipart/related; type="image/jpeg"; boundary=x', True),
        ("multipart/*", 'multipart/related; type="image/jpeg"; boundary=x', True),
        ("application/dicom", 'multipart/related; type="application/dicom"; boundary=x', False),
        ("application/dicom; transfer-syntax=*", "application/dicom; transfer-syntax=1.2", True),
        ("application/dicom; transfer-syntax=1.3", "application/dicom; transfer-syntax=1.2", False),
        ("application/dicom; transfer-syntax=1.3", "application/dicom", True),
        ("application/dicom+json; charset=utf-8", "application/dicom+json; charset=UTF-8", True),
        ("application/dicom+json; charset=utf-8", "application/dicom+json", True),
        ("application/dicom+json; charset=utf-8", "application/dicom+json; charset=latin1", False),
    ],
)
def test_what_a_range_covers(range_: str, type_: str, covered: bool) -> None:
    reading = read_content_type([type_])
    assert read_accept([range_]).ranges[0].covers(reading.type, reading.parameters) is covered


def test_the_more_specific_range_decides() -> None:
    accept = read_accept(["application/dicom;q=0.9, application/dicom;transfer-syntax=1.2;q=0, */*;q=0.1"])
    assert accept.weight(read_content_type(["application/dicom;transfer-syntax=1.2"])) == 0
    assert accept.weight(read_content_type(["application/dicom;transfer-syntax=1.3"])) == 0.9


def test_range_is_plain_data() -> None:
    assert Range("a/*", {}, 1.0, 0).covers("A/B")


@given(st.text(max_size=200))
def test_any_text_is_read_and_only_known_codes_come_out(text: str) -> None:
    assert codes(read_content_type([text])) | codes(read_accept([text])) <= set(CODES)


@given(
    st.dictionaries(
        st.from_regex(r"[a-pr-z]{1,8}", fullmatch=True), st.text(st.characters(min_codepoint=32, max_codepoint=126))
    )
)
def test_quoting_is_undone(parameters: dict[str, str]) -> None:
    words = ['; {}="{}"'.format(k, v.replace("\\", "\\\\").replace('"', '\\"')) for k, v in parameters.items()]
    reading = read_content_type(["application/x" + "".join(words)])
    assert reading.parameters == parameters
    assert codes(reading) == set()
