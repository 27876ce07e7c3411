"""Rules on content negotiation, each on hand-made exchanges; the choice of media type as a property."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.body import Body
from harness.make.accepts import OFFERED, AcceptCase, accepts
from harness.make.corpus import corpus
from suites.web.negotiation.syntax import codec
from suites.web.negotiation.tables import offers
from tests.suites.messages import (
    DICOM,
    FRAME,
    INSTANCE,
    JSON,
    METADATA,
    OCTETS,
    XML,
    answer,
    ask,
    exchange,
    fails,
    journey,
    listed,
    passes,
    related,
    said,
    warns,
)

HELD = {"held": True, "lossless": True, "pixels": True}
DOCUMENTS = related([("application/dicom+xml", b"<NativeDicomModel/>")])
FILES = related([("application/dicom", bytes(128) + b"DICM")])
OCTET_PARTS = related([("application/octet-stream", b"\0\1")])


def metadata(accept: str | None, given_answer=None, query: str = "", **more):
    return exchange(given_answer or listed(), ask(METADATA + query, accept), facts=more.pop("facts", HELD), **more)


def test_the_tables_by_edition() -> None:
    assert [str(o) for o in offers("web.retrieve.metadata", "2024e")] == [JSON, XML]
    assert [str(o) for o in offers("web.search.studies", "2020c")] == [JSON, XML]
    assert offers("web.retrieve.instances", "2024e")[0].default
    assert not offers("web.retrieve.instances", "2020c")[0].default
    assert offers("web.retrieve.rendered", "2024e") == ()
    assert offers("web.store", "2024e") == ()


@pytest.mark.parametrize(
    "accept", [JSON, "*/*", "application/*", f"{XML}, {JSON};q=0.1", "Application/DICOM+json;charset=x"]
)
def test_acceptable_answers(accept: str) -> None:
    assert passes("negotiation.answer-acceptable", metadata(accept))


def test_unacceptable_answers() -> None:
    rule = "negotiation.answer-acceptable"
    assert fails(rule, metadata(XML))
    assert fails(rule, metadata(f"{JSON};q=0, {XML}"))
    assert fails(rule, metadata(JSON, DOCUMENTS))
    assert fails(rule, exchange(answer(200, b"x", "application/dicom"), ask(INSTANCE, DICOM)))
    assert fails(rule, exchange(answer(200, b"x", "application/octet-stream"), ask(FRAME, OCTETS)))
    assert fails(rule, metadata(JSON, answer(200, b"[]", "application/json")))
    assert passes(
        rule, metadata(JSON, DOCUMENTS, f"?accept={XML.replace(' ', '').replace(';', '%3B').replace('/', '%2F')}")
    )
    assert said(rule, metadata(None)) is None
    assert said(rule, metadata(JSON, answer(404, b"x", "text/html"))) is None
    assert said(rule, exchange(listed(), ask(f"{INSTANCE}/rendered", "image/jpeg"))) is None


def test_the_default_to_those_who_accept_nothing_of_it_is_another_rules_matter() -> None:
    x = metadata("text/csv")
    assert passes("negotiation.answer-acceptable", x)
    assert warns("negotiation.none-acceptable", x)
    assert passes("negotiation.none-acceptable", metadata("text/csv", policies={"D-02": "default"}))


def test_a_type_without_a_type_parameter_is_read_from_its_parts() -> None:
    bare = DOCUMENTS.but(type="multipart/related; boundary=b1")
    assert passes("negotiation.answer-acceptable", metadata(XML, bare))


@pytest.mark.parametrize(
    ("accept", "right"),
    [
        (f"{JSON}, {XML};q=0.5", True),
        (f"{JSON};q=0.5, {XML};q=0.5", None),
        (f"{JSON};q=0.123, {XML};q=0.124", False),
        (f"{JSON};q=0.5, {XML}", False),
        (f"{JSON};Q=0.5, {XML};Q=0.6", False),
        (f"*/*;q=0.9, {JSON};q=0.1", False),
        (f"*/*, {JSON}", None),
        ("application/*;q=0.5, multipart/*;q=0.4", True),
        ("text/csv, application/*;q=0.5, multipart/*;q=0.6", False),
        (JSON, True),
    ],
)
def test_best_weight_when_json_came(accept: str, right: bool | None) -> None:
    x = metadata(accept)
    assert (
        said("negotiation.best-weight", x) is None if right is None else passes("negotiation.best-weight", x) is right
    )


@given(st.sampled_from(["search", "metadata"]).flatmap(lambda r: st.tuples(st.just(r), accepts(r))))
def test_every_preferred_type_passes_and_every_other_fails(drawn: tuple[str, AcceptCase]) -> None:
    resource, case = drawn
    target = "studies" if resource == "search" else METADATA
    came = {JSON: listed(), XML: DOCUMENTS}
    for offered in OFFERED[resource]:
        x = exchange(came[offered], ask(target, case.header), facts=HELD)
        verdicts = [said(f"negotiation.{rule}", x) for rule in ("answer-acceptable", "best-weight")]
        assert any(verdicts) is (offered not in case.preferred)
    refused = exchange(answer(406, b"no", "text/html"), ask(target, case.header), facts=HELD)
    assert fails("negotiation.supported-not-refused", refused)


@pytest.mark.parametrize("status", [406, 415, 400, 500])
def test_refusals_of_what_is_supported(status: int) -> None:
    refused = answer(status, b"no", "text/html")
    assert fails("negotiation.supported-not-refused", metadata(f"text/csv;x=y, {XML};q=0.1", refused))
    assert fails("negotiation.supported-not-refused", metadata("multipart/*", refused))


def test_refusals_that_are_right_or_unclear() -> None:
    rule, refused = "negotiation.supported-not-refused", answer(406, b"no", "text/html")
    assert said(rule, metadata("text/csv", refused)) is None
    assert said(rule, metadata("application/dicom+xml", refused)) is None
    assert said(rule, metadata(f"{JSON}, image/png", refused)) is None
    assert said(rule, metadata(JSON, answer(404, b"no", "text/html"), facts={})) is None
    assert said(rule, exchange(refused, ask(INSTANCE, DICOM))) is None
    assert fails(rule, exchange(refused, ask(INSTANCE, DICOM), facts=HELD))
    assert said(rule, exchange(refused, ask(INSTANCE, OCTETS), facts={"held": True, "lossless": True})) is None
    assert fails(rule, exchange(refused, ask(FRAME, OCTETS), facts=HELD))
    assert passes(rule, exchange(OCTET_PARTS, ask(FRAME, OCTETS), facts=HELD))


@pytest.mark.parametrize(("status", "right"), [(406, True), (400, False), (404, False), (500, False)])
def test_nothing_acceptable(status: int, right: bool) -> None:
    assert passes("negotiation.none-acceptable", metadata("text/csv", answer(status, b"no", "text/html"))) is right


def test_nothing_acceptable_of_the_table_but_of_the_target() -> None:
    rule = "negotiation.none-acceptable"
    assert passes(rule, metadata("text/csv", answer(200, b"a,b", "text/csv")))
    assert passes(
        rule, exchange(answer(200, b"x", "application/dicom"), ask(INSTANCE, "application/dicom"), facts=HELD)
    )
    assert warns(rule, exchange(FILES, ask(INSTANCE, "application/dicom"), facts=HELD))
    assert warns(rule, exchange(OCTET_PARTS, ask(FRAME, 'multipart/related; type="image/jp2"'), facts=HELD))
    assert said(rule, metadata(JSON)) is None
    assert said(rule, metadata("text/csv", answer(404, b"no", "text/html"), facts={})) is None


def test_no_accept() -> None:
    rule = "negotiation.no-accept-is-406"
    assert fails(rule, metadata(None))
    assert passes(rule, metadata(None, answer(406, b"no", "text/html")))
    assert fails(rule, metadata(None, query=f"?accept={JSON}"))
    assert said(rule, metadata("")) is None
    assert said(rule, metadata(None, facts={})) is None


def test_mixtures() -> None:
    rule = "negotiation.mixture-is-400"
    assert fails(rule, metadata(f"{JSON}, image/png"))
    assert fails(rule, metadata(f"{XML}, text/html;q=0.1"))
    assert passes(rule, metadata(f"{JSON}, image/gif", answer(400)))
    assert fails(rule, metadata("*/*", query="?accept=application%2Fdicom%2Bjson,image%2Fpng"))
    for pure in (
        f"{JSON}, */*",
        f"{JSON}, image/png;q=0",
        "text/html, */*",
        f'{OCTETS}, multipart/related; type="image/jpeg"',
    ):
        assert said(rule, metadata(pure)) is None


def test_the_wildcard_means_the_default() -> None:
    rule = "negotiation.wildcard-is-default"
    assert passes(rule, metadata("*/*"))
    assert fails(rule, metadata("*/*", DOCUMENTS))
    assert fails(rule, exchange(answer(200, b"x", "application/dicom"), ask(INSTANCE, "*/*")))
    assert said(rule, exchange(FILES, ask(INSTANCE, "*/*"), edition="2020c")) is None
    assert said(rule, exchange(OCTET_PARTS, ask(FRAME, "*/*"))) is None
    assert said(rule, metadata(f"*/*, {XML}", DOCUMENTS)) is None


NAMED_XML = "?accept=multipart%2Frelated%3B%20type%3D%22application%2Fdicom%2Bxml%22"


def test_the_accept_parameter_comes_first() -> None:
    rule = "negotiation.parameter-comes-first"
    assert passes(rule, metadata("*/*", DOCUMENTS, NAMED_XML))
    assert fails(rule, metadata("*/*", query=NAMED_XML))
    assert fails(rule, metadata(f"{JSON}, {XML};q=0.1", query=NAMED_XML))
    assert fails(rule, metadata("*/*", answer(406, b"no", "text/html"), NAMED_XML))
    assert said(rule, metadata(JSON, query=NAMED_XML)) is None
    assert said(rule, metadata("*/*", query="?accept=text%2Fcsv")) is None
    assert said(rule, metadata("*/*", query="?accept=*%2F*")) is None
    assert said(rule, metadata("*/*")) is None


def test_transfer_syntax_parameter() -> None:
    rule = "negotiation.transfer-syntax-parameter"
    anything = ask(INSTANCE, f"{DICOM}; transfer-syntax=*")
    assert passes(rule, exchange(FILES, anything, facts=HELD))
    assert fails(rule, exchange(answer(406), anything, facts=HELD))
    assert said(rule, exchange(answer(406), anything)) is None
    explicit = ask(INSTANCE, f"{DICOM}; transfer-syntax=1.2.840.10008.1.2.1")
    assert fails(rule, exchange(answer(406), explicit, facts=HELD))
    assert said(rule, exchange(answer(406), explicit, facts={"held": True})) is None
    rle = ask(INSTANCE, f"{DICOM}; transfer-syntax=1.2.840.10008.1.2.5")
    assert said(rule, exchange(answer(406), rle, facts=HELD)) is None


def test_a_transfer_syntax_named_by_the_parameter() -> None:
    rule, kind = "negotiation.parameter-names-transfer-syntax", "web.retrieve.parameter-syntax"
    by_syntax = {s.transfer_syntax: s.part10 for s in corpus(1, "T")}
    rle, explicit = by_syntax["1.2.840.10008.1.2.5"], by_syntax["1.2.840.10008.1.2.1"]
    named = f"{DICOM}; transfer-syntax=1.2.840.10008.1.2.5"
    target = f"{INSTANCE}?accept={quote(named, safe='')}"

    def pair(first: bytes, second: bytes):
        field = exchange(related([("application/dicom", first)]), ask(INSTANCE, named), step="field")
        other = exchange(related([("application/dicom", second)]), ask(target, "*/*"), step="parameter")
        return journey(kind, field, other)

    assert passes(rule, pair(rle, rle))
    assert fails(rule, pair(rle, explicit))
    assert said(rule, pair(explicit, explicit)) is None


def test_bulk_is_never_implicit() -> None:
    rule = "negotiation.bulk-never-implicit"
    implicit = related([("application/octet-stream; transfer-syntax=1.2.840.10008.1.2", b"x")])
    assert fails(rule, exchange(implicit, ask(FRAME, OCTETS)))
    explicit = related([("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1", b"x")])
    assert passes(rule, exchange(explicit, ask(FRAME, OCTETS)))
    assert said(rule, exchange(OCTET_PARTS, ask(FRAME, OCTETS))) is None


def test_a_transfer_syntax_is_a_uid() -> None:
    rule = "negotiation.transfer-syntax-is-a-uid"
    assert fails(rule, exchange(related([("application/dicom; transfer-syntax=*", b"x")]), ask(INSTANCE, DICOM)))
    assert passes(rule, exchange(related([('application/dicom; transfer-syntax="1.2.3"', b"x")]), ask(INSTANCE, DICOM)))


def test_dicom_is_part10() -> None:
    rule = "negotiation.dicom-is-part10"
    assert passes(rule, exchange(FILES, ask(INSTANCE, DICOM)))
    assert fails(rule, exchange(related([("application/dicom", b"\x08\0\5\0CS")]), ask(INSTANCE, DICOM)))
    wrong = related([("application/octet-stream", bytes(128) + b"DICM")])
    assert fails(rule, exchange(wrong, ask(FRAME, OCTETS)))
    assert passes(rule, exchange(OCTET_PARTS, ask(FRAME, OCTETS)))


BASELINE = b"\xff\xd8\xff\xdb\x00\x04\0\0\xff\xc0\x00\x0b" + bytes(9)
LOSSLESS = b"\xff\xd8\xff\xc4\x00\x04\0\0\xff\xc3\x00\x0b" + bytes(9)
J2K = b"\xff\x4f\xff\x51" + bytes(600)
J = "1.2.840.10008.1.2.4."


def frame(kind: str, octets: bytes):
    return exchange(related([(kind, octets)]), ask(FRAME, "*/*"))


@pytest.mark.parametrize(
    ("kind", "octets", "outcome"),
    [
        ("image/jpeg", LOSSLESS, passes),
        (f"image/jpeg; transfer-syntax={J}50", BASELINE, passes),
        (f"image/jpeg; transfer-syntax={J}57", LOSSLESS, passes),
        (f"image/jpeg; transfer-syntax={J}51", BASELINE, passes),
        ("image/jpeg", BASELINE, warns),
        (f"image/jpeg; transfer-syntax={J}70", BASELINE, fails),
        (f"image/jp2; transfer-syntax={J}50", J2K, fails),
        (f"image/jp2; transfer-syntax={J}91", J2K, passes),
        ("image/jp2", J2K, passes),
        ("image/jls", LOSSLESS, fails),
        ("image/x-jls", b"\xff\xd8\xff\xf7\x00\x0b" + bytes(9), passes),
        ("image/dicom-rle", b"\1\0\0\0", passes),
        ("image/jp2; transfer-syntax=1.3.6.1.4.1.99999.1", J2K, passes),
    ],
)
def test_compressed_frames_as_labelled(kind: str, octets: bytes, outcome) -> None:
    assert outcome("negotiation.compressed-as-labelled", frame(kind, octets))


@given(st.binary(max_size=200))
def test_any_octets_have_a_codec_or_none(octets: bytes) -> None:
    for head in (b"", b"\xff\xd8\xff", b"\xff\x4f\xff\x51"):
        assert isinstance(codec(Body.of(head + octets)), frozenset)


def test_charset_of_content_type() -> None:
    rule = "negotiation.charset-is-true"
    assert passes(rule, metadata(JSON, answer(200, '["ä"]'.encode(), f"{JSON}; charset=UTF-8")))
    assert fails(rule, metadata(JSON, answer(200, '["ä"]'.encode(), f"{JSON}; charset=us-ascii")))
    assert fails(rule, metadata(JSON, answer(200, b"[]", f"{JSON}; charset=ISO-8859-1")))
    assert fails(rule, metadata(JSON, answer(200, b"[]", f"{JSON}; charset=none-such")))
    assert said(rule, metadata(JSON)) is None


def test_forms_are_equal() -> None:
    rule, kind = "negotiation.forms-are-equal", "web.retrieve.accept-forms"
    plain = metadata(JSON, step="plain")
    assert passes(rule, journey(kind, plain, metadata("APPLICATION/DICOM+JSON", step="other")))
    assert fails(rule, journey(kind, plain, metadata("APPLICATION/DICOM+JSON", answer(406), step="other")))
    assert fails(rule, journey(kind, plain, metadata(f"{JSON};q=1", DOCUMENTS, step="other")))
    assert said(rule, journey(kind, metadata(JSON, answer(404), step="plain"), plain)) is None


def test_charsets_are_ignored() -> None:
    rule, kind = "negotiation.charset-ignored", "web.search.charset"
    plain = exchange(listed(), ask("studies"), step="plain")
    assert passes(rule, journey(kind, plain, exchange(listed(), ask("studies?charset=x"), step="other")))
    assert fails(rule, journey(kind, plain, exchange(answer(400), ask("studies?charset=x"), step="other")))
    assert fails(rule, journey(kind, plain, exchange(answer(204), ask("studies?charset=x"), step="other")))
    empty = exchange(answer(204), ask("studies"), step="plain")
    assert said(rule, journey(kind, empty, plain)) is None
