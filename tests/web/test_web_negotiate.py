from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.web import media
from simulators.web.negotiate import DICOM, EXPLICIT_LE, JSON, OCTETS, XML, Acceptable, Offer

JLS = "1.2.840.10008.1.2.4.80"
METADATA = (Offer(JSON), Offer(XML, True))
INSTANCE = (
    Offer(DICOM, True, (JLS, EXPLICIT_LE), EXPLICIT_LE),
    Offer(OCTETS, True, (EXPLICIT_LE,), EXPLICIT_LE),
    Offer(DICOM, False, (JLS, EXPLICIT_LE), EXPLICIT_LE),
)
MULTI_XML = 'multipart/related; type="application/dicom+xml"'
MULTI = 'multipart/related; type="application/dicom"'


def chosen(accept: str, offers: tuple[Offer, ...], parameter: str = "") -> tuple[str, str] | None:
    wanted = media.read_accept([parameter]) if parameter else ()
    selected = Acceptable(wanted, media.read_accept([accept])).choose(offers)
    return (selected.offer.line, selected.syntax) if selected else None


@pytest.mark.parametrize(
    ("accept", "line"),
    [
        ("application/dicom+json", JSON),
        ("APPLICATION/DICOM+JSON", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("multipart/*", MULTI_XML),
        ("multipart/related", MULTI_XML),
        ('multipart/related; type="application/dicom+xml"', MULTI_XML),
        ("multipart/related;type=application/dicom+xml", MULTI_XML),
        ('multipart/related; type="application/dicom+xml"; boundary=**', MULTI_XML),
        ('*/*;q=0.1, multipart/related; type="application/dicom+xml"', MULTI_XML),
        ('*/*, multipart/related; type="application/dicom+xml";q=0.5', JSON),
        ('application/dicom+json;Q=0.2, multipart/related; type="application/dicom+xml";q=0.3', MULTI_XML),
        ("application/dicom+json;q=0, */*", MULTI_XML),
        ("application/dicom+json;q=7", JSON),
        ("application/dicom+json; charset=utf-8", JSON),
        ("foo/bar;x=1, ;;, broken, application/dicom+json", JSON),
        ("application/dicom+json;q=0", None),
        ("application/dicom+xml", None),
        ("image/*", None),
        ("application/json", None),
        ('multipart/mixed; type="application/dicom+xml"', None),
        ("", None),
    ],
)  # fmt: skip
def test_the_metadata_type_is_chosen_as_the_standard_says(accept: str, line: str | None) -> None:
    found = chosen(accept, METADATA)
    assert (found[0] if found else None) == line


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", (MULTI, EXPLICIT_LE)),
        (MULTI, (MULTI, EXPLICIT_LE)),
        (f"{MULTI}; transfer-syntax=*", (MULTI, JLS)),
        (f"{MULTI}; transfer-syntax={JLS}", (MULTI, JLS)),
        (f'{MULTI}; transfer-syntax="{JLS}"', (MULTI, JLS)),
        (f"{MULTI}; transfer-syntax={EXPLICIT_LE}", (MULTI, EXPLICIT_LE)),
        (f"{MULTI}; transfer-syntax=1.2.840.10008.1.2", None),
        (f"{MULTI}; transfer-syntax=1.2.3;transfer-syntax={JLS}", None),
        (f"{MULTI}; transfer-syntax=1.2.840.10008.1.2.4.90, {MULTI};q=0.5", (MULTI, EXPLICIT_LE)),
        (f"{MULTI}; transfer-syntax={JLS};q=0.4, {MULTI};q=0.5", (MULTI, EXPLICIT_LE)),
        ("application/dicom", ("application/dicom", EXPLICIT_LE)),
        ("application/dicom;transfer-syntax=*", ("application/dicom", JLS)),
        ('multipart/related; type="application/*"', (MULTI, EXPLICIT_LE)),
        ('multipart/related; type="application/octet-stream"', (f'multipart/related; type="{OCTETS}"', EXPLICIT_LE)),
    ],
)
def test_the_transfer_syntax_is_chosen_with_the_media_type(accept: str, expected: tuple[str, str] | None) -> None:
    assert chosen(accept, INSTANCE) == expected


def test_the_parameter_goes_before_the_field_and_the_field_counts_when_it_gives_nothing() -> None:
    xml = 'multipart/related; type="application/dicom+xml"'
    assert chosen("*/*", METADATA, parameter=xml) == (xml, "")
    assert chosen(JSON, METADATA, parameter="application/none") == (JSON, "")


@pytest.mark.parametrize(
    ("accept", "bulk", "mixed"),
    [
        ("application/dicom, image/png", True, True),
        ("application/dicom, image/jpeg", False, True),
        ("application/octet-stream, image/jpeg", True, False),
        (f"{MULTI}, text/html", False, True),
        ("text/html, image/png, */*", False, False),
        ("application/dicom+json, */*", False, False),
        ('multipart/related; type="image/jpeg", application/octet-stream', False, False),
    ],
)
def test_dicom_and_rendered_types_do_not_mix(accept: str, bulk: bool, mixed: bool) -> None:
    assert Acceptable(field=media.read_accept([accept])).mixed(bulk) is mixed


NAMES = ["*/*", "application/*", JSON, "multipart/*", "image/png", "x", 'a/b;c="d,e"']


@given(st.lists(st.sampled_from(NAMES), max_size=6),
       st.lists(st.sampled_from(["", ";q=0", ";q=0.5", ";q=1", ";q=x"]), min_size=6, max_size=6))  # fmt: skip
def test_nothing_with_weight_zero_is_ever_chosen(names: list[str], weights: list[str]) -> None:
    accept = ", ".join(name + weight for name, weight in zip(names, weights, strict=False))
    selected = Acceptable(field=media.read_accept([accept])).choose(METADATA)
    assert selected is None or 0 < selected.weight <= 1


@given(st.text(max_size=200))
def test_any_text_can_be_read_as_an_accept_field(text: str) -> None:
    assert all(0 <= r.q <= 1 and "/" in r.name for r in media.read_accept([text]))


def test_a_comma_or_semicolon_in_quotes_does_not_divide() -> None:
    (found,) = media.read_accept(['multipart/related; type="a/b,c;d"; boundary="x\\"y"'])
    assert found.parameters == {"type": "a/b,c;d", "boundary": 'x"y'}
