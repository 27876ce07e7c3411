"""Rules on status lines, status codes, header fields and payloads, each on hand-made exchanges."""

from __future__ import annotations

import gzip

import pytest

from harness.exchange import Fault
from tests.suites.messages import (
    BASE,
    DICOM,
    INSTANCE,
    JSON,
    METADATA,
    XML,
    answer,
    ask,
    exchange,
    fails,
    journey,
    listed,
    passes,
    related,
    row,
    said,
    warns,
)

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\n\r\n"


def headed(head: bytes):
    return exchange(answer(200, b"[]", JSON, head=head))


def test_a_missing_answer_fails_and_a_capped_one_does_not() -> None:
    assert fails("http.always-answers", exchange(answer(0, fault=Fault("reset", "closed"))))
    assert passes("http.always-answers", exchange(answer(200, b"[]", JSON, fault=Fault("too-large", "cut"))))
    assert passes("http.always-answers", exchange(listed()))


@pytest.mark.parametrize("line", [b"HTTP/1.0 200 OK", b"HTTP/1.1 200", b"HTTP/1.1 404 \xe9chec", b"HTTP/0.9 200 OK"])
def test_status_lines_that_fail(line: bytes) -> None:
    assert fails("http.status-line", headed(line + b"\r\n\r\n"))


@pytest.mark.parametrize("line", [b"HTTP/1.1 200 OK", b"HTTP/1.1 404 ", b"HTTP/1.1 404 Nothing\there, sorry"])
def test_status_lines_that_pass(line: bytes) -> None:
    assert passes("http.status-line", headed(line + b"\r\n\r\n"))


def test_without_octets_the_status_line_is_not_exercised() -> None:
    assert said("http.status-line", headed(b"")) is None


def test_status_codes_by_registry() -> None:
    assert fails("http.status-code", exchange(answer(604)))
    assert warns("http.status-code", exchange(answer(499)))
    assert passes("http.status-code", exchange(answer(422)))


@pytest.mark.parametrize(("status", "failing"), [(500, True), (502, True), (501, False), (503, False), (404, False)])
def test_server_errors(status: int, failing: bool) -> None:
    assert fails("http.no-server-error", exchange(answer(status))) is failing


def test_reports_of_failures() -> None:
    assert fails("http.failure-has-report", exchange(answer(404)))
    assert passes("http.failure-has-report", exchange(answer(404, b"no", "text/plain")))
    assert said("http.failure-has-report", exchange(answer(404), ask(method="HEAD"))) is None
    assert said("http.failure-has-report", exchange(listed())) is None


def test_refusals_list_media_types() -> None:
    assert said("http.refusal-lists-media-types", exchange(answer(406, b"no", "text/plain")))
    assert passes("http.refusal-lists-media-types", exchange(answer(406, b"try application/dicom+json", "text/plain")))


def test_report_type_without_accept() -> None:
    silent = ask(accept=None)
    assert said("http.report-in-html-by-default", exchange(answer(406, b"{}", "application/json"), silent))
    assert passes("http.report-in-html-by-default", exchange(answer(406, b"<p>", "text/html; charset=utf-8"), silent))
    assert said("http.report-in-html-by-default", exchange(answer(406, b"{}", "application/json"))) is None


def test_401_needs_a_challenge() -> None:
    assert fails("http.401-has-challenge", exchange(answer(401)))
    assert fails("http.401-has-challenge", exchange(answer(401, fields=[("WWW-Authenticate", "")])))
    assert passes("http.401-has-challenge", exchange(answer(401, fields=[("www-authenticate", 'Bearer realm="x"')])))
    assert said("http.401-has-challenge", exchange(answer(403))) is None


def test_405_needs_allow() -> None:
    put = ask("studies", method="PUT")
    assert fails("http.405-has-allow", exchange(answer(405), put))
    assert fails("http.405-has-allow", exchange(answer(405, fields=[("Allow", "GET, PUT")]), put))
    assert passes("http.405-has-allow", exchange(answer(405, fields=[("Allow", "GET,POST")]), put))
    assert passes("http.405-has-allow", exchange(answer(405, fields=[("Allow", "")]), put))


def test_206_needs_a_range_outside_of_retrieve() -> None:
    search = ask("studies")
    assert fails("http.206-answers-a-range", exchange(listed(status=206), search))
    assert passes("http.206-answers-a-range", exchange(listed(status=206)))
    strict = exchange(listed(status=206), policies={"D-01": "range-only"})
    assert fails("http.206-answers-a-range", strict)
    ranged = ask("studies", fields=[("Range", "bytes=0-1")])
    assert passes("http.206-answers-a-range", exchange(listed(status=206), ranged))


def test_304_needs_a_condition() -> None:
    assert fails("http.304-answers-a-condition", exchange(answer(304)))
    asked = ask(fields=[("If-None-Match", '"1"')])
    assert passes("http.304-answers-a-condition", exchange(answer(304), asked))


def test_redirects_need_a_location() -> None:
    assert fails("http.redirect-has-location", exchange(answer(303)))
    assert passes("http.redirect-has-location", exchange(answer(302, fields=[("Location", "/elsewhere")])))


@pytest.mark.parametrize(("status", "outcome"), [(415, passes), (400, warns), (406, fails), (200, fails), (500, fails)])
def test_unsupported_payloads(status: int, outcome) -> None:
    text = ask("studies", fields=[("Content-Type", "text/plain")], method="POST", body=b"x")
    assert outcome("http.unsupported-payload-is-415", exchange(answer(status), text))


def test_content_type_is_there_with_a_payload_and_not_without() -> None:
    assert fails("http.content-type-with-payload", exchange(answer(404, b"x")))
    assert said("http.content-type-with-payload", exchange(answer(204))) is None
    assert fails("http.no-content-type-without-payload", exchange(answer(204, type=JSON)))
    assert passes("http.no-content-type-without-payload", exchange(answer(204)))
    assert said("http.no-content-type-without-payload", exchange(answer(200, type=JSON))) is None


@pytest.mark.parametrize(
    "value",
    [
        "text",
        "application/*",
        "application/dicom+json, text/html",
        "text/html; charset = utf-8",
        "application/dicom; transfer-syntax=1.2; transfer-syntax=1.3",
        "text/html; charset=ISO 2022 IR 87",
        "",
    ],
)
def test_content_types_that_fail(value: str) -> None:
    assert fails("http.content-type-syntax", exchange(answer(200, b"x", value)))


@pytest.mark.parametrize(
    "value",
    [
        'text/html ;charset="ISO 2022 IR 87"',
        "Text/HTML;Charset=UTF-8;",
        "multipart/related; type=application/dicom; boundary=abc",
        'multipart/related; type="application/dicom"; boundary="a=b"',
    ],
)
def test_content_types_that_pass(value: str) -> None:
    assert passes("http.content-type-syntax", exchange(answer(200, b"x", value)))


def test_quotes_of_content_type_by_edition() -> None:
    bare = answer(200, b"x", "multipart/related; type=application/dicom; boundary=abc")
    assert fails("http.content-type-syntax", exchange(bare, edition="2020c"))
    special = answer(200, b"x", 'multipart/related; type="application/dicom"; boundary=a/b')
    assert warns("http.content-type-syntax", exchange(special))


def test_repeated_fields() -> None:
    twice = answer(200, b"[]", JSON, fields=[("ETag", '"1"'), ("etag", '"2"')])
    assert fails("http.one-field-each", exchange(twice))
    lists = answer(200, b"[]", JSON, fields=[("Vary", "Accept"), ("Vary", "Origin"), ("Warning", "299 a: b")])
    assert passes("http.one-field-each", exchange(lists))


def test_field_lines() -> None:
    assert fails("http.field-lines", headed(HEAD[:-2] + b" folded\r\n\r\n"))
    assert fails("http.field-lines", headed(HEAD[:-2] + b"no colon\r\n\r\n"))
    assert fails("http.field-lines", headed(HEAD[:-2] + b"X : blank before\r\n\r\n"))
    assert warns("http.field-lines", headed(HEAD[:-2] + b"X-Name: \xc3\xa4\r\n\r\n"))
    assert passes("http.field-lines", headed(HEAD[:-2] + b'X-Empty:\r\nx!#$:\t"any" \r\n\r\n'))


def test_content_location_of_representations() -> None:
    assert fails("http.content-location", exchange(listed()))
    located = answer(200, b"[]", JSON, fields=[("Content-Location", f"{BASE}/{METADATA}")])
    assert passes("http.content-location", exchange(located))
    assert said("http.content-location", exchange(listed(), ask("studies"))) is None
    assert said("http.content-location", exchange(related([("application/dicom", b"x")]), ask(INSTANCE))) is None
    assert said("http.content-location", exchange(answer(404, b"x", "text/plain"))) is None


def test_uris_in_fields() -> None:
    blank = answer(200, b"[]", JSON, fields=[("Content-Location", "/dicom web/x")])
    assert fails("http.location-is-a-uri", exchange(blank))
    odd = answer(200, b"[]", JSON, fields=[("Content-Location", "../frames/1,2?x=%20#f")])
    assert passes("http.location-is-a-uri", exchange(odd))
    assert said("http.location-is-a-uri", exchange(listed())) is None


@pytest.mark.parametrize(
    "value",
    [
        f"299 {BASE}: There are 5 additional results that can be requested",
        '299 pacs:80 "There are more"',
        '299 - "odd, but \\"legal\\"" "Thu, 01 Feb 2024 12:00:00 GMT"',
        '299 a "first", 199 b "second"',
    ],
)
def test_warnings_that_pass(value: str) -> None:
    assert passes("http.warning-syntax", exchange(answer(200, b"[]", JSON, fields=[("Warning", value)])))


@pytest.mark.parametrize("value", ['299 "There are more"', "There are more", "299", "29 a: b", "299 agent text"])
def test_warnings_that_fail(value: str) -> None:
    assert fails("http.warning-syntax", exchange(answer(200, b"[]", JSON, fields=[("Warning", value)])))


def test_a_warning_as_the_examples_write_it_is_no_failure() -> None:
    shown = exchange(answer(200, b"[]", JSON, fields=[("Warning", "A700 <service>: Out of memory")]))
    assert not passes("http.warning-syntax", shown)
    assert not fails("http.warning-syntax", shown)


def test_urls_that_lead_elsewhere() -> None:
    inner = {"00081190": {"vr": "UR", "Value": ["http://inner/dicomweb/studies/1.2"]}}
    assert said("http.urls-name-the-host-asked", exchange(listed(row(**inner)), ask("studies")))
    own = {"00081190": {"vr": "UR", "Value": [f"{BASE}/studies/1.2"]}}
    assert passes("http.urls-name-the-host-asked", exchange(listed(row(**own)), ask("studies")))
    nested = {"00400275": {"vr": "SQ", "Value": [{"00420011": {"vr": "OB", "BulkDataURI": "https://x/y"}}]}}
    assert said("http.urls-name-the-host-asked", exchange(listed(row(**nested))))
    relative = {"7FE00010": {"vr": "OW", "BulkDataURI": "bulk/1"}}
    assert said("http.urls-name-the-host-asked", exchange(listed(row(**relative)))) is None


def test_length_or_transfer_encoding() -> None:
    rule = "http.length-or-transfer-encoding"
    assert passes(rule, exchange(listed()))
    assert passes(rule, exchange(answer(200, b"x", JSON, [("Transfer-Encoding", "chunked")], length=False)))
    assert fails(rule, exchange(answer(200, b"x", JSON, [("Transfer-Encoding", "chunked")])))
    assert fails(rule, exchange(answer(200, b"x", JSON, length=False)))
    assert said(rule, exchange(answer(204))) is None


def test_content_length() -> None:
    rule = "http.content-length-is-size"
    assert fails(rule, exchange(answer(200, b"xx", JSON, [("Content-Length", "3")], length=False)))
    assert fails(rule, exchange(answer(200, b"xx", JSON, [("Content-Length", "two")], length=False)))
    cut = answer(200, b"x", JSON, [("Content-Length", "9")], fault=Fault("reset", "gone"), length=False)
    assert fails(rule, exchange(cut))
    capped = answer(200, b"x", JSON, [("Content-Length", "9")], fault=Fault("too-large", "our cap"), length=False)
    assert passes(rule, exchange(capped))
    assert said(rule, exchange(answer(200, type=JSON, fields=[("Content-Length", "9")]), ask(method="HEAD"))) is None


def test_messages_without_payload() -> None:
    rule = "http.nothing-in-chunks"
    zero = answer(204, fields=[("Content-Length", "0")])
    assert passes(rule, exchange(zero))
    assert warns(rule, exchange(zero, policies={"D-04": "absent"}))
    assert fails(rule, exchange(answer(204, fields=[("Transfer-Encoding", "chunked")])))
    assert fails(rule, exchange(answer(204, fields=[("Content-Length", "7")])))


def test_content_encoding() -> None:
    rule = "http.content-encoding-is-true"
    packed = gzip.compress(b"[]")
    assert fails(rule, exchange(answer(200, packed, JSON)))
    assert fails(rule, exchange(answer(200, b"[]", JSON, [("Content-Encoding", "gzip")])))
    assert passes(rule, exchange(answer(200, packed, JSON, [("Content-Encoding", "gzip")])))
    assert passes(rule, exchange(answer(200, b"any", JSON, [("Content-Encoding", "br")])))
    assert said(rule, exchange(answer(200, packed, "application/octet-stream"))) is None


@pytest.mark.parametrize(
    ("accepted", "coding", "right"),
    [
        ("gzip", "gzip", True),
        ("identity", "gzip", False),
        ("gzip;q=0", "gzip", False),
        ("*", "br", True),
        ("gzip", None, True),
        ("identity;q=0, gzip", None, False),
        ("*;q=0", None, False),
    ],
)
def test_acceptable_codings(accepted: str, coding: str | None, right: bool) -> None:
    fields = [("Content-Encoding", coding)] if coding else []
    x = exchange(answer(200, b"x", JSON, fields), ask(fields=[("Accept-Encoding", accepted)]))
    assert passes("http.content-coding-acceptable", x) is right


def test_codings_keep_the_content() -> None:
    plain = exchange(listed())
    packed = exchange(answer(200, gzip.compress(plain.answer.body.bytes()), JSON, [("Content-Encoding", "gzip")]))
    other = exchange(answer(200, gzip.compress(b"[]"), JSON, [("Content-Encoding", "gzip")]))
    assert passes("http.coding-keeps-content", journey("web.retrieve.coding", plain, packed))
    assert fails("http.coding-keeps-content", journey("web.retrieve.coding", plain, other))


WHOLE = answer(200, b"0123456789", "application/dicom")


def ranged(status: int, body: bytes, content_range: str = "", asked: str = "bytes=2-4"):
    fields = [("Content-Range", content_range)] if content_range else []
    return exchange(answer(status, body, "application/dicom", fields), ask(fields=[("Range", asked)]), step="range")


def test_content_range() -> None:
    rule = "http.content-range"
    assert passes(rule, ranged(206, b"234", "bytes 2-4/10"))
    assert fails(rule, ranged(206, b"234"))
    assert fails(rule, ranged(206, b"2345", "bytes 2-4/10"))
    assert fails(rule, ranged(416, b"", "bytes 2-4/10"))
    assert warns(rule, ranged(416, b""))
    assert passes(rule, ranged(416, b"", "bytes */10"))
    assert said(rule, ranged(200, b"0123456789")) is None


@pytest.mark.parametrize(
    ("partial", "right"),
    [
        (ranged(206, b"234", "bytes 2-4/10"), True),
        (ranged(206, b"234", "bytes 2-4/*"), True),
        (ranged(200, b"0123456789"), True),
        (ranged(206, b"89", "bytes 8-9/10", "bytes=8-99"), True),
        (ranged(416, b"", "bytes */10", "bytes=10-"), True),
        (ranged(206, b"789", "bytes 7-9/10", "bytes=-3"), True),
        (ranged(206, b"345", "bytes 2-4/10"), False),
        (ranged(206, b"345", "bytes 3-5/10"), False),
        (ranged(206, b"234", "bytes 2-4/11"), False),
        (ranged(200, b"234"), False),
        (ranged(416, b"", "bytes */10"), False),
        (ranged(500, b""), False),
    ],
)
def test_ranges_are_parts_of_the_whole(partial, right: bool) -> None:
    j = journey("web.retrieve.range", exchange(WHOLE, step="whole"), partial)
    assert passes("http.range-is-part-of-whole", j) is right
    assert fails("http.range-is-part-of-whole", j) is not right


def test_ranges_of_multipart_are_not_compared() -> None:
    whole = exchange(related([("application/dicom", b"x")]), step="whole")
    assert said("http.range-is-part-of-whole", journey("web.retrieve.range", whole, ranged(206, b"x"))) is None


def test_conditional_requests() -> None:
    first = exchange(listed(), step="first")
    again = exchange(answer(304), step="again")
    assert passes("http.unchanged-is-304", journey("web.retrieve.conditional", first, again))
    assert said("http.unchanged-is-304", journey("web.retrieve.conditional", first, exchange(listed(), step="again")))
    assert said("http.unchanged-is-304", journey("web.retrieve.conditional", first)) is None


def test_places_lead_to_the_host_that_was_asked() -> None:
    rule, inner = "http.urls-name-the-host-asked", "http://localhost:8042/dicomweb/studies/1.2"
    assert passes(rule, exchange(related([("application/dicom", b"x")]), ask(INSTANCE, DICOM)))
    assert said(rule, exchange(related([("application/dicom", b"x")], location=inner), ask(INSTANCE, DICOM)))
    assert said(rule, exchange(related([("application/dicom", b"x")], location="/1.2"), ask(INSTANCE, DICOM))) is None
    assert said(rule, exchange(answer(200, b"[]", JSON, [("Content-Location", inner)])))
    uri = f'<NativeDicomModel><DicomAttribute tag="7FE00010" vr="OW"><BulkData uri="{inner}"/></DicomAttribute>'
    document = f"{uri}</NativeDicomModel>".encode()
    assert said(rule, exchange(related([("application/dicom+xml", document)]), ask(METADATA, XML)))
    assert passes(rule, exchange(related([("application/dicom+xml", b"<no")]), ask(METADATA, XML)))
